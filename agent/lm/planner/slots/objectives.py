"""What to optimise: primary and secondary objective and their weights."""

from __future__ import annotations

import functools
import re

from agent.lm.planner.knowledge import data
from agent.lm.planner.slots.reading import Reading, number

_PAIR = re.compile(r"\b(\d{1,3}) ?(?:/|:|to|-) ?(\d{1,3})\b")
_WEIGHT = r"(?:[^\w]{0,3}(?:weight(?:ed)?)?[ :=(]{0,3}(\d?[.,]\d+|\d{1,3}(?: ?%)?)\)?)(?![\w.])"
_WEIGHTED = (
    r"{goal}(?: (?:first|second|matters|counts|is|the|most|main|primary|secondary|goal|objective|as|priority))*"
    + _WEIGHT
)
_FIRST = (
    r"(?:{goal}\b(?: \w+)?,? (?:first|is (?:the )?(?:main|most important|priority)|above all|"
    r"(?:is )?primary|matters most|counts most))"
)
_MOSTLY = (
    r"(?:(?:mostly|mainly|primarily|prioriti[sz]e|priority on|focus on|optimi[sz]e(?:d)? for|"
    r"primary(?: objective| goal)?(?: is|:)?|first(?: of all)?) (?:the )?{goal}\b)"
)
_SECOND = (
    r"(?:{goal}\b,? (?:second|next|after that|(?:is )?secondary|then)|(?:second(?:ary|ly)?|then|"
    r"after that|as well as|also|followed by)(?: objective| goal)?(?: is|:)? (?:the )?{goal}\b)"
)


def read(reading: Reading) -> None:
    """Find the objectives, in the order of importance the words give them."""
    text = reading.text
    weighted = sorted((m.start(), name, _share(m[m.lastindex or 1])) for name, m in _matches(_WEIGHTED, text))
    if len(weighted) >= 2 and _are_shares([share for _, _, share in weighted[:2]]):
        _put(reading, [name for _, name, _ in weighted], [share for _, _, share in weighted])
        return
    first = [name for name, _ in _matches(f"{_FIRST}|{_MOSTLY}", text)]
    second = [name for name, _ in _matches(_SECOND, text) if name not in first]
    pair = _PAIR.search(text)
    if pair is not None and 99 <= int(pair[1]) + int(pair[2]) <= 101:
        named = [name for _, name in sorted((m.start(), name) for name, m in _matches(r"{goal}\b", text))]
        if len(named) >= 2:
            _put(reading, named, [int(pair[1]) / 100, int(pair[2]) / 100])
            reading.take(*pair.span())
            return
    if first:
        _put(reading, [first[0], *second], None)


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
    return found


@functools.cache
def _compiled(template: str, goal: str) -> re.Pattern[str]:
    words = r"\b(?:" + "|".join(data("lexicon")["goals"][goal]) + ")"
    return re.compile(template.replace("{goal}", words))


def _share(text: str) -> float:
    value = number(text.rstrip(" %"))
    return value / 100 if "%" in text or value > 1 else value


def _are_shares(values: list[float]) -> bool:
    """Two weights, not a limit that happens to stand beside a goal's name."""
    return all(0 < value < 1 for value in values) and 0.5 <= sum(values) <= 1.01
