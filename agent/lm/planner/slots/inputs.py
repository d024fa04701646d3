"""Inputs to predict on, a prompt to go on with, and free text (a tag, a note)."""

from __future__ import annotations

import json
import re
from typing import Any

from agent.lm.planner.knowledge import data
from agent.lm.planner.slots.reading import Reading

_PAIR = re.compile(
    r"(§\d+[qc]§|[a-z_][\w ()./-]*?) ?[=:] ?"
    r"(-?\d+(?:\.\d+)?|§\d+q§|[a-z_][\w-]*(?=\s*(?:[,;.?!]|and\b|$)))(?=[,;.?!\s]|$)"
)
_LISTED = re.compile(
    r"(?:^|,| and | for | with | at )\s*([a-z_][a-z_ ()]*?) (-?\d+(?:\.\d+)?)(?=\s*(?:,| and |[?.!]?\s*$))"
)
_LEADS = re.compile(r"^.*\b(?:for|with|where|of|say|predict|row|flower|house|customer|that|has|is|and)\b ")
_NO_KEYS = re.compile(
    r"\b(?:this|these|those|that|following|y|target|label|seed|trials|folds|patience|weights?|tag|note|says?|budget|limit|"
    r"accuracy|size|latency|time|max|min|metric)(?: (?:text|message|sentence|review|mail|e-?mail|one)s?)?$"
)
"""What stands before a colon and is no column: "classify this: …", "budget: 60 s"."""

_LABEL = re.compile(
    r"\b(?:tag|call|name|rename|label|mark|bookmark|flag|christen|dub|title)\b.*?(?:\bas\b|\bwith\b|\bit\b|"
    r"\bthis(?: one)?\b|\bthat(?: one)?\b|\bone\b|\bmodel\b|\brun\b|\bexperiment\b|\d:?) "
    r"(?:the |our |my )?(?!one\b)([\w.-]+)\W*$"
)


def read(reading: Reading) -> None:
    """Find rows as JSON or as name=value pairs, quoted texts, and labels."""
    text = reading.text
    rows = _rows(reading)
    spoken = [part for part, _, _ in reading.held("pq")]
    target = reading.found.get("target")
    quoted = [part for part in spoken if part != target and part not in reading.world.names]
    if rows:
        reading.put("inputs", rows)
    elif quoted:
        reading.put("_quoted", quoted)
    label = _LABEL.search(text)
    if spoken or label:
        reading.put("tag", spoken[-1] if spoken else label[1] if label else "")
    if spoken:
        reading.put("note", spoken[-1])


def _rows(reading: Reading) -> list[dict[str, Any]]:
    for written, _, _ in reading.held("j"):
        try:
            value = json.loads(written)
        except ValueError:
            continue
        rows = value if isinstance(value, list) else [value]
        if rows and all(isinstance(row, dict) for row in rows):
            return rows
    text = reading.text
    pairs: dict[str, Any] = {}
    for match in _PAIR.finditer(text):
        name = _name(match[1], reading)
        if name and not _NO_KEYS.search(name) and not (match[2] in reading.world.names and not match[2][0].isdigit()):
            pairs[name] = _value(reading.whole.original(match[2]))
    if not pairs and re.search(data("lexicon")["asking_a_model"], text):
        pairs = {_name(name, reading): _value(value) for name, value in _LISTED.findall(text)}
        pairs = {name: value for name, value in pairs.items() if name and not _NO_KEYS.search(name)}
    numeric = [value for value in pairs.values() if not isinstance(value, str)]
    known = {column.lower() for column in reading.world.names}
    return [pairs] if numeric or any(name.lower() in known for name in pairs) else []


def _name(text: str, reading: Reading) -> str:
    """The column's name alone, spelled as the data has it."""
    name = reading.whole.original(_LEADS.sub("", text).strip()).strip()
    return next((column for column in reading.world.names if column.lower() == name.lower()), name)


def _value(text: str) -> Any:
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text.strip("`\"'")
