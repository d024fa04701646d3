"""Inputs to predict on, a prompt to go on with, and free text (a tag, a note)."""

from __future__ import annotations

import json
import re
from typing import Any

from agent.lm.planner.knowledge import data
from agent.lm.planner.slots.reading import Reading

_PAIR = re.compile(
    r"(§\d+[qc]§|[a-z_][\w ()./-]*?) ?[=:] ?"
    r"(-?\d+(?:\.\d+)?(?! ?(?:s|ms|bytes|%|trials|folds|points)\b| ?%)|"
    r"§\d+q§|[a-z_][\w-]*(?=\s*(?:[,;.?!]|and\b|$)))(?=[,;.?!\s]|$)"
)
_LISTED = re.compile(
    r"(?:^|[,:;]| and | for | with | at | has | if )\s*(§\d+c§|[a-z_][a-z_ ()]*?),? (-?\d+(?:\.\d+)?)"
    r"(?=\s*(?:[,;]| and |[?.!]?\s*$|[?.!]+,? ))"
)
_ARTICLE = re.compile(
    r"^(?:a|an|the|its|my|whose|another) | (?:of|is|was|were|at|being|about|around|to|as|now|equals)$"
)
_MENTIONED = re.compile(r"\bwhat(?:'s| is| about| would| if)\b|\?")
_VALUES = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:(?:, ?| |; ?)-?\d+(?:\.\d+)?){2,}(?![\w%]| ?(?:s|ms|bytes|%))")
_LEADS = re.compile(r"^.*\b(?:for|with|where|of|to|if|say|predict|row|flower|house|customer|that|has|is|and)\b ")
_SAID = r"(?:[,:=]? ?(?:of|is|was|were|at|being|about|around|approximately|to|should be|actually))* ?[:=]? ?"
_NUMBER = r"(-?\d+(?:\.\d+)?)(?![\w%]|\.\d| ?(?:(?:s|ms|bytes|trials|folds)\b|%))"
_NO_KEYS = re.compile(
    r"\b(?:this|these|those|that|following|predict|prediction|classify|score|guess|y|target|label|seed|trials|folds|patience|weights?|tag|note|says?|budget|limit|"
    r"experiments?|runs?|models?|jobs?|report|details|ram|memory|disk|gpu|vram|classes|compare|"
    r"accuracy|size|latency|time|max|min|metric)(?: (?:text|message|sentence|review|mail|e-?mail|one)s?)?$"
)
"""What stands before a colon and is no column: "classify this: …", "budget: 60 s"."""

_LABEL_ON = re.compile(
    r"\b(?:label|tag|name|sticker|mark|title) ([\w.-]+) (?:on|to|onto) (?:it|this|that|run|the|number|experiment)\b"
)
_NAMED_LABEL = re.compile(r"\b(?:an?|the) ([\w-]+) (?:label|tag|sticker|mark) (?:on|to|onto|for)\b")
_LABEL = re.compile(
    r"\b(?:tag|call|name|rename|label|mark|bookmark|flag|christen|dub|title)\b.*?(?:\bas\b|\bwith\b|\bit\b|"
    r"\bthis(?: one)?\b|\bthat(?: one)?\b|\bone\b|\bmodel\b|\brun\b|\bexperiment\b|\d:?) "
    r"(?:the |our |my )?(?!one\b)([\w.-]+)\W*$"
)


def read(reading: Reading) -> None:
    """Find rows as JSON or as name=value pairs, quoted texts, and labels."""
    text = reading.text
    rows = _rows(reading) or _positional(reading)
    spoken = [part for part, _, _ in reading.held("pq")]
    target = reading.found.get("target")
    quoted = [part for part in spoken if part != target and part not in reading.world.names]
    if rows:
        reading.put("inputs", rows)
    elif quoted:
        reading.put("_quoted", quoted)
    label = _LABEL.search(text) or _LABEL_ON.search(text) or _NAMED_LABEL.search(text)
    if spoken or label:
        reading.put("tag", spoken[-1] if spoken else reading.whole.spelled(label[1]) if label else "")
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
    pairs = _given(reading)
    if not pairs:
        listed = {_name(name, reading): _value(value) for name, value in _LISTED.findall(reading.text)}
        listed = {name: value for name, value in listed.items() if name and not _no_key(name, reading)}
        asked = re.search(data("lexicon")["asking_a_model"], reading.text) or (
            len(listed) > 1 and reading.world.experiments and _MENTIONED.search(reading.text)
        )
        known = {column.lower() for column in _known(reading)}
        pairs = listed if any(name.lower() in known for name in listed) or (asked and listed) else {}
    spoken, counted = _spoken(reading), _counted(reading)
    told = re.search(data("lexicon")["asking_a_model"], reading.text) or reading.world.given
    if len(spoken) > len(pairs) and len(spoken) >= len(counted) and (len(spoken) > 1 or told):
        pairs = {**spoken, **{name: value for name, value in pairs.items() if name in _known(reading)}}
    pairs = pairs or counted
    numeric = [value for value in pairs.values() if not isinstance(value, str)]
    known = {column.lower() for column in _known(reading)}
    if not numeric and not any(name.lower() in known for name in pairs):
        return []
    return [{**pairs, **_words(reading, pairs)}]


