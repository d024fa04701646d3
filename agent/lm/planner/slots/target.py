"""Which column is to be predicted: quoted, called the target, or any column the words speak of."""

from __future__ import annotations

import re
from itertools import pairwise

from rapidfuzz import fuzz, process

from agent.lm.planner.knowledge import data
from agent.lm.planner.slots.reading import Reading

_VERB = (
    r"(?:predict(?:ing|s|ed|ion of)?|learn(?:ing)?|forecast(?:ing|s)?|estimat(?:e|es|ing)|guess(?:ing)?|model(?:ling)?)"
)
_HELD = re.compile(
    rf"(?:\b(?:{_VERB}|classify(?:ing)?|learn(?:ing)?|target(?: column)?(?: is|:|=)?|column|label|variable|for|y ?=)"
    r"(?: (?:the|column|target|variable))* )§\d+[qc]§|§\d+[qc]§(?= (?:column|(?:is|as) (?:the |my )?(?:target|label)))"
)
_NAMED = (
    re.compile(
        r"\b(?:target(?: column| variable)?(?: is| should be|:| ?=)?|label(?: column)?(?: is|:| ?=)) "
        r"(?!is\b|\d)([\w.-]+(?: [\w.-]+){0,2})"
    ),
    re.compile(
        r"\b(?:column|variable|thing|value|what) (?:i want )?to (?:predict|learn|forecast|guess|model)(?: is|:| ?=) "
        r"(?:the )?([\w.-]+(?: [\w.-]+){0,2})"
    ),
    re.compile(r"(?<!\w)y ?= ?([\w.-]+)"),
    re.compile(r"\b(?:with|use|using|take) (?:the )?([\w-]+)(?: column)? as (?:the |my )?(?:target|label)"),
    re.compile(r"(?:^|[,.;] ?|\b(?:column|use) )([\w-]+) (?:column )?(?:is|as) (?:the |my )?(?:target|label)\b"),
    re.compile(r"\bcolumn(?:'s| is)? (?:called |named |titled |headed )?(?:the )?([\w-]+)"),
    re.compile(r"\b(?:it|that|this)(?:'s| is) (?:called|named|the one called|under|in) ([\w-]+)"),
    re.compile(r"\b([\w-]+) column\b"),
)  # fmt: skip
_AFTER = re.compile(
    rf"\b{_VERB}(?: (?:the|my|our|a|an|its|their|column|target|both|if|whether|when|who|value of|future|next|daily|"
    r"monthly))*"
    r" ([\w.-]+(?: [\w.-]+){0,3})"
)
_UNKNOWN = re.compile(
    r"\b(?:predict(?:ing)?|forecast(?:ing)?|estimat(?:e|ing)) (?:the |our |my |their |its )?([a-z][\w-]{2,})\b"
)
_FEATURES = re.compile(
    r"\b(?:from|using|by|based on|given|without|except|ignoring|ignore|drop(?:ping)?|per|out of) "
    r"(?:the |these |those |only )?$"
)
_SORTING = re.compile(r"\b(?:sort|classif\w*|group|split|arrange|organi[sz]e|route)\b.{0,30}\bby (?:the |their )?$")
_ENOUGH = 82.0
_SURE = 90.0
_STEM = 6
_WORD = re.compile(r"[^\W_][\w-]*")
_JOINED = re.compile(
    r"\s*(,|,? ?\band\b|,? ?\bas well as\b|,? ?\bplus\b|&|,? ?\balong with\b|,? ?\btogether with\b) ?"
    r"(?:(?:also|both|the|whether|if|it|they|he|she|its|their|how|column|gets?|is|are|will|be|has|have|then) )*"
    r"(§\d+[qc]§|[^\W\d_][\w.-]*(?: [^\W\d_][\w.-]*)?)"
)
_JUST_JOINED = re.compile(r"\s*(?:,|,? ?\band|,? ?\bas well as|&|\+)(?: (?:the|also|both))*\s*")
_SHORT = 5
"""Words beside the columns that an answer such as "both price and status, please" may have."""

_APART = re.compile(r"[,.;:?!] ")
"""Between two words: they are no name together."""


