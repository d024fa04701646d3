"""The hard wall-clock budget: how the time asked for is shared between search, refit and export."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

MARGIN_S = 1.0
FINISH_S = 2.0
REFIT_SHARE = 0.25
TRIAL_SHARE = 0.4
SHORTEST_TRIAL_S = 0.3
LEAST_GRACE_S = 2.0
GRACE_SHARE = 0.5


@dataclass
class Budget:
    """Deadlines of one job, as `time.time()` values.

    Attributes:
        started: When the user asked.
        time_s: The time asked for.
        finish_s: Kept for export, verification and the final scores; set anew once an export was measured.
        finals_s: Kept for comparing the leaders once more.
        refit_s: Kept for training the best configuration on all rows; set anew while trials end.
        clock: The time, replaceable in tests.
    """

    started: float
    time_s: float
    finish_s: float = FINISH_S
    refit_s: float = 0.0
    finals_s: float = 0.0
    clock: Callable[[], float] = field(default=time.time, repr=False)

    def __post_init__(self) -> None:
        self.finish_s = min(self.finish_s, 0.35 * self.time_s)

    @property
    def end(self) -> float:
        """When everything should be over: a little before the limit."""
        return self.started + self.time_s - min(MARGIN_S, 0.06 * self.time_s)

    @property
    def refit_end(self) -> float:
        """When all training must be over."""
        return self.end - self.finish_s

    @property
    def search_end(self) -> float:
        """When the search must be over."""
        return self.refit_end - self.refit_s - self.finals_s

    @property
    def elapsed(self) -> float:
        """Seconds since the user asked."""
        return self.clock() - self.started

    def left(self) -> float:
        """Seconds until the limit itself; not below 0."""
        return max(0.0, self.started + self.time_s - self.clock())

    def search_left(self) -> float:
        """Seconds the search still has; may be negative."""
        return self.search_end - self.clock()

    def trial_deadline(self, search_started: float, closing_s: float) -> float:
        """When a trial that starts now must stop training.

        No trial takes more than a share of the whole search, so that several are tried on large data too.

        Args:
            search_started: When the search began.
            closing_s: What a trial needs after training to restore, score and save its best state.
        """
        whole = max(self.search_end - search_started, 0.0)
        latest = max(self.search_end - closing_s, self.clock() + SHORTEST_TRIAL_S)
        return min(latest, self.clock() + max(TRIAL_SHARE * whole, 2.0))

    def kill_time(self, deadline: float) -> float:
        """When a trial that did not end at its deadline is killed.

        A busy machine slows the last step, the scoring and the saving as much as the training before.

        Args:
            deadline: When the trial should have stopped training; it starts now.
        """
        grace = max(LEAST_GRACE_S, GRACE_SHARE * (deadline - self.clock()))
        return min(deadline + grace, max(self.refit_end, deadline + SHORTEST_TRIAL_S))

    def plan_refit(self, estimated_s: float, share: float = REFIT_SHARE) -> None:
        """Reserve the time a refit of the current best needs; none when that would be too large a share.

        Args:
            estimated_s: Estimated seconds of that refit.
            share: The largest part of the whole time that a refit is worth.
        """
        wanted = 1.3 * estimated_s + 0.5
        self.refit_s = wanted if wanted <= share * self.time_s else 0.0

    def plan_finish(self, measured_s: float) -> None:
        """Reserve the time that exporting, verifying and scoring will take.

        Args:
            measured_s: Estimated seconds, from an export that was measured.
        """
        self.finish_s = min(max(min(FINISH_S, 0.35 * self.time_s), measured_s), 0.5 * self.time_s)


def refit_seconds(trial_s: float, n_folds: int) -> float:
    """Estimated seconds of training one model on all rows.

    Args:
        trial_s: Seconds of the trial, all folds together.
        n_folds: Folds of the trial; each holds (k-1)/k of the rows, a hold-out 4/5.
    """
    return 1.25 * trial_s if n_folds == 1 else trial_s / (n_folds - 1)
