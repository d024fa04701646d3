"""When a running trial is given up: asynchronous successive halving within a family.

At steps 4, 8, 16, … a trial's best objective so far is compared with what other trials of the same family had at the
same step; it goes on when it belongs to the better half. Families are not compared with each other, because a linear
model is ahead after four steps and behind at the end. The first trials of a family are never given up.

Source: Li et al. (2020), "A System for Massively Parallel Hyperparameter Tuning", algorithm 2, with a reduction
factor of 2 in place of 4: short trials are cheap and their first steps say little.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

FIRST_RUNG = 4
KEEP = 0.5
PROTECTED = 4


class Halving:
    """Remembers what trials had reached at each rung."""

    def __init__(self) -> None:
        self._rungs: dict[tuple[str, int], dict[int, float]] = defaultdict(dict)
        self._trials: dict[str, set[int]] = defaultdict(set)

    def report(self, trial: int, family: str, step: int, objective: float) -> bool:
        """Take a reading in; True when the trial should end.

        Args:
            trial: Number of the trial.
            family: Name of its family.
            step: Steps trained so far.
            objective: Best objective so far, larger is better.
        """
        self._trials[family].add(trial)
        if step < FIRST_RUNG or math.isnan(objective):
            return False
        rung = 2 ** int(math.log2(step))
        seen = self._rungs[family, rung]
        if trial in seen:
            return False
        others = list(seen.values())
        seen[trial] = objective
        return len(self._trials[family]) > PROTECTED and behind(objective, others)

    def compare(self, trial: int, family: str, step: int, objective: float, known: frozenset[int]) -> bool:
        """Whether the trial should end, judged by the `known` trials alone; nothing is taken in.

        Only readings exactly at a rung count, so that the answer does not depend on which others were missed.
        """
        if step < FIRST_RUNG or step & (step - 1) or math.isnan(objective):
            return False
        return behind(objective, [value for other, value in self._rungs[family, step].items() if other in known])

    def replay(self, trial: int, family: str, curve: Iterable[tuple[int, float]]) -> None:
        """Take in the whole curve of a finished trial (after a resume): (step, objective at that step)."""
        best = -math.inf
        for step, objective in curve:
            best = max(best, objective) if not math.isnan(objective) else best
            self.report(trial, family, step, best)


def behind(objective: float, others: list[float]) -> bool:
    """Whether an objective belongs to the worse half; never among few.

    >>> behind(0.5, [0.6, 0.7, 0.8]), behind(0.5, [0.4, 0.6, 0.7, 0.8])
    (False, True)
    """
    better = sum(other > objective for other in others)
    return len(others) >= PROTECTED and better >= math.ceil(KEEP * (len(others) + 1))
