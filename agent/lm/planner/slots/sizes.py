"""Sizes in bytes, and what they limit: the model, memory, the GPU's memory or the disk."""

from __future__ import annotations

import re

from agent.lm.planner.knowledge import alternatives, data
from agent.lm.planner.slots.reading import Reading

_SIZE = re.compile(r"(?<![\w.])(\d+) bytes\b")
_BREAK = re.compile(r",|;|\.\s| and | under | at most | but ")
_BESIDE = 3
"""Words after a size that count before all others."""

_SMALLEST_DISK = 100_000_000
"""A run needs more: a smaller "storage" is that of the device the model is for."""

_LARGEST_MODEL = 1_000_000_000
"""No model made here comes near it: so much is the memory to train in."""

_REACH = 32
"""Characters on each side in which the word for what is limited is looked for."""


def read(reading: Reading) -> None:
    """Find all sizes. The words after a size ("2 GB of RAM") count before those in front of it ("RAM under 2 GB")."""
    matches = list(_SIZE.finditer(reading.text))
    for index, match in enumerate(matches):
        stop = matches[index + 1].start() if index + 1 < len(matches) else len(reading.text)
        start = matches[index - 1].end() if index else 0
        after = _BREAK.split(reading.text[match.end() : min(stop, match.end() + _REACH)])[0]
        before = reading.text[max(start, match.start() - _REACH) : match.start()]
        near = re.split(r",|;| and | but ", before)[-1]
        size = int(match[1])
        role = _role(" ".join(after.split()[:_BESIDE])) or _role(near) or _role(after)
        if role is None:
            reading.put("_size", size)
        if role == "max_disk" and size < _SMALLEST_DISK:
            role = None
        if role is None and size >= _LARGEST_MODEL:
            role = "max_memory"
        reading.put(role or "max_model_size", size)
    for match in matches:
        reading.take(*match.span())


def _role(words: str) -> str | None:
    for role in data("lexicon")["size_roles"]:
        if alternatives("size_roles", role).search(words):
            return str(role)
    return None
