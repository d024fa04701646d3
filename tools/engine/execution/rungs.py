"""The shares of a training at which trials are compared."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

RUNGS = (1 / 16, 1 / 8, 1 / 4, 1 / 2)


def rung(share: float) -> int:
    """How many rungs a training has reached that has had this share of its steps; 0 when the share is not known.

    >>> [rung(share) for share in (0.05, 0.0625, 0.2, 0.5, 1.0, float("nan"))]
    [0, 1, 2, 4, 4, 0]
    """
    return bisect_right(RUNGS, share) if share == share else 0


def crossings(shares: Iterable[float]) -> list[int]:
    """For each reading of a training the rung that it is the first to reach; 0 where it reaches none.

    >>> crossings([0.05, 0.07, 0.1, float("nan"), 0.3, 1.0])
    [0, 1, 0, 0, 3, 4]
    """
    found, reached = [], 0
    for share in shares:
        before, reached = reached, max(reached, rung(share))
        found.append(reached if reached > before else 0)
    return found
