"""What a running experiment shows: trial, best, resources, progress."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from tools.core.records import AutoMLMetrics, ExperimentPlan, Phase
from tools.core.seams import RunSink
from tools.engine.execution import process

EVERY_S = 0.4
_FLOORS: dict[str, float] = {"start": 0.0, "data": 0.01, "analysis": 0.03, "search": 0.05, "refit": 0.8, "export": 0.9}


class AutoMLMonitor:
    """Turns what the search knows into readings for the sink.

    Args:
        sink: Where readings go.
        plan: The experiment's plan.
        started: `time.time()` when the user asked.
    """

    def __init__(self, sink: RunSink, plan: ExperimentPlan, started: float) -> None:
        self._sink = sink
        self._plan = plan
        self._started = started
        self._last = 0.0
        self._progress = 0.0
        self._current: dict[str, Any] = {}
        self.peak_memory = self.peak_disk = 0
        self.workers_memory: Callable[[], int] = lambda: 0

    def collect_metrics(self, phase: Phase, metrics: dict[str, Any]) -> AutoMLMetrics:
        """Take a reading and pass it on.

        Args:
            phase: What the job is doing.
            metrics: What changed: `current_trial`, `best_metrics`, `disk` (bytes), `time_s` (budget).
                What is missing keeps its last value.
        """
        self._current |= metrics
        elapsed = time.time() - self._started
        budget = float(self._current.get("time_s", self._plan.limits.time_s))
        memory = process.proportional_bytes(os.getpid()) or process.peak_bytes()
        memory += self.workers_memory()
        self.peak_memory = max(self.peak_memory, memory)
        self.peak_disk = max(self.peak_disk, int(self._current.get("disk", 0)))
        self._progress = max(self._progress, self._estimate(phase, elapsed, budget))
        reading = AutoMLMetrics(
            current_trial=int(self._current.get("current_trial", 0)),
            best_metrics=dict(self._current.get("best_metrics", {})),
            resource_usage={
                "memory": float(memory),
                "disk": float(self._current.get("disk", 0)),
                "time": round(elapsed, 3),
            },
            progress=self._progress,
            phase=phase,
            max_trials=self._plan.search.max_trials,
            time_left_s=max(0.0, budget - elapsed),
        )
        self._sink.progress(phase, reading)
        self._last = time.monotonic()
        return reading

    def tick(self, phase: Phase, metrics: Callable[[], dict[str, Any]] = dict) -> AutoMLMetrics | None:
        """Like `collect_metrics`, at most a few times a second; `metrics` is asked only then."""
        return self.collect_metrics(phase, metrics()) if time.monotonic() - self._last >= EVERY_S else None

    def _estimate(self, phase: Phase, elapsed: float, budget: float) -> float:
        """The share that is done: of the time or of the trials, whichever is further; 1 only at the end."""
        if phase == "done":
            return 1.0
        share = elapsed / budget if budget > 0 else 0.0
        trials = self._plan.search.max_trials
        if phase == "search" and trials:
            share = max(share, 0.8 * float(self._current.get("finished", 0)) / trials)
        return min(0.99, max(share, _FLOORS.get(phase, 0.95)))
