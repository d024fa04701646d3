"""What to optimise: primary and secondary objective and their weights."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from itertools import pairwise, permutations

from agent.lm.planner.knowledge import data
from agent.lm.planner.slots.reading import Reading

_PAIR = re.compile(r"(?<![\w.])(\d{1,3}) ?(?:/|:|to|-) ?(\d{1,3})(?![\w.])")
_SHARE = re.compile(
    r"(?<![\w.])(?:(\d{1,2}(?:\.\d+)?) ?%|(0?\.\d+)|(\d{2})(?=[\s,;.)]|$))(?! ?(?:s|ms|bytes|trials)\b)"
)
_FRACTIONS = (
    (re.compile(r"\b3 quarters?\b"), 0.75),
    (re.compile(r"\b(?:a|one|1) quarter\b"), 0.25),
    (re.compile(r"\b2 thirds?\b"), 0.667),
    (re.compile(r"\b(?:a|one|1) third\b"), 0.333),
    (re.compile(r"\bhalf\b"), 0.5),
)
_AFTER = 1000
_EVEN = re.compile(
    r"\b50[ /-]50\b|\b(?:weigh|count|matter)(?:s|ed|ing)? (?:them |both |the 2 )?(?:equally|the same|alike)\b"
)
_FIRST = (
    r"(?:{goal}\b(?: \w+){0,2}?,? (?:first|is (?:the |our |my )?(?:main|"
    r"most important|key|priority|primary|first|top)|over (?:all|everything)|"
    r"above (?:all|everything)|over anything|(?:is )?primary|matters most|counts most|is (?:king|everything|paramount|"
    r"vital|crucial|decisive|number 1|what counts)|as possible|"
    r"is what (?:matters|counts)|more than)|care (?:mostly |mainly |most |only |more )?about (?:the )?{goal}\b)"
)
_MOSTLY = (
    r"(?:(?:mostly|mainly|primarily|prioriti[sz]e|priority (?:on|is)|focus on|optimi[sz]e(?:d)? for|above all|"
    r"most important(?: is|:)?|"
    r"what (?:counts|matters)(?: most)?(?: to me| for me| here)? is|primary(?: objective| goal)?(?: is|:)?|"
    r"first(?: of all| comes| is|:)?) "
    r"(?:the |an? |its )?{goal}\b)"
)
_SUPERLATIVE = r"(?={goal}\b)(?:most \w+|\w+est) (?:possible )?(?:model|net(?:work)?|classifier|thing|one)\b"
_BOTH = re.compile(
    r"\b(?:both|trad(?:e|ing)|balanc(?:e|ed|ing)|compromise|pareto|multi[- ]?(?:objective|criteria)|nsga\S*|jointly|"
    r"together|weigh(?:ing)?|at once)\b"
)
_SECOND = (
    r"(?:{goal}\b,? (?:\w+ )?(?:second|next|after that|(?:is )?(?:the )?secondary|then)|(?:second(?:ary|ly)?|then|next|"
    r"after that|as well as|also|followed by)(?: objective| goal| comes)?(?: is|:|,)? (?:the )?{goal}\b)"
)


def read(reading: Reading) -> None:
    """Find the objectives, in the order of importance the words give them."""
    text = reading.text
    rather = _rather(text)
    if rather is not None:
        _put(reading, list(rather), None)
        return
    named = _named(text)
    shares = _shares(text)
    if len(named) >= 2 and shares is not None:
        values, spans = shares
        _put(reading, _nearest(text, spans) if len(named) > 2 else named, values)
        for span in spans:
            reading.take(*span)
        return
    if shares is not None and not named and (reading.world.last_training or {}).get("args", {}).get("secondary"):
        reading.put("weights", shares[0])
        for span in shares[1]:
            reading.take(*span)
        return
    pair = _together(text)
    if pair is not None:
        _put(reading, list(pair), None)
        return
    first = [name for name, _ in _matches(f"{_FIRST}|{_MOSTLY}", text)]
    second = [name for name, _ in _matches(_SECOND, text) if name not in first[:1]]
    first = first or [name for name, _ in _matches(_SUPERLATIVE, text)]
    if first:
        _put(reading, [first[0], *second], None)


def _rather(text: str) -> tuple[str, str] | None:
    """One goal before another: "speed over accuracy", "size rather than speed", "accuracy matters more than size"."""
    return next((pair for pair in _pairs() if _before(*pair).search(text)), None)


def _together(text: str) -> tuple[str, str] | None:
    """Two goals weighed against each other without a word on which counts more: "balance accuracy and size"."""
    if not _BOTH.search(text):
        return None
    return next((pair for pair in _pairs() if _beside(*pair).search(text)), None)


def _pairs() -> Iterator[tuple[str, str]]:
    return permutations(data("lexicon")["goals"], 2)


def _spoken(goal: str) -> str:
    return "|".join(data("lexicon")["goals"][goal])


@functools.cache
def _before(first: str, second: str) -> re.Pattern[str]:
    left, right = _spoken(first), _spoken(second)
    return re.compile(
        rf"\b(?:{left})(?: (?:is|matters|counts))? (?:over|before|rather than|more than|more important than) "
        rf"(?:{right})\b"
        rf"|\brather\b[^,.;]{{0,20}}\b(?:{left})\b[^,.;]{{0,20}}\bthan (?:an? |the )?(?:very |more )?(?:{right})\b"
    )


@functools.cache
def _beside(first: str, second: str) -> re.Pattern[str]:
    between = r",? (?:and|as well as|against|versus|vs|with|&) (?:the |its |low |small )?"
    return re.compile(rf"\b(?:{_spoken(first)}){between}(?:{_spoken(second)})\b")


def _named(text: str) -> list[str]:
    """Goals in the order they are spoken of."""
    places = sorted((match.start(), name) for name, match in _matches(r"{goal}\b", text))
    return [name for _, name in places]


def _nearest(text: str, spans: list[tuple[int, int]]) -> list[str]:
    """For each weight the goal that is spoken of closest to it, before it where there is one."""
    places = [
        (match.start(), name)
        for name in data("lexicon")["goals"]
        for match in _compiled(r"{goal}\b", name).finditer(text)
    ]
    return [min((_distance(text, span, place), name) for place, name in places)[1] for span in spans]


def _distance(text: str, span: tuple[int, int], place: int) -> int:
    """Letters between a weight and a goal; one named after it, beyond a comma, belongs to the next weight."""
    start, end = span
    return place - start + (_AFTER if re.search(r"[,;.]", text[end:place]) else 0) if place > start else start - place


def _shares(text: str) -> tuple[list[float], list[tuple[int, int]]] | None:
    """Two weights that make a whole: "60-40", "80 % … 20 %", "0.7 … 0.3"; not a limit beside a goal's name."""
    for pair in _PAIR.finditer(text):
        if 99 <= int(pair[1]) + int(pair[2]) <= 101:
            return [int(pair[1]) / 100, int(pair[2]) / 100], [pair.span()]
    even = _EVEN.search(text)
    if even:
        return [0.5, 0.5], [even.span()]
    found = [(float(m[1] or m[3]) / 100 if m[1] or m[3] else float(m[2]), m.span()) for m in _SHARE.finditer(text)]
    found += [(value, m.span()) for pattern, value in _FRACTIONS for m in pattern.finditer(text)]
    found.sort(key=lambda pair: pair[1])
    for (left, one), (right, two) in pairwise(found):
        if abs(left + right - 1) <= 0.01:
            return [left, right], [one, two]
    return None


def _put(reading: Reading, goals: list[str], weights: list[float] | None) -> None:
    goals = list(dict.fromkeys(goals))[:2]
    reading.put("primary", goals[0])
    if len(goals) == 2:
        reading.put("secondary", goals[1])
        if weights:
            reading.put("weights", weights[:2])


def _matches(template: str, text: str) -> list[tuple[str, re.Match[str]]]:
    found = []
    for name in data("lexicon")["goals"]:
        match = _compiled(template, name).search(text)
        if match is not None:
            found.append((name, match))
    return sorted(found, key=lambda pair: pair[1].start())


@functools.cache
def _compiled(template: str, goal: str) -> re.Pattern[str]:
    words = rf"\b(?:{_spoken(goal)})"
    return re.compile(template.replace("{goal}", words))
