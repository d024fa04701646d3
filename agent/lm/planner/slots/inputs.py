"""Inputs to predict on, a prompt to go on with, and free text (a tag, a note)."""

from __future__ import annotations

import json
import re
from typing import Any

from agent.lm.planner.slots.reading import Reading

_PAIR = re.compile(
    r"[`\"']?([A-Za-z_][\w ()./-]*?)[`\"']? ?[=:] ?(-?\d+(?:\.\d+)?|[`\"'][^`\"']*[`\"']|"
    r"[A-Za-z_][\w-]*)(?=[,;.?!\s]|$)"
)
_QUOTED = re.compile(r"(?<!\w)[`\"']([^`\"']+)[`\"'](?!\w)")
_LISTED = re.compile(r"(?:^|,| and | for )\s*([A-Za-z_][A-Za-z_ ()]*?) (-?\d+(?:\.\d+)?)(?=\s*(?:,| and |[?.!]?\s*$))")
_PROMPT = re.compile(r"\b(?:continue|complete)(?: (?:the|this))?(?: (?:text|sentence|prompt|story))? ?: ?(.+?)$", re.I)
_POINTER = re.compile(
    r"\b(?:this|these|those|that|following)(?: (?:text|message|sentence|review|mail|e-?mail|one)s?)?$", re.I
)
"""What stands before a colon and is no column: "classify this: …"."""

_JSON = re.compile(r"[\[{].*[\]}]", re.S)
_LABEL = re.compile(
    r"\b(?:tag|call|name|label|mark)\b.*?(?:\bas\b|\bwith\b|\bit\b|\bthis\b|\bthat\b|\bmodel\b|"
    r"\brun\b|\d) (?:the )?([\w.-]+)\W*$"
)
_NOTE = re.compile(
    r"\b(?:note|remark|comment)\b(?: (?:to|on|for) (?:it|(?:experiment|run|model)(?: \d+)?))?(?: that|"
    r":|,| saying)? (.+)$"
)


def read(reading: Reading) -> None:
    """Find rows as JSON or as name=value pairs, quoted texts, and labels."""
    text = reading.text
    rows = _rows(text)
    prompt = _PROMPT.search(text)
    quoted = _QUOTED.findall(text)
    if prompt and not quoted:
        reading.put("inputs", [prompt[1].strip()])
    elif rows:
        reading.put("inputs", rows)
    elif quoted:
        reading.put("inputs", quoted)
    label = _LABEL.search(text)
    if quoted or label:
        reading.put("tag", quoted[-1] if quoted else label[1] if label else "")
    note = _NOTE.search(text)
    if quoted or note:
        reading.put("note", quoted[-1] if quoted else note[1].strip(" .") if note else "")


def _rows(text: str) -> list[dict[str, Any]]:
    found = _JSON.search(text)
    if found:
        try:
            value = json.loads(found[0])
        except ValueError:
            value = None
        rows = value if isinstance(value, list) else [value]
        if all(isinstance(row, dict) for row in rows):
            return rows
    pairs = {name.split(" for ")[-1].split(" with ")[-1].strip(): _value(value) for name, value in _PAIR.findall(text)}
    pairs = {name: value for name, value in pairs.items() if not _POINTER.search(name)}
    if not pairs and re.search(r"\bpredict|\bsay\b|\bgive\b", text):
        pairs = {name.split(" for ")[-1].strip(): _value(value) for name, value in _LISTED.findall(text)}
    return [pairs] if pairs else []


def _value(text: str) -> Any:
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text.strip("`\"'")
