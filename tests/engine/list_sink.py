"""A sink that keeps everything in lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tools.core.records import AutoMLMetrics, Phase, StepRecord, TrialRecord


class ListSink:
    """What a running experiment says, remembered; `stop` decides whether it is cancelled."""

    def __init__(self, stop: Callable[[ListSink], bool] = lambda sink: False) -> None:
        self.readings: list[tuple[Phase, AutoMLMetrics]] = []
        self.steps: list[StepRecord] = []
        self.trials: list[TrialRecord] = []
        self.messages: list[str] = []
        self.fields: dict[str, Any] = {}
        self._stop = stop

    def progress(self, phase: Phase, metrics: AutoMLMetrics) -> None:
        self.readings.append((phase, metrics))

    def step(self, step: StepRecord) -> None:
        self.steps.append(step)

    def trial(self, trial: TrialRecord) -> None:
        self.trials.append(trial)

    def message(self, text: str) -> None:
        self.messages.append(text)

    def update(self, **fields: Any) -> None:
        self.fields |= fields

    def cancelled(self) -> bool:
        return self._stop(self)
