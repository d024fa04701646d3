"""Arguments whose values are words: task, strategy, metric, precision, report, plot, status, families."""

from __future__ import annotations

import functools
import re

from agent.lm.planner.knowledge import alternatives, data
from agent.lm.planner.slots.reading import Reading


def read(reading: Reading) -> None:
    """Look every argument's words up in what is left of the text."""
    for arg, values in data("lexicon")["vocabulary"].items():
        if arg == "family":
            named = [value for value in values if _words(arg, value).search(reading.text)]
            if named:
                reading.put("families", named)
            continue
        guard = _guard(arg)
        for value in values:
            match = _words(arg, value).search(reading.text)
            if match and (guard is None or guard.search(reading.text[: match.start()])):
                reading.put(arg, value)
                break


@functools.cache
def _words(arg: str, value: str) -> re.Pattern[str]:
    words = sorted(data("lexicon")["vocabulary"][arg][value], key=len, reverse=True)
    return re.compile(r"\b(?:" + "|".join(words) + r")(?!\w)")


@functools.cache
def _guard(arg: str) -> re.Pattern[str] | None:
    if arg not in data("lexicon")["guarded"]:
        return None
    pattern = alternatives("guarded", arg).pattern.removesuffix(r"(?!\w)")
    return re.compile(pattern + r"(?:the |an? |its )?$")
