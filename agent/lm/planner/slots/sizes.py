"""Sizes in bytes, and what they limit: the model, memory, the GPU's memory or the disk."""

from __future__ import annotations

import re

from agent.lm.planner.knowledge import alternatives, data
from agent.lm.planner.slots.reading import Reading, number

_FACTORS = {
    "b": 1, "byte": 1, "bytes": 1, "k": 10**3, "kb": 10**3, "kilobyte": 10**3, "kilobytes": 10**3, "kbyte": 10**3,
    "mb": 10**6, "meg": 10**6, "megs": 10**6, "megabyte": 10**6, "megabytes": 10**6, "mbyte": 10**6,
    "gb": 10**9, "gig": 10**9, "gigs": 10**9, "gigabyte": 10**9, "gigabytes": 10**9, "tb": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30,
}  # fmt: skip
_SIZE = re.compile(r"(?<![\w.])(\d+(?:[.,]\d+)?) ?(" + "|".join(sorted(_FACTORS, key=len, reverse=True)) + r")\b")
_REACH = 28
"""Characters on each side in which the word for what is limited is looked for."""


def read(reading: Reading) -> None:
    """Find all sizes. The words after a size ("2 GB of RAM") count before those in front of it ("RAM under 2 GB")."""
    matches = list(_SIZE.finditer(reading.text))
    for index, match in enumerate(matches):
        stop = matches[index + 1].start() if index + 1 < len(matches) else len(reading.text)
        start = matches[index - 1].end() if index else 0
        after = re.split(
            r",|;| and | under | below | at most ", reading.text[match.end() : min(stop, match.end() + _REACH)]
        )[0]
        before = reading.text[max(start, match.start() - _REACH) : match.start()]
        role = _role(after) or _role(re.split(r",|;| and ", before)[-1]) or "max_model_size"
        reading.put(role, round(number(match[1]) * _FACTORS[match[2]]))
    for match in matches:
        reading.take(*match.span())


def _role(words: str) -> str | None:
    for role in data("lexicon")["size_roles"]:
        if alternatives("size_roles", role).search(words):
            return str(role)
    return None
