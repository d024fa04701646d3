"""When a running trial is given up: asynchronous successive halving within a family.

When a sixteenth, an eighth, a quarter and a half of its training have passed (see `rungs`), a trial's best objective
so far is compared with what other trials of the same family had by then; it goes on when it belongs to the best two
fifths. Shares and not steps, because a schedule of learning rates ends where the training ends: halfway through,
trials of any length can be compared. Families are not, because a linear model is ahead in the beginning and behind at
the end. The first trials of a family are never given up.

Source: Li et al. (2020), "A System for Massively Parallel Hyperparameter Tuning", algorithm 2, with a reduction
factor of 2.5 in place of 4, and trials that stop in place of waiting to be promoted.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable

from tools.engine.execution.rungs import crossings

KEEP = 0.4
PROTECTED = 4


class Halving:
    """Remembers what trials had reached at each rung."""

    def __init__(self) -> None:
        self._rungs: dict[tuple[str, int], dict[int, float]] = defaultdict(dict)
        self._trials: dict[str, set[int]] = defaultdict(set)

    def report(self, trial: int, family: str, rung: int, objective: float) -> bool:
        """Take a reading in; True when the trial should end.

        Args:
            trial: Number of the trial.
            family: Name of its family.
            rung: The rung it has just reached; 0 when it is between two.
            objective: Best objective so far, larger is better.
        """
        self._trials[family].add(trial)
        if not rung or math.isnan(objective):
            return False
        seen = self._rungs[family, rung]
        others = [value for other, value in seen.items() if other != trial]
        seen[trial] = objective
        return len(self._trials[family]) > PROTECTED and behind(objective, others)

    def compare(self, family: str, rung: int, objective: float, known: frozenset[int]) -> bool:
        """Whether a trial should end, judged by the `known` trials alone; nothing is taken in."""
        if not rung or math.isnan(objective):
            return False
        return behind(objective, [value for other, value in self._rungs[family, rung].items() if other in known])

    def replay(self, trial: int, family: str, curve: Iterable[tuple[float, float]]) -> None:
        """Take in the whole curve of a trial that ended: (share of the training, objective by then)."""
        best, readings = -math.inf, list(curve)
        for (_, objective), rung in zip(readings, crossings(share for share, _ in readings), strict=True):
            best = max(best, objective) if not math.isnan(objective) else best
            self.report(trial, family, rung, best)


def behind(objective: float, others: list[float]) -> bool:
    """Whether an objective is not among the best that go on; never among few.

    >>> behind(0.5, [0.6, 0.7, 0.8]), behind(0.5, [0.3, 0.4, 0.6, 0.7]), behind(0.5, [0.2, 0.3, 0.4, 0.6])
    (False, True, False)
    """
    better = sum(other > objective for other in others)
    return len(others) >= PROTECTED and better >= math.floor(KEEP * (len(others) + 1))
