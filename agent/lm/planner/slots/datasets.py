"""Which data is meant: an attached file, a sample, or a file name, matched with tolerance for typing errors."""

from __future__ import annotations

import re

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from agent.lm.planner.slots.reading import Reading
from agent.lm.planner.world import World

_FILE = re.compile(
    r"(?<![\w/])[`\"']?((?:[\w~.-]+/)*[\w-][\w.-]*\.(?:csv|tsv|parquet|jsonl?|xlsx?|zip|npz|txt|data|dat))[`\"']?", re.I
)
_WORD = re.compile(r"[a-z][a-z_-]{3,}")
_NAMED = re.compile(r"\b(?:train|model|classifier|learn|fit|build)\b.*\bon (?:the )?([a-z_][\w-]{2,})\b|"
                    r"\b([a-z_][\w-]{2,}) (?:data|dataset|data set|sample)\b")  # fmt: skip
_ONLY_ON = re.compile(r"\bon (?:the )?([a-z_][\w-]{2,})(?= data ?set\b|\W*$|,| (?:for|in|with|under|within|using)\b)")
_NO_NAMES = frozenset([
    "this", "that", "these", "those", "the", "your", "our", "any", "some", "new", "more", "which", "what", "training",
    "test", "gpu", "cpu", "all", "attached", "sample", "labelled", "own", "other", "everything", "half", "it", "them",
])  # fmt: skip
_CLOSE = 87.0
_COMMON = frozenset(
    [
        "wide",
        "wise",
        "wind",
        "line",
        "fine",
        "time",
        "text",
        "test",
        "mine",
        "find",
        "dataset",
        "data",
        "digit",
        "image",
        "images",
        "table",
        "trains",
    ]
)


def read(reading: Reading) -> None:
    """Find one dataset, if the text names one."""
    world = reading.world
    for match in _FILE.finditer(reading.text):
        reading.put("dataset", _attached(match[1], world) or match[1])
        reading.take(*match.span())
        return
    for name in sorted(world.datasets, key=len, reverse=True):
        stem = name.rsplit(".", 1)[0].lower()
        for form in (name.lower(), stem, stem.replace("_", " ")):
            hit = re.search(rf"(?<![\w`\"']){re.escape(form)}(?![\w`\"'])", reading.text.lower())
            if hit and not _names_target(reading.text, hit.start()):
                reading.put("dataset", name)
                reading.take(*hit.span())
                return
    for name in sorted(world.samples, key=len, reverse=True):
        hit = re.search(rf"\b{re.escape(name).replace('_', '[ _-]?')}s?\b", reading.text)
        if hit:
            reading.put("dataset", name)
            reading.take(*hit.span())
            return
    _fuzzy(reading)


def elsewhere(text: str) -> bool:
    """Whether data is named that is not here, so that the conversation's current data is not meant."""
    match = _ONLY_ON.search(text)
    return match is not None and match[1] not in _COMMON | _NO_NAMES


def unknown(text: str) -> str | None:
    """A name that stands where data is named, for the question after it."""
    match = _NAMED.search(text)
    name = match and (match[1] or match[2])
    return name if name and name not in _COMMON | _NO_NAMES else None


def _attached(wanted: str, world: World) -> str | None:
    return next((name for name in world.datasets if name.lower() == wanted.lower()), None)


def _names_target(text: str, start: int) -> bool:
    """`predict churn` names a column even where churn.csv is attached."""
    return re.search(r"\bpredict(ing)? (the )?$", text[:start]) is not None


def _swapped(word: str, form: str) -> bool:
    """Two neighbouring letters changed places: the usual typing error."""
    return sorted(word) == sorted(form) and OSA.distance(word, form) == 1


def _fuzzy(reading: Reading) -> None:
    names = {name: name.replace("_", " ") for name in reading.world.samples}
    names |= {name: name.rsplit(".", 1)[0].lower() for name in reading.world.datasets}
    best: tuple[float, str, re.Match[str]] | None = None
    for match in _WORD.finditer(reading.text):
        if match[0] in _COMMON:
            continue
        for name, form in names.items():
            score = fuzz.ratio(match[0], form)
            near = score >= _CLOSE - (7 if len(form) >= 6 else 0) or _swapped(match[0], form)
            if len(form) >= 4 and near and (best is None or score > best[0]):
                best = (score, name, match)
    if best is not None:
        reading.put("dataset", best[1])
        reading.take(*best[2].span())
