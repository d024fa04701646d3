"""When a search is over: its time, its number of trials, its patience, its disk or its grid has run out."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from tools.core.errors import OptimizationError
from tools.core.records import ExperimentPlan, TrialRecord
from tools.core.seams import RunSink
from tools.engine.search.budget import SHORTEST_TRIAL_S, Budget
from tools.engine.search.monitor import AutoMLMonitor
from tools.engine.search.study import Study

Reason = Literal["time", "max_trials", "patience", "space", "disk", "cancelled"]
FAILURES_IN_VAIN = 12
DISK_SHARE = 0.9
TRIED_AGAIN = "; it is tried again"
"""How the reason of a trial ends that was killed, or short of memory, and has a successor: it does not count."""


@dataclass(frozen=True)
class Ends:
    """Watches for the end of one search."""

    plan: ExperimentPlan
    study: Study
    budget: Budget
    monitor: AutoMLMonitor
    sink: RunSink

    def reason(self, n_running: int, n_held: int) -> Reason | None:
        """Why no further trial should be started; None when one should.

        Args:
            n_running: Trials in a worker.
            n_held: Trials that ended and have not been told (see `Turns`).

        Raises:
            OptimizationError: trial after trial fails.
        """
        search = self.plan.search
        if self.sink.cancelled():
            return "cancelled"
        counted = [r for r in self.study.records if r.status != "infeasible" and not r.reason.endswith(TRIED_AGAIN)]
        if search.max_trials is not None and len(counted) + n_running + n_held >= search.max_trials:
            return "max_trials"
        if search.early_stopping_patience is not None and _stale(counted) >= search.early_stopping_patience:
            return "patience"
        if self.budget.search_left() < self._shortest() and not self._first_is_missing(n_running):
            return "time"
        if self.plan.limits.max_disk is not None and self.monitor.peak_disk > DISK_SHARE * self.plan.limits.max_disk:
            return "disk"
        if search.strategy == "grid" and self.study.n_queued == 0:
            return "space"
        if len(counted) >= FAILURES_IN_VAIN and all(record.status == "failed" for record in counted):
            messages = Counter(record.error.message for record in counted if record.error)
            raise OptimizationError(
                f"All of the first {len(counted)} trials failed, most with: {messages.most_common(1)[0][0]}",
                hint="Choose other model families, or check the data for extreme values.",
            )
        return None

    def _first_is_missing(self, n_running: int) -> bool:
        """Whether a first model should still be tried: a quick one and its export fit into the tolerance."""
        return not self.study.finished and not n_running and self.budget.left() > SHORTEST_TRIAL_S

    def _shortest(self) -> float:
        """The time left under which no trial is started: half of what the quickest took, once there is a model."""
        times = [record.resources.training_time for record in self.study.finished]
        return max(SHORTEST_TRIAL_S, 0.5 * min(times, default=0.0))


def _stale(records: list[TrialRecord]) -> int:
    """How many trials ended since the last improvement of the objective."""
    best, stale = -math.inf, 0
    for record in records:
        if record.status == "completed" and record.objective is not None and record.objective > best + 1e-9:
            best, stale = record.objective, 0
        else:
            stale += 1
    return stale
