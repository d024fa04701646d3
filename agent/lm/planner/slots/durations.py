"""Durations: the time to spend (s), or the latency of the model (ms) where the words or the unit say so."""

from __future__ import annotations

import functools
import re

from agent.lm.planner.knowledge import data
from agent.lm.planner.slots.reading import Reading, number

_SECONDS = {
    "us": 1e-6, "µs": 1e-6, "microsecond": 1e-6, "microseconds": 1e-6, "ms": 1e-3, "msec": 1e-3, "millisecond": 1e-3,
    "milliseconds": 1e-3, "millis": 1e-3, "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
    "m": 60.0, "min": 60.0,
    "mins": 60.0, "minute": 60.0, "minutes": 60.0, "h": 3600.0, "hr": 3600.0, "hrs": 3600.0, "hour": 3600.0,
    "hours": 3600.0, "d": 86400.0, "day": 86400.0, "days": 86400.0,
}  # fmt: skip
_UNIT = "|".join(sorted(_SECONDS, key=len, reverse=True))
_PART = rf"(\d+(?:[.,]\d+)?)[ -]?({_UNIT})\b"
_DURATION = re.compile(rf"(?<![\w.]){_PART}(?:(?: and|,)? ?(\d+)[ -]?({_UNIT})?\b(?! ?[a-z%]))?")
_REACH = 30


def read(reading: Reading) -> None:
    """Find all durations, parts added up ("1 h 30 min", "1h30")."""
    matches = list(_DURATION.finditer(reading.text))
    for index, match in enumerate(matches):
        seconds = number(match[1]) * _SECONDS[match[2]]
        if match[3]:
            unit = match[4] or {3600.0: "min", 60.0: "s"}.get(_SECONDS[match[2]])
            if unit is None or (match[4] and _SECONDS[match[4]] >= _SECONDS[match[2]]):
                match = re.compile(_PART).search(reading.text, match.start()) or match  # "5 ms, 30": two things
            else:
                seconds += number(match[3]) * _SECONDS[unit]
        stop = matches[index + 1].start() if index + 1 < len(matches) else len(reading.text)
        after = re.split(r",|;", reading.text[match.end() : min(stop, match.end() + _REACH)])[0]
        before = re.split(r",|;| and ", reading.text[max(0, match.start() - _REACH) : match.start()])[-1]
        short = _SECONDS[match[2]] < 1.0
        if short or _latency().search(after) or re.search(r"\b(latency|inference|response)\b", before):
            reading.put("max_latency_ms", _tidy(seconds * 1000))
        else:
            reading.put("time_s", _tidy(seconds))
        reading.take(*match.span())


@functools.cache
def _latency() -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(data("lexicon")["latency_words"]) + r")\b")


def _tidy(value: float) -> float:
    return float(f"{value:.6g}")
