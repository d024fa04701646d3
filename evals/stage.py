"""Jobs that behave as a conversation tells them to: they end at once, fail, or go on until somebody ends them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from evals.results import finish_canned
from evals.suite import Behaviour, Happening
from tools.core.records import AutoMLMetrics, ErrorInfo, JobEvent, now
from tools.jobs import processes
from tools.jobs.folder import Attempt, RunFolder
from tools.jobs.manager import JobManager
from tools.tracking.files import LineWriter
from tools.tracking.store import Store

SLEEPER = (sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)")
"""A job that runs and does nothing."""
OUT_OF_MEMORY = ErrorInfo(
    type="resource", message="The job ran out of memory.", hint="Allow more memory, or use less data."
)
_READINGS = ((5, 0.4), (8, 0.65), (10, 0.85))


class StagedJobs(JobManager):
    """A job manager whose jobs come to a canned end at once, unless `behaviour` says otherwise."""

    def __init__(self, home: Path, store: Store, command: Sequence[str] = SLEEPER) -> None:
        super().__init__(home, store, command)
        self.behaviour: Behaviour | None = None

    def happen(self, happenings: Iterable[Happening]) -> None:
        """Let the newest running job move on, end or fail."""
        for what in happenings:
            for job in self.running()[-1:] if what != "restart" else ():
                if what == "job_progresses":
                    self._progress(RunFolder(Path(job.folder)))
                else:
                    self._end(job.id, failed=what == "job_fails")

    def _start(self, job: int, attempt: Attempt) -> None:
        folder = self._folder(job)
        if self.behaviour == "goes_on":
            super()._start(job, attempt)
            self._progress(folder)
            return
        folder.write_attempt(attempt)
        self._finish(job, failed=self.behaviour == "fails")

    def _end(self, job: int, failed: bool) -> None:
        folder = self._folder(job)
        attempt = folder.attempt()
        self._finish(job, failed)  # before its process ends, or it would count as interrupted
        if attempt is not None and attempt.pid is not None:
            processes.end(attempt.pid, attempt.create_time, folder.path, 1.0)

    def _finish(self, job: int, failed: bool) -> None:
        if failed:
            record = self._store.settle(job, "failed", OUT_OF_MEMORY, wall_s=9.0)
        else:
            record = finish_canned(self._store, self._store.get(job))
        self._folder(job).end(record.status)

    def _progress(self, folder: RunFolder) -> None:
        told = sum(event.kind == "progress" for _, event in folder.read_events(0))
        trial, progress = _READINGS[min(told, len(_READINGS) - 1)]
        reading = AutoMLMetrics(
            current_trial=trial, progress=progress, phase="search", best_metrics={"accuracy": 0.95 + 0.002 * trial},
            time_left_s=round(300 * (1 - progress)),
        )  # fmt: skip
        writer = LineWriter(folder.events)
        try:
            event = JobEvent(time=now(), kind="progress", metrics=reading)
            writer.write(event.model_dump(mode="json", exclude_none=True))
        finally:
            writer.close()
