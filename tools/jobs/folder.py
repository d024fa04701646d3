"""What lies in a run folder: who runs it, since when, and the marks left for each other.

job.json        the frozen request: plan, seed, versions, when it was asked for
process.json    who runs it: pid, start of the process, when the clock started, where its events begin
cancel          there once the user has asked to stop
events.jsonl    what happened; trials.jsonl  finished trials with their curves
job.log         what the process printed, and tracebacks
record.json     the finished record (so that a lost history can be rebuilt)
"""

from __future__ import annotations

import importlib.metadata
import platform
import time
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tools.core.errors import ExperimentError
from tools.core.frozen import Frozen
from tools.core.records import ExperimentPlan, JobEvent, now
from tools.tracking.files import LineWriter, dump, read_json, read_lines, write_atomically

PACKAGES = ("automl-agent", "torch", "numpy", "pandas", "scikit-learn", "optuna", "onnx", "onnxruntime")


class JobFile(Frozen):
    """The frozen request, enough to run it again."""

    id: int
    created_at: str
    plan: ExperimentPlan
    seed: int
    versions: dict[str, str]


class Attempt(Frozen):
    """One process that runs, or ran, the job.

    Attributes:
        pid: Its process id, also the id of its process group; None before it is known.
        create_time: Start of that process as the system tells it, so that a reused pid is not mistaken for it.
        started: `time.time()` at which the budget starts to count.
        asked: `time.time()` at which this attempt was asked for.
        offset: Bytes of events.jsonl that belong to earlier attempts.
    """

    pid: int | None = None
    create_time: float | None = None
    started: float
    asked: float
    offset: int = 0


class RunFolder:
    """The files of one job.

    Args:
        path: The run folder, `HOME/runs/ID`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.events = path / "events.jsonl"
        self.log = path / "job.log"
        self._cancel = path / "cancel"

    def write_job(self, job: int, plan: ExperimentPlan) -> None:
        """Freeze the request."""
        record = JobFile(id=job, created_at=now(), plan=plan, seed=plan.seed, versions=versions())
        write_atomically(self.path / "job.json", dump(record.model_dump(mode="json")))

    def job(self) -> JobFile:
        """The frozen request.

        Raises:
            ExperimentError: it is missing or damaged.
        """
        try:
            return JobFile.model_validate(read_json(self.path / "job.json"))
        except ValidationError:
            raise ExperimentError(
                f"'{self.path / 'job.json'}' is missing or damaged, so this job cannot run.",
                hint="Start the experiment again.",
            ) from None

    def write_attempt(self, attempt: Attempt) -> None:
        """Say who runs the job."""
        write_atomically(self.path / "process.json", dump(attempt.model_dump(mode="json")))

    def attempt(self) -> Attempt | None:
        """Who runs the job, or ran it last."""
        try:
            return Attempt.model_validate(read_json(self.path / "process.json"))
        except ValidationError:
            return None

    def mark_cancelled(self) -> None:
        """Leave the mark that the user asked to stop."""
        self._cancel.touch()

    def unmark_cancelled(self) -> None:
        """Take the mark away."""
        self._cancel.unlink(missing_ok=True)

    def is_cancelled(self) -> bool:
        """Whether the user asked to stop."""
        return self._cancel.exists()

    def events_size(self) -> int:
        """Bytes of events so far."""
        return self.events.stat().st_size if self.events.exists() else 0

    def read_events(self, offset: int) -> list[tuple[int, JobEvent]]:
        """The whole events from `offset` on, each with the offset behind it."""
        found = []
        for end, line in read_lines(self.events, offset):
            try:
                found.append((end, JobEvent.model_validate(line)))
            except ValidationError:
                continue  # of another version
        return found

    def end(self, status: str) -> None:
        """Write the end event of this attempt, where there is none yet."""
        attempt = self.attempt()
        if any(event.kind == "end" for _, event in self.read_events(attempt.offset if attempt else 0)):
            return
        writer = LineWriter(self.events)
        try:
            writer.write(JobEvent(time=now(), kind="end", message=status).model_dump(mode="json", exclude_none=True))
        finally:
            writer.close()

    def time_used(self) -> float:
        """Seconds of the budget that the last attempt used, as far as its files tell."""
        attempt = self.attempt()
        if attempt is None:
            return 0.0
        marks = [path.stat().st_mtime for path in (self.events, self.path / "trials.jsonl") if path.exists()]
        return max(0.0, min(max(marks, default=attempt.started), time.time()) - attempt.started)


def versions() -> dict[str, str]:
    """Versions that decide what a run gives."""
    found: dict[str, Any] = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
