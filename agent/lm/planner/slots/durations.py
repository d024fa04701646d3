"""Durations: the time to spend (s), or the latency of the model (ms) where the words or the unit say so."""

from __future__ import annotations

import functools
import re

from agent.lm.planner.knowledge import data
from agent.lm.planner.slots.reading import Reading

_DURATION = re.compile(r"(?<![\w.])(-?\d+(?:\.\d+)?) (s|ms)\b")
_BREAK = re.compile(r",|;|\.\s| and |(?<= )(?=\w+ (?:at most|under|at least|=))")
_MANY = re.compile(
    r" (?:per|for|a|every|each) (\d+) (?:predictions|rows|items|requests|calls|records|images|texts|answers)\b"
)
_REACH = 30
_DATE = re.compile(
    r"\b(?:due|deadline|meeting|leave|leaving|lunch|call|back|demo|train|bus|starts?|begins?|since)(?: \w+)?"
    r"(?: (?:in|within|like|about|around))+ *$|\bfor the (?:last|past) *$"
)
_GONE = re.compile(r" (?:ago|already|so far|later|from now)\b")
_BOUND = re.compile(r"\b(?:at most|max|under|within|up to|limit|budget|cap|not over|only|just)\W*(?:\w+ )?$")
_BOUND_AFTER = re.compile(r" ?(?:tops|max|at most|maximum|limit|or less|budget|and no more|is (?:all|enough|fine))\b")


def read(reading: Reading) -> None:
    """Find all durations."""
    matches = list(_DURATION.finditer(reading.text))
    spent: list[tuple[float, float]] = []
    for index, match in enumerate(matches):
        stop = matches[index + 1].start() if index + 1 < len(matches) else len(reading.text)
        start = matches[index - 1].end() if index else 0
        after = re.split(
            r",|;|\.\s| and |(?<= )(?=\w+ (?:at most|under|at least|=))",
            reading.text[match.end() : min(stop, match.end() + _REACH)],
        )[0]
        before = re.split(r",|;|\.\s| and ", reading.text[max(start, match.start() - _REACH) : match.start()])[-1]
        value, fine = float(match[1]), match[2] == "ms"
        many = _MANY.match(after)
        if many:
            reading.put("max_latency_ms", _tidy((value if fine else value * 1000) / float(many[1])))
            continue
        if fine or _latency().search(after) or _latency("latency_before").search(before):
            reading.put("max_latency_ms", _tidy(value if fine else value * 1000))
        else:
            spent.append((_standing(before, after), _tidy(value)))
    if spent:
        reading.put("time_s", max(spent, key=lambda pair: pair[0])[1])
    for match in matches:
        reading.take(*match.span())


def _standing(before: str, after: str) -> int:
    """How surely a time is the one to spend: a bound is, a date or a time gone by is not."""
    if _DATE.search(before) or _GONE.match(after):
        return -1
    return int(_BOUND.search(before) is not None or _BOUND_AFTER.match(after) is not None)


@functools.cache
def _latency(words: str = "latency_words") -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(data("lexicon")[words]) + r")\b")


def _tidy(value: float) -> float:
    return float(f"{value:.6g}")
