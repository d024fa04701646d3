"""What is tried after a trial that ran out of memory."""

from __future__ import annotations

from tools.engine.families.family import Params
from tools.engine.search.feasibility import Feasibility
from tools.engine.search.study import Candidate

MEMORY_RETRIES = 2


def needing_less(candidate: Candidate, feasibility: Feasibility) -> tuple[Params | None, str]:
    """Smaller batches first, then half the structure, then no more.

    Returns:
        The configuration (None: give up), and what is said about it.
    """
    if candidate.retry == 0 and (smaller := smaller_batch(candidate, feasibility)) is not None:
        return smaller, "with smaller batches"
    if candidate.retry < MEMORY_RETRIES:
        return feasibility.smaller(candidate.family, candidate.params), "with a smaller model"
    return None, ""


def smaller_batch(candidate: Candidate, feasibility: Feasibility) -> Params | None:
    """The same with at most half the batch size; None where it is fixed or as small as it gets."""
    dimension = feasibility.space.dimensions(candidate.family).get("batch_size")
    size = candidate.params.get("batch_size")
    if dimension is None or not isinstance(size, int):
        return None
    if "batch_size" in feasibility.space.fixed.get(candidate.family, {}):
        return None
    values = dimension.choices or (int(dimension.low), max(int(dimension.low), size // 2))
    smaller = [value for value in values if isinstance(value, int) and value <= size // 2]
    return {**candidate.params, "batch_size": max(smaller)} if smaller else None