def read(reading: Reading) -> None:
    """Find the target. A name that no column is close to is kept only where it was quoted or called the target."""
    dataset = str(reading.found.get("dataset") or reading.world.current_dataset)
    columns = reading.world.columns.get(dataset, ())
    if _quoted(reading, columns) or _called(reading, columns) or _predicted(reading, columns, dataset):
        _further(reading, columns)
        return
    named = _mentioned(reading.text, columns)
    if _together(named, reading.text):
        reading.found["target"] = ", ".join(dict.fromkeys(name for name, _, _ in named))
        for _, start, end in named:
            reading.spans.append((start, end, "column"))
            reading.take(start, end)
        return
    guess = reading.world.targets.get(dataset)
    chosen = next((hit for hit in named if hit[0] == guess), named[0] if len({hit[0] for hit in named}) == 1 else None)
    if chosen:
        _put(reading, *chosen)
        return
    unknown = _UNKNOWN.search(reading.text)
    if unknown and columns and not named and unknown[1] not in data("lexicon")["not_targets"]:
        reading.put("unknown_target", unknown[1])


def _together(named: list[tuple[str, int, int]], text: str) -> bool:
    """Whether the columns of a text are all to be predicted: "both price and status", or nothing else is said."""
    if len({name for name, _, _ in named}) < 2:
        return False
    between = [text[left[2] : right[1]] for left, right in pairwise(named)]
    listed = all(_JUST_JOINED.fullmatch(words) for words in between) and between[-1].strip() != ","
    short = len(text.split()) <= _SHORT + len(named)
    return listed and (short or re.search(r"\b(?:both|together|at once|in one model)\b", text) is not None)


def close(words: str, columns: tuple[str, ...]) -> str | None:
    """The column that the words mean: the same but for case, spaces, endings or a typing error."""
    if not columns:
        return None
    wanted = _plain(words)
    exact = next((column for column in columns if _plain(column) == wanted), None)
    if exact or not wanted:
        return exact
    found = process.extractOne(wanted, [_plain(column) for column in columns], scorer=fuzz.ratio, score_cutoff=_ENOUGH)
    if found:
        return columns[found[2]]
    same = [column for column in columns if " " not in wanted and _stem(_plain(column)) == _stem(wanted)]
    if len(same) == 1:
        return same[0]
    shared = [c for c in columns if _common(_plain(c), wanted) >= max(_STEM, 0.6 * min(len(_plain(c)), len(wanted)))]
    if len(shared) == 1:
        return shared[0]
    stems = [
        c
        for c in columns
        if len(wanted) >= 4 and (_plain(c).startswith(wanted) or (wanted.startswith(_plain(c)) and len(c) >= 4))
    ]
    return stems[0] if len(stems) == 1 else None


def _stem(word: str) -> str:
    """A word without what verbs change: "churns" and "churned", "kündigt" and "gekündigt", "sells" and "sold"."""
    word = data("lexicon")["inflected"].get(word, word)
    bare = re.sub(r"(?:ing|ed|es|en|s|d|t)$", "", word.removeprefix("ge") if len(word) > 7 else word)
    return bare.rstrip("e") if len(bare) >= 4 else word


def _common(left: str, right: str) -> int:
    """Length of the common beginning: "readmission" and "readmitted" share six letters."""
    return next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))


def likeliest(words: str, columns: tuple[str, ...], guess: str | None) -> list[str]:
    """Columns to offer where a name is unknown or none was said: the nearest first, then the best guess."""
    near = (
        [m[0] for m in process.extract(_plain(words), columns, scorer=fuzz.WRatio, limit=1, score_cutoff=70)]
        if words
        else []
    )
    return list(dict.fromkeys([*near, *([guess] if guess else []), *reversed(columns)]))


def _quoted(reading: Reading, columns: tuple[str, ...]) -> bool:
    match = reading.search(_HELD)
    parts = reading.held("qc")
    if match is None:
        exact = [part for part in parts if part[0] in columns]
        for name, start, end in exact[:1]:
            _put(reading, name, start, end)
        return bool(exact)
    name, start, end = next(part for part in parts if match.start() <= part[1] < match.end())
    _put(reading, close(name, columns) or name, start, end)
    return True


def _called(reading: Reading, columns: tuple[str, ...]) -> bool:
    for pattern in _NAMED:
        for match in pattern.finditer(reading.text):
            if _FEATURES.search(reading.text[: match.start(1)]):
                continue
            first = match[1].split()[0]
            if first in reading.world.samples or first in data("lexicon")["not_targets"]:
                continue
            found = _leading(match[1], columns)
            if found is None and pattern in _NAMED[-3:]:
                continue  # "the last column": no name, if none is like it
            name, length = found or (first, len(first))
            _put(reading, name, match.start(1), match.start(1) + length)
            return True
    return False


