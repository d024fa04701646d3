"""Jobs: start, watch, cancel, resume, reconcile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from tools.core.errors import ExperimentError
from tools.core.records import AutoMLMetrics, ErrorInfo, ExperimentPlan, ExperimentRecord, JobEvent, JobRecord
from tools.jobs import processes
from tools.jobs.folder import Attempt, RunFolder
from tools.tracking.store import Store
from tools.tracking.wording import STATUS_WORDS

GRACE_S = 3.0
"""How long a cancelled job may take to stop by itself."""
START_S = 20.0
"""How long a job may be known without its process being known (it is just being started)."""
POLL_S = 0.05
KEPT_SHARE = 0.75
LEAST_S = 10.0
"""A resumed job has the time that was left, but at least a quarter of its budget and ten seconds of it: it must load
the engine again, and still export."""

Jobs = list[JobRecord]


class JobManager:
    """Runs experiments in processes of their own; a job's id is its experiment's id.

    Args:
        home: The home folder.
        store: The history.
        command: Program and arguments that run a job; the run folder is appended.
    """

    def __init__(self, home: Path, store: Store, command: Sequence[str] | None = None) -> None:
        self.home = home.absolute()
        self._store = store
        self._command = list(command) if command is not None else processes.python("-m", "tools.jobs.run")

    def submit(self, plan: ExperimentPlan) -> JobRecord:
        """Create the experiment and start its job; its clock runs from now on.

        Raises:
            ExperimentError: the history cannot be written or the process cannot be started.
        """
        asked = time.time()
        record = self._store.create(plan, dataset=Path(plan.dataset).name or plan.dataset)
        folder = self._folder(record.id)
        folder.write_job(record.id, plan)
        self._start(record.id, Attempt(started=asked, asked=asked))
        return self.get(record.id)

    def get(self, job: int) -> JobRecord:
        """A job as it is now.

        Raises:
            ExperimentError: there is none with this number.
        """
        record = self._settled(self._known(job))
        folder = self._folder(job)
        attempt = folder.attempt()
        return JobRecord(
            id=job, status=record.status, kind=record.kind, dataset=record.dataset,
            pid=attempt.pid if attempt else None, created_at=record.created_at, finished_at=record.finished_at,
            metrics=_reading(folder, attempt), folder=record.folder, error=record.error,
        )  # fmt: skip

    def list(self) -> Jobs:
        """All jobs, oldest first."""
        return [self.get(record.id) for record in self._store.list()]

    def running(self) -> Jobs:
        """The jobs that run now."""
        jobs = [self.get(record.id) for record in self._store.list() if record.status == "running"]
        return [job for job in jobs if job.status == "running"]

    def cancel(self, job: int) -> JobRecord:
        """Stop a job; what it has finished is kept. Works also on a job that another server started.

        Raises:
            ExperimentError: there is no such job, or it does not run.
        """
        record = self._settled(self._known(job))
        if record.status != "running":
            raise ExperimentError(
                f"Job {job} is not running: it {STATUS_WORDS[record.status]}.",
                hint="List the jobs to see which ones run.",
            )
        folder = self._folder(job)
        folder.mark_cancelled()
        attempt = folder.attempt()
        if attempt is not None and attempt.pid is not None:
            processes.end(attempt.pid, attempt.create_time, folder.path, GRACE_S)
        self._store.settle(job, "cancelled", wall_s=time.time() - attempt.started if attempt else None)
        folder.end(self._store.get(job).status)
        return self.get(job)

    def resume(self, job: int) -> JobRecord:
        """Go on with a stopped job in the same folder: finished trials are neither lost nor done again.

        Raises:
            ExperimentError: there is no such job, or it is running or completed.
        """
        self._settled(self._known(job))
        folder = self._folder(job)
        if not folder.path.exists():
            raise ExperimentError(f"The files of job {job} are gone.", hint="Train it again.")
        with FileLock(folder.path / "resume.lock"):
            record = self._store.get(job)
            if record.status in ("running", "completed"):
                raise ExperimentError(
                    f"Job {job} {STATUS_WORDS[record.status]}, so there is nothing to resume.",
                    hint="Only failed, interrupted and cancelled jobs can be resumed.",
                )
            asked = time.time()
            time_s = record.plan.limits.time_s
            used = max(0.0, min(record.wall_s, KEPT_SHARE * time_s, time_s - LEAST_S))
            attempt = Attempt(started=asked - used, asked=asked, offset=folder.events_size())
            folder.write_attempt(attempt)  # before the status: nobody may take the dead process for this one
            folder.unmark_cancelled()
            self._store.update(job, status="running", finished_at=None, error=None)
            self._start(job, attempt)
        return self.get(job)

    def follow(self, job: int, until: Callable[[], bool] = lambda: False) -> Iterator[JobEvent]:
        """Yield the events of a job's present attempt from its beginning, as they come; the last one is its end.

        Args:
            job: Its number.
            until: Asked between events; once true, following stops without an end event.

        Raises:
            ExperimentError: there is no such job.
        """
        self._known(job)
        folder = self._folder(job)
        attempt = folder.attempt()
        offset = attempt.offset if attempt else 0
        while not until():
            gone = not self._runs(folder)  # asked before reading: what was written until then is read below
            events = folder.read_events(offset)
            for end, event in events:
                offset = end
                yield event
                if event.kind == "end":
                    return
                if until():
                    return
            if events:
                continue
            if not folder.path.exists():
                return  # deleted meanwhile
            if gone and (record := self._settled(self._store.get(job))).status != "running":
                folder.end(record.status)
            else:
                time.sleep(POLL_S)

    def reconcile(self) -> Jobs:
        """At start-up: jobs whose process died while nobody looked become interrupted; return those."""
        running = [record for record in self._store.list() if record.status == "running"]
        settled = [self._settled(record) for record in running]
        return [self.get(record.id) for record in settled if record.status != "running"]

    def _known(self, job: int) -> ExperimentRecord:
        try:
            return self._store.get(job)
        except ExperimentError:
            if self._store.has(job):
                raise
            raise ExperimentError(f"There is no job {job}.", hint="List the jobs to see their numbers.") from None

    def _folder(self, job: int) -> RunFolder:
        return RunFolder(self._store.folder(job))

    def _start(self, job: int, attempt: Attempt) -> None:
        folder = self._folder(job)
        folder.write_attempt(attempt)
        try:
            pid, create_time = processes.start([*self._command, str(folder.path)], folder.path, folder.log)
        except OSError as error:
            failure = ExperimentError(
                f"The job's process could not be started: {error.strerror}.", hint="Free some memory and try again."
            )
            self._store.settle(job, "failed", ErrorInfo(**failure.as_dict()))
            folder.end("failed")
            raise failure from None
        folder.write_attempt(attempt.model_copy(update={"pid": pid, "create_time": create_time}))

    def _runs(self, folder: RunFolder) -> bool:
        attempt = folder.attempt()
        if attempt is None:
            return False
        if attempt.pid is None:
            return time.time() - attempt.asked < START_S
        return processes.is_alive(attempt.pid, attempt.create_time)

    def _settled(self, record: ExperimentRecord) -> ExperimentRecord:
        """The record, after a running one without a process was given its final status."""
        if record.status != "running":
            return record
        folder = self._folder(record.id)
        if self._runs(folder):
            return record
        attempt = folder.attempt()
        if attempt is None and _age(record) < START_S:
            return record
        record = self._store.get(record.id)  # the process may have finished in between
        if record.status == "running":
            if attempt is not None and attempt.pid is not None:
                processes.end(attempt.pid, attempt.create_time, folder.path, 0.0)  # workers it left behind
            if folder.is_cancelled():
                record = self._store.settle(record.id, "cancelled", wall_s=folder.time_used())
            else:
                record = self._store.settle(record.id, "interrupted", _gone(folder), wall_s=folder.time_used())
        if folder.path.exists():
            folder.end(record.status)
        return record


def _reading(folder: RunFolder, attempt: Attempt | None) -> AutoMLMetrics | None:
    """The last reading of the present attempt."""
    last = None
    for _, event in folder.read_events(attempt.offset if attempt else 0):
        if event.metrics is not None:
            last = event.metrics
    return last


def _gone(folder: RunFolder) -> ErrorInfo:
    return ErrorInfo(
        type="experiment",
        message="The job's process ended before its work was done (stopped from outside, out of memory, or a restart).",
        hint=f"Resume it: finished trials are kept. What it printed is in '{folder.log}'.",
    )


def _age(record: ExperimentRecord) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(record.created_at)).total_seconds()
