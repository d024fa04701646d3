"""What a sentence says about arguments: one file per kind of thing it may name."""

from __future__ import annotations

from agent.lm.planner.slots import (
    datasets,
    durations,
    experiments,
    grouping,
    ignored,
    inputs,
    numbers,
    objectives,
    sizes,
    target,
    vocabulary,
)
from agent.lm.planner.slots.reading import Reading

_READERS = (inputs, datasets, grouping, ignored, target, sizes, objectives, vocabulary, numbers, durations, experiments)
"""Names first, because their numbers are no quantities; what one has understood the next does not see."""


def read_all(reading: Reading) -> None:
    """Read every argument off a clause."""
    for module in _READERS:
        module.read(reading)
    if "_quoted" in reading.found:
        reading.put("texts", reading.found.pop("_quoted"))
