"""What the steps of one experiment share: the plan, the clock, and where news goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.core.records import ExperimentPlan, Phase, StepRecord
from tools.core.seams import RunSink
from tools.engine.search import steps
from tools.engine.search.budget import Budget
from tools.engine.search.monitor import AutoMLMonitor


@dataclass
class Run:
    """What the steps of one experiment share."""

    plan: ExperimentPlan
    folder: Path
    sink: RunSink
    budget: Budget
    monitor: AutoMLMonitor
    phases: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: Phase) -> Iterator[None]:
        """Time one phase."""
        begun = time.time()
        self.monitor.collect_metrics(name, {})
        try:
            yield
        finally:
            self.phases[name] = round(self.phases.get(name, 0.0) + time.time() - begun, 3)

    def step(self, name: str, work: Callable[[], tuple[str, dict[str, Any]]]) -> None:
        """Do one step; `work` returns a sentence and its details. Each tool shows the steps that are its own."""
        begun = time.time()
        summary, details = work()
        shown = steps.shown_name(self.plan.kind, name)
        if shown is not None:
            seconds = round(time.time() - begun, 3)
            self.sink.step(StepRecord(name=shown, summary=summary, seconds=seconds, details=details))
