"""The visible steps of a tool: shown while it runs, kept in the experiment's record."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tools.contract import ToolContext
from tools.core.records import JobEvent, StepRecord, now


class Step:
    """One step under way; the tool says what came out of it."""

    def __init__(self) -> None:
        self.summary = ""
        self.details: dict[str, Any] = {}

    def say(self, summary: str, **details: Any) -> None:
        """What came out, in one sentence, with the facts for programs."""
        self.summary = summary
        self.details = details


class Steps:
    """Emits steps as they end.

    Args:
        context: Where they go.
    """

    def __init__(self, context: ToolContext) -> None:
        self._context = context
        self.done: list[StepRecord] = []

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Time one step; nothing is emitted when it raises."""
        began = time.monotonic()
        step = Step()
        yield step
        record = StepRecord(
            name=name, summary=step.summary, seconds=round(time.monotonic() - began, 3), details=step.details
        )
        self.done.append(record)
        self._context.emit(JobEvent(time=now(), kind="step", message=record.summary, step=record))

    def keep(self, experiment: int) -> None:
        """Keep the steps in an experiment's record."""
        self._context.store.add_steps(experiment, self.done)
