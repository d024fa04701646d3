"""Worker processes that are started once and reused; each costs its own trial at most.

The fork server has torch loaded, so a worker starts, or is replaced, in about a tenth of a second. Plain fork is
never used: it breaks in a process that holds threads.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from tools.core.errors import ResourceError
from tools.engine.execution import process
from tools.engine.execution.forkserver import prestart
from tools.engine.execution.messages import Assignment, Event, Failed, FailureReason, Finished, Ready, Stop
from tools.engine.execution.trial import Control
from tools.engine.execution.worker import Trainer, WorkerSetup, worker_main

GRACE_S = 2.0  # after its deadline a trial still restores, scores and saves
MEMORY_SLACK = 1.25  # the worker's own limit is catchable and comes first; the watch kills beyond it
MAX_STARTS_IN_VAIN = 3


class Pool(Protocol):
    """Where trials run."""

    @property
    def free(self) -> int:
        """How many assignments can be taken now."""

    def submit(self, assignment: Assignment) -> None:
        """Start a trial on a free worker."""

    def stop(self, trial: int, keep: bool) -> None:
        """Ask a running trial to end after its current step."""

    def abandon(self, trial: int) -> None:
        """Give a trial up at once; nothing more is heard of it."""

    def poll(self, timeout_s: float) -> list[Event]:
        """Wait for news, at most `timeout_s`."""

    def close(self) -> None:
        """End all workers; what they were training is lost."""

    def memory(self) -> int:
        """Bytes all workers hold now, shared pages counted once."""


@dataclass
class _Worker:
    """One process and what it is doing."""

    process: BaseProcess
    connection: Connection
    ready: bool = False
    assignment: Assignment | None = None
    base_memory: int = 0

    @property
    def pid(self) -> int:
        return self.process.pid or 0


class WorkerPool:
    """A fixed number of workers on this machine.

    Args:
        setup: What every worker is told.
        n_workers: How many.
        grace_s: Seconds after its deadline until a trial counts as hung.
    """

    def __init__(self, setup: WorkerSetup, n_workers: int, grace_s: float = GRACE_S) -> None:
        prestart(setup.threads)
        self._setup = setup
        self._grace_s = grace_s
        self._context = multiprocessing.get_context("forkserver")
        self._starts_in_vain = 0
        self._workers = [self._start() for _ in range(n_workers)]

    @property
    def free(self) -> int:
        """Workers that are ready and have no trial: a trial's time must not run while its worker still starts."""
        return sum(worker.ready and worker.assignment is None for worker in self._workers)

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers."""
        return [worker.pid for worker in self._workers]

    def running_on(self, trial: int) -> int | None:
        """The process id of the worker that runs a trial."""
        worker = self._find(trial)
        return worker.pid if worker else None

    def submit(self, assignment: Assignment) -> None:
        """Give a trial to a free worker, one that is ready if possible."""
        free = [worker for worker in self._workers if worker.assignment is None]
        if not free:
            raise ResourceError("All workers are busy.", hint="Wait for a trial to end.")
        worker = next((worker for worker in free if worker.ready), free[0])
        worker.assignment = assignment
        with contextlib.suppress(OSError):  # a worker that just died is found, with its trial, by the next poll
            worker.connection.send(assignment)

    def stop(self, trial: int, keep: bool) -> None:
        """Ask a trial to end after its current step."""
        worker = self._find(trial)
        if worker is not None:
            with contextlib.suppress(OSError):
                worker.connection.send(Stop(trial, keep))

    def abandon(self, trial: int) -> None:
        """Kill the worker of a trial and start another in its place."""
        worker = self._find(trial)
        if worker is not None:
            worker.assignment = None
            list(self._lost(worker, "hung", ""))

    def poll(self, timeout_s: float) -> list[Event]:
        """Collect what the workers sent; kill what hangs or takes too much memory, and replace what died."""
        events: list[Event] = []
        ready = wait([worker.connection for worker in self._workers], timeout=max(0.0, timeout_s))
        for worker in [worker for worker in self._workers if worker.connection in ready]:
            events += self._receive(worker)
        for worker in [worker for worker in self._workers if worker.assignment is not None]:
            events += self._watch(worker)
        return events

    def memory(self) -> int:
        """Bytes all workers hold now, shared pages counted once."""
        return sum(process.proportional_bytes(worker.pid) for worker in self._workers)

    def close(self) -> None:
        """Kill all workers: none holds anything that is wanted any more."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join(2.0)
            worker.connection.close()
        self._workers = []

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        child = self._context.Process(target=worker_main, args=(theirs, self._setup), daemon=True)
        try:
            child.start()
        except (EOFError, OSError):  # the fork server itself was killed: starting once more starts it, too
            child = self._context.Process(target=worker_main, args=(theirs, self._setup), daemon=True)
            child.start()
        theirs.close()
        return _Worker(child, ours)

    def _find(self, trial: int) -> _Worker | None:
        return next((w for w in self._workers if w.assignment is not None and w.assignment.trial == trial), None)

    def _receive(self, worker: _Worker) -> Iterator[Event]:
        while True:
            try:
                if not worker.connection.poll():
                    return
                message: Any = worker.connection.recv()
            except (EOFError, OSError):
                yield from self._lost(worker, "crashed", _last_words(worker.process))
                return
            if isinstance(message, Ready):
                worker.ready, self._starts_in_vain = True, 0
                worker.base_memory = process.private_bytes(worker.pid)
                continue
            if isinstance(message, Finished | Failed):
                worker.assignment = None
            yield message

    def _watch(self, worker: _Worker) -> Iterator[Event]:
        assert worker.assignment is not None
        kill_at = worker.assignment.kill_at or worker.assignment.deadline + self._grace_s
        if time.time() > kill_at:
            yield from self._lost(worker, "hung", "The trial did not end at its deadline and was killed.")
            return
        if self._setup.memory is not None and worker.ready:
            taken = process.private_bytes(worker.pid) - worker.base_memory
            if taken > self._setup.memory * MEMORY_SLACK:
                yield from self._lost(worker, "out of memory", "The trial took more memory than a worker may have.")

    def _lost(self, worker: _Worker, reason: FailureReason, message: str) -> Iterator[Event]:
        """Bury a worker, say what became of its trial, and start another in its place."""
        if reason == "crashed":
            worker.process.join(0.5)  # it is ending by itself: its own exit code says why
        worker.process.kill()
        worker.process.join(2.0)
        if reason == "crashed":
            message = _last_words(worker.process)
            reason = "killed" if (worker.process.exitcode or 0) < 0 else reason
        worker.connection.close()
        if not worker.ready and reason in ("crashed", "killed"):  # one only slow to start was not given the time
            self._starts_in_vain += 1
            if self._starts_in_vain >= MAX_STARTS_IN_VAIN:
                raise ResourceError(
                    "The worker processes that train models cannot be started here.",
                    details={"exit_code": worker.process.exitcode},
                    hint="Check that memory is left and that no limit forbids new processes.",
                )
        assignment = worker.assignment
        self._workers[self._workers.index(worker)] = self._start()
        if assignment is not None:
            yield Failed(assignment.trial, reason, message)


