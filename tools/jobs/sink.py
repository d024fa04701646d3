"""Where a running experiment writes: events, trials and the history, each in time and none too often."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from tools.core.records import AutoMLMetrics, JobEvent, Phase, StepRecord, TrialRecord, now
from tools.jobs.folder import RunFolder
from tools.tracking.files import LineWriter
from tools.tracking.store import Store

PROGRESS_S = 0.25
COUNTS_S = 1.0
OWNED = frozenset({"status", "finished_at", "error", "trials", "trial_counts"})
"""Fields the job itself keeps: the engine ends by returning or raising, not by setting a status."""


class JobSink:
    """The `RunSink` of a job's process; safe to call from several threads.

    Args:
        job: The experiment's number.
        folder: Its run folder.
        store: The history.
        stopped: True once the job should stop.
    """

    def __init__(self, job: int, folder: RunFolder, store: Store, stopped: Callable[[], bool]) -> None:
        self._job = job
        self._store = store
        self._stopped = stopped
        self._lock = threading.RLock()
        self._events = LineWriter(folder.events)
        self._trials = LineWriter(folder.path / "trials.jsonl", durable=True)
        self._states = {trial.number: trial.status for trial in store.trials(job)}
        self._counted = 0.0
        self._waiting: JobEvent | None = None
        self._written = 0.0
        self._phase: Phase | None = None

    def progress(self, phase: Phase, metrics: AutoMLMetrics) -> None:
        """Write a reading at once when the phase changes, else at most four times a second (the newest is kept)."""
        with self._lock:
            if metrics.phase != phase:
                metrics = metrics.model_copy(update={"phase": phase})
            self._waiting = JobEvent(time=now(), kind="progress", metrics=metrics)
            if phase != self._phase or time.monotonic() - self._written >= PROGRESS_S:
                self._phase = phase
                self._flush()

    def step(self, step: StepRecord) -> None:
        """Write a visible step and keep it in the record."""
        with self._lock:
            self._write(JobEvent(time=now(), kind="step", message=step.summary, step=step))
            self._store.add_steps(self._job, [step])

    def trial(self, trial: TrialRecord) -> None:
        """Keep a finished trial, on disk before this returns."""
        with self._lock:
            self._trials.write(trial.model_dump(mode="json"))
            self._states[trial.number] = trial.status
            self._write(JobEvent(time=now(), kind="trial", trial=trial.model_copy(update={"curve": ()})))
            if time.monotonic() - self._counted >= COUNTS_S:
                self._count()

    def message(self, text: str) -> None:
        """Write a sentence for the user."""
        with self._lock:
            self._write(JobEvent(time=now(), kind="message", message=text))

    def update(self, **fields: Any) -> None:
        """Set fields of the record, apart from those the job owns."""
        with self._lock:
            fields = {name: value for name, value in fields.items() if name not in OWNED}
            if fields:
                self._store.update(self._job, **fields)

    def cancelled(self) -> bool:
        """Whether the job should stop."""
        return self._stopped()

    def finish(self) -> None:
        """Write what still waits."""
        with self._lock:
            self._flush()
            self._count()

    def close(self) -> None:
        """Close the files."""
        self._events.close()
        self._trials.close()

    def _write(self, event: JobEvent) -> None:
        self._flush()
        self._events.write(event.model_dump(mode="json", exclude_none=True))

    def _flush(self) -> None:
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            self._written = time.monotonic()
            self._events.write(waiting.model_dump(mode="json", exclude_none=True))

    def _count(self) -> None:
        self._counted = time.monotonic()
        if self._states:
            self._store.update(self._job, trials=len(self._states), trial_counts=dict(Counter(self._states.values())))
