"""The seam between the engine and its surroundings.

`RunSink` is where a running experiment writes (the engine never sees the store behind it).
"""

from __future__ import annotations

from typing import Any, Protocol

from tools.core.records import AutoMLMetrics, Phase, StepRecord, TrialRecord


class RunSink(Protocol):
    """Where a running experiment reports; implemented by `tools.jobs` and, in tests, by a list."""

    def progress(self, phase: Phase, metrics: AutoMLMetrics) -> None:
        """A new reading; may be called several times a second (the sink thins it out)."""

    def step(self, step: StepRecord) -> None:
        """A visible step ended."""

    def trial(self, trial: TrialRecord) -> None:
        """A trial ended; kept at once, so that nothing finished is lost."""

    def message(self, text: str) -> None:
        """A sentence for the user."""

    def update(self, **fields: Any) -> None:
        """Set fields of the `ExperimentRecord`."""

    def cancelled(self) -> bool:
        """True once the user has asked to stop."""
