"""Columns that say how rows are split: what belongs together ("a patient on one side"), and the order in time."""

from __future__ import annotations

import functools
import re

from agent.lm.planner.knowledge import data
from agent.lm.planner.slots.reading import Reading

_ARGS = ("group_column", "time_column")


def read(reading: Reading) -> None:
    """Find the columns to split by; only columns of the data count."""
    for arg, name, start, end in named(reading):
        reading.put(arg, name)
        reading.take(start, end)


def named(reading: Reading) -> list[tuple[str, str, int, int]]:
    """Every (argument, column, start, end) that the text speaks of."""
    found = []
    for column in reading.world.names:
        for arg in _ARGS:
            match = reading.search(_pattern(arg, form(column, reading)))
            if match is not None:
                arg = "time_column" if match.groupdict().get("by") and _times().search(column.lower()) else arg
                found.append((arg, column, *match.span()))
                break
    return found


def form(column: str, reading: Reading) -> str:
    """How a column is written in the text, protected or not: a pattern."""
    marks = [reading.text[start:end] for name, start, end in reading.held("qc") if name.lower() == column.lower()]
    plain = re.sub(r"[\W_]+", "[ _-]?", column.lower())
    return "|".join([*map(re.escape, marks), rf"{plain}(?:e?s)?"])


@functools.lru_cache(maxsize=512)
def _pattern(arg: str, form: str) -> re.Pattern[str]:
    wordings = "|".join(data("lexicon")["splitting"][arg])
    return re.compile(wordings.replace("{c}", rf"(?<!\w)(?:{form})(?!\w)"))


@functools.cache
def _times() -> re.Pattern[str]:
    return re.compile(data("lexicon")["splitting"]["times"])