def _predicted(reading: Reading, columns: tuple[str, ...], dataset: str) -> bool:
    match = found = None
    place = 0
    while found is None and (after := _AFTER.search(reading.text, place)):  # "a model that estimates …" has two verbs
        match, place = match or after, after.start() + 1
        found = _leading(after[1], columns)
        match = after if found else match
    if match is None:
        return False
    first = match[1].split()[0].strip(".,")
    free = dataset in reading.world.columns and not columns and not first[0].isdecimal()
    ordinary = first in data("lexicon")["not_targets"] or first in data("lexicon")["english"]
    if found is None and free and not ordinary:
        found = first, len(first)
    if found is None:
        return False
    _put(reading, found[0], match.start(1), match.start(1) + found[1])
    return True


def _further(reading: Reading, columns: tuple[str, ...]) -> None:
    """Targets joined to the first one: "predict price and status" is one model for both."""
    end = max((end for _, end, kind in reading.spans if kind == "column"), default=None)
    names = [str(reading.found.get("target"))]
    joined = False
    while end is not None and names[0] in columns:
        match = _JOINED.match(reading.text, end)
        if match is None:
            break
        found = _named_here(match[2], match.start(2), reading, columns)
        if found is None or found[0] in names:
            break
        names.append(found[0])
        joined = joined or match[1] != ","
        end = match.start(2) + found[1]
    if joined and end is not None:
        reading.found["target"] = ", ".join(names)
        reading.take(min(start for start, _, kind in reading.spans if kind == "column"), end)


def _named_here(words: str, start: int, reading: Reading, columns: tuple[str, ...]) -> tuple[str, int] | None:
    if words.startswith("§"):
        name = next((part for part, begin, _ in reading.held("qc") if begin == start), "")
        return (name, len(words)) if name in columns else None
    return _leading(words, columns)


def _mentioned(text: str, columns: tuple[str, ...]) -> list[tuple[str, int, int]]:
    """Columns that the words speak of anywhere, but for those named as what to predict from."""
    found: list[tuple[str, int, int]] = []
    words = list(_WORD.finditer(text))
    for size in (3, 2, 1):
        for start in range(len(words) - size + 1):
            left, right = words[start].start(), words[start + size - 1].end()
            before = text[:left]
            sorting = _SORTING.search(before) is not None
            if any(left < end and begin < right for _, begin, end in found) or _APART.search(text[left:right]):
                continue
            if _FEATURES.search(before) and not sorting:
                continue
            name = _same(text[left:right], columns)
            if name:
                found.append((name, left, right))
    return sorted(found, key=lambda hit: hit[1])


def _same(words: str, columns: tuple[str, ...]) -> str | None:
    """A column of exactly these words, give or take an ending or (in long names) a letter."""
    wanted = _plain(words)
    if len(wanted) < 3 or wanted in data("lexicon")["not_targets"]:
        return None
    numbers = re.findall(r"\d+", wanted)
    for column in columns:
        plain = _plain(column)
        if numbers != re.findall(r"\d+", plain):
            continue
        if wanted == plain or (len(wanted) > 3 and wanted.rstrip("s") == plain.rstrip("s")):
            return column
        if len(wanted) >= 5 and _stem(plain) == _stem(wanted):
            return column
        if len(wanted) >= 5 and len(plain) >= 5:
            ending = plain.startswith(wanted) or wanted.startswith(plain)
            if fuzz.ratio(wanted, plain) >= _SURE or (ending and abs(len(plain) - len(wanted)) <= 3):
                return column
    return None


def _leading(words: str, columns: tuple[str, ...]) -> tuple[str, int] | None:
    """The column that the first words name, and how many characters name it."""
    parts = words.split()
    for length in range(min(3, len(parts)), 0, -1):
        said = " ".join(parts[:length])
        found = close(said, columns)
        if found:
            prefixes = [" ".join(parts[:n]) for n in range(1, length + 1)]
            whole = next((prefix for prefix in prefixes if _plain(prefix) == _plain(found)), None)
            return found, len(whole or next(prefix for prefix in prefixes if close(prefix, columns) == found))
    return None


def _put(reading: Reading, name: str, start: int, end: int) -> None:
    reading.put("target", name)
    reading.spans.append((start, end, "column"))
    reading.take(start, end)  # what follows the name may say a time or a size


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", " ", name).strip().lower()
