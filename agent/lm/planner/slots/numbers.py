"""Numbers that the grammar file knows: trials, patience, folds, shares, seeds, tokens."""

from __future__ import annotations

import functools
import re
from typing import Any

from agent.lm.planner.knowledge import data
from agent.lm.planner.slots.reading import Reading, number


@functools.cache
def _rules() -> tuple[tuple[str, str, re.Pattern[str], Any], ...]:
    return tuple(
        (rule["arg"], rule["type"], re.compile(rule["pattern"]), rule.get("value")) for rule in data("grammar")
    )


def read(reading: Reading) -> None:
    """Apply the grammar in its order."""
    for arg, kind, pattern, fixed in _rules():
        match = reading.search(pattern)
        if match is None or arg in reading.found:
            continue
        value = fixed if kind == "const" else _value(match, kind, arg)
        if value is not None:
            reading.put(arg, value)
            reading.take(*match.span())
    if "folds" in reading.found:
        reading.put("validation", "cross_validation")


def _value(match: re.Match[str], kind: str, arg: str) -> Any:
    if kind == "int":
        return int(match[1])
    value = number(match[1])
    if kind == "share":
        percent = (
            bool(match.lastindex and match.lastindex >= 2 and match[2])
            or value > 1
            or (value == 1 and arg.startswith("max"))
        )
        value = value / 100 if percent else value
        return float(f"{value:.6g}") if value >= 0 else None
    return value
