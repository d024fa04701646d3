"""The shares of a training at which trials are compared."""

from __future__ import annotations

from bisect import bisect_right

RUNGS = (1 / 16, 1 / 8, 1 / 4, 1 / 2)


def rung(share: float) -> int:
    """How many rungs a training has reached that has had this share of its steps; 0 when the share is not known.

    >>> [rung(share) for share in (0.05, 0.0625, 0.2, 0.5, 1.0, float("nan"))]
    [0, 1, 2, 4, 4, 0]
    """
    return bisect_right(RUNGS, share) if share == share else 0