def _spoken(reading: Reading) -> dict[str, Any]:
    """Values said beside the names that a model knows, in any order and without marks between them.

    "sepal length 5 sepal width 3.4", "the petal is 4.2 long and 1.5 wide".
    """
    known = [model.inputs for model in reading.world.models] + [reading.world.given]
    return max((_beside(names, reading) for names in known), key=len, default={})


def _counted(reading: Reading) -> dict[str, Any]:
    """Values said before their names: "what does a house with 4 rooms cost?"."""
    found: dict[str, Any] = {}
    if re.search(data("lexicon")["asking_a_model"] + r"|\b(?:what|cost|would)\b", reading.text):
        for column in reading.world.names:
            match = re.search(rf"(?<![\w.])(-?\d+(?:\.\d+)?) {re.escape(column.lower())}\b", reading.text)
            if match:
                found[column] = _value(match[1])
    return found


def _beside(names: tuple[str, ...], reading: Reading) -> dict[str, Any]:
    found: dict[str, Any] = {}
    parts = {column: re.split(r"[\W_]+", column.lower()) for column in names}
    heads = {words[0] for words in parts.values() if len(words) > 1}
    for column, words in parts.items():
        form = r"[ _-]?".join(map(re.escape, words))
        match = re.search(rf"(?<!\w){form}(?!\w){_SAID}{_NUMBER}", reading.text)
        adjective = data("lexicon")["measured_as"].get(words[-1])
        if match is None and adjective and len(words) == 2:
            others = "|".join(re.escape(head) for head in sorted(heads - {words[0]})) or r"$^"
            between = rf"(?:(?!\b(?:{others})\b)[^;])*?"
            value = rf"{_NUMBER} ?(?:cm|mm|m|kg|years)? ?(?:{adjective})\b"
            match = re.search(rf"\b{words[0]}s?\b{between}{value}", reading.text)
        if match is not None:
            found[column] = _value(match[1])
    return found


def _known(reading: Reading) -> tuple[str, ...]:
    """Names of values: of attached data, of the current model, of what was predicted last."""
    world = reading.world
    return tuple(dict.fromkeys((*world.names, *world.inputs, *world.given)))


def _positional(reading: Reading) -> list[str]:
    """Values alone, in the order of the columns: "predict 5.1, 3.5, 1.4, 0.2"."""
    match = reading.search(_VALUES)
    if match is None or not re.search(data("lexicon")["asking_a_model"], reading.text):
        return []
    reading.take(*match.span())
    return [match[0].strip()]


def _given(reading: Reading) -> dict[str, Any]:
    """Values given by name with "=" or ":"."""
    pairs: dict[str, Any] = {}
    for match in _PAIR.finditer(reading.text):
        name = _name(match[1], reading)
        column = match[2] in reading.world.names and not match[2][0].isdecimal()
        if name and not column and not _no_key(name, reading):
            pairs[name] = _value(reading.whole.spelled(reading.whole.original(match[2])))
    return pairs


def _words(reading: Reading, pairs: dict[str, Any]) -> dict[str, str]:
    """Values that are words, of columns that are known: "city Graz" beside "rooms 4"."""
    found = {}
    for column in _known(reading):
        match = re.search(rf"\b{re.escape(column.lower())}(?: is| =|:)? ([a-z][\w-]*)", reading.text)
        if match and column not in pairs and not any(match[1] in name.lower() for name in pairs):
            found[column] = reading.whole.spelled(match[1])
    return found


def _no_key(name: str, reading: Reading) -> bool:
    """Words that are no column's name: settings, and names of data."""
    world = reading.world
    data_names = {known.rsplit(".", 1)[0].lower() for known in (*world.samples, *world.datasets)}
    return _NO_KEYS.search(name) is not None or name.lower().replace(" ", "_") in data_names


def _name(text: str, reading: Reading) -> str:
    """The column's name alone, spelled as the data has it."""
    name = text
    while (bare := _ARTICLE.sub("", _LEADS.sub("", name).strip()).strip()) != name:
        name = bare
    name = reading.whole.original(name).strip()
    known = _known(reading)
    spaced = name.lower().replace("_", " ")
    return next(
        (column for column in known if column.lower().replace("_", " ") == spaced), _as_in_sample(name, reading)
    )


def _as_in_sample(name: str, reading: Reading) -> str:
    """A column of a built-in sample, whose names have underscores; other names stay as they were said."""
    dataset = (reading.world.experiment() or {}).get("dataset")
    return re.sub(r"\s*\([^)]*\)$", "", name).replace(" ", "_") if dataset in reading.world.samples else name


def _value(text: str) -> Any:
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text.strip("`\"'")