def _last_words(child: BaseProcess) -> str:
    code = child.exitcode
    if code is not None and code < 0:
        return f"The worker was killed by signal {-code}."
    return f"The worker ended unexpectedly (exit code {code})."


class InlinePool:
    """One trial at a time in this very process: for budgets too short to start workers in.

    A crash here ends the job, and nothing can be killed; training stops at the deadline all the same.
    """

    def __init__(self, setup: WorkerSetup) -> None:
        self._trainer = Trainer(setup)
        self._waiting: Assignment | None = None
        self._control = Control()

    @property
    def free(self) -> int:
        """One, or none."""
        return int(self._waiting is None)

    def submit(self, assignment: Assignment) -> None:
        """Remember the trial; `poll` trains it."""
        self._waiting, self._control = assignment, Control()

    def stop(self, trial: int, keep: bool) -> None:
        """End the trial after its current step."""
        self._control.keep, self._control.stop = keep, True

    def abandon(self, trial: int) -> None:
        """Forget the waiting trial."""
        self._waiting = None

    def poll(self, timeout_s: float) -> list[Event]:
        """Train the waiting trial to its end."""
        if self._waiting is None:
            return []
        events: list[Event] = []
        self._trainer.run(self._waiting, self._control, events.append)
        self._waiting = None
        return events

    def close(self) -> None:
        """Nothing to end."""

    def memory(self) -> int:
        """Nothing beside the parent's own."""
        return 0
