"""Which column is to be predicted: quoted, named as target, or the words after "predict" matched with the columns."""

from __future__ import annotations

import re

from rapidfuzz import fuzz, process

from agent.lm.planner.knowledge import data
from agent.lm.planner.slots.reading import Reading

_QUOTED = re.compile(
    r"\b(?:predict(?:ing|s)?|forecast(?:ing)?|classify(?:ing)?|estimat(?:e|ing)|"
    r"target(?: column)?(?: is|:|=)?|column|label|for)(?: (?:the|column|target|"
    r"variable))* [`\"']([^`\"']+)[`\"']",
    re.I,
)
_NAMED = re.compile(
    r"\b(?:target|label)(?: column| variable)?(?: is| should be|:|=) ?[`\"']?([\w.-]+(?: [\w.-]+){0,2})", re.I
)
_AS_TARGET = re.compile(r"\b(?:with|use|using|take) [`\"']?([\w-]+)[`\"']? as (?:the )?(?:target|label)", re.I)
_IS_TARGET = re.compile(
    r"(?:^|[,.;] ?|\b(?:column|use) )[`\"']?([\w-]+)[`\"']? (?:column )?(?:is|as) (?:the |my )?(?:target|label)\b", re.I
)
_AFTER = re.compile(
    r"\b(?:predict(?:ing|s)?|forecast(?:ing)?|estimat(?:e|ing)|classify(?:ing)?)(?: (?:the|my|our|"
    r"column|target|if|whether|when|who))* ([\w.-]+(?: [\w.-]+){0,3})",
    re.I,
)
_ENOUGH = 82.0


def read(reading: Reading) -> None:
    """Find the target. A name that no column is close to is kept only where it was quoted or called the target."""
    dataset = reading.found.get("dataset") or reading.world.current_dataset
    columns = reading.world.columns.get(str(dataset), ())
    for pattern in (_QUOTED, _NAMED, _AS_TARGET, _IS_TARGET):
        match = reading.search(pattern)
        if match is None or match[1].lower() in reading.world.samples:
            continue
        name = close(match[1], columns) or (match[1].split()[0] if pattern is not _QUOTED else match[1])
        if name.lower() not in data("lexicon")["not_targets"]:
            reading.put("target", name)
            reading.take(*match.span(1))
            return
    match = reading.search(_AFTER)
    if match is not None:
        found = _unquoted(match[1], columns, known=str(dataset) in reading.world.columns)
        if found:
            name, length = found
            reading.put("target", name)
            reading.take(match.start(1), match.start(1) + length)  # what follows the name may say a time or a size


def close(words: str, columns: tuple[str, ...]) -> str | None:
    """The column that the words mean: the same but for case, spaces, endings or a typing error."""
    if not columns:
        return None
    wanted = _plain(words)
    exact = next((column for column in columns if _plain(column) == wanted), None)
    if exact:
        return exact
    found = process.extractOne(wanted, [_plain(column) for column in columns], scorer=fuzz.ratio, score_cutoff=_ENOUGH)
    if found:
        return columns[found[2]]
    stems = [
        c
        for c in columns
        if len(wanted) >= 4 and (_plain(c).startswith(wanted) or (wanted.startswith(_plain(c)) and len(c) >= 4))
    ]
    return stems[0] if len(stems) == 1 else None


def _unquoted(words: str, columns: tuple[str, ...], known: bool) -> tuple[str, int] | None:
    """The column that the first words name, and how many characters name it."""
    parts = words.split()
    for length in range(min(3, len(parts)), 0, -1):
        said = " ".join(parts[:length])
        found = close(said, columns)
        if found:
            prefixes = (" ".join(parts[:n]) for n in range(1, length + 1))
            return found, len(next(prefix for prefix in prefixes if close(prefix, columns) == found))
    first = parts[0].strip(".,")
    free = first.lower() not in data("lexicon")["not_targets"] and not first[0].isdigit()
    return (first, len(first)) if known and not columns and free else None


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", " ", name).strip().lower()
