"""A worker: started once, trains one trial after the other, keeps its data and says what it used.

The module imports torch, because the fork server preloads it: a fresh worker then starts in a tenth of a second.
"""

from __future__ import annotations

import importlib
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from tools.core.errors import AutoMLError, OptimizationError
from tools.engine.execution import process
from tools.engine.execution.cache import Fold, load
from tools.engine.execution.custom import find_family
from tools.engine.execution.messages import (
    Assignment,
    Event,
    Failed,
    FailureReason,
    Finished,
    Progress,
    Ready,
    Stop,
    Usage,
)
from tools.engine.execution.trial import Control, run_trial
from tools.engine.families.family import FAMILIES, Family

log = logging.getLogger(__name__)
FamilySource = Callable[[str], Family]
REPORT_EVERY_S = 0.1
MAX_FOLDS_LOADED = 40
# A bug in one configuration must not cost the worker; what is not listed here ends it, and the pool replaces it.
TRIAL_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True)
class WorkerSetup:
    """What a worker is told once.

    Attributes:
        threads: Threads of torch.
        device: "cpu" or "cuda".
        memory: Bytes a worker may take beyond what it holds at its start; None: no limit.
        gpu_memory: Bytes of GPU memory; None: no limit.
        families: Finds a family by name; a function of a module, so that it can be sent.
    """

    threads: int = 1
    device: str = "cpu"
    memory: int | None = None
    gpu_memory: int | None = None
    families: FamilySource = find_family


class _Inbox:
    """Reads the pipe in a thread, so that a stop is seen at once and the parent's death ends the worker."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._assignments: queue.SimpleQueue[Assignment] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._control: tuple[int, Control] | None = None
        self._early: dict[int, Stop] = {}
        threading.Thread(target=self._read, daemon=True, name="inbox").start()

    def _read(self) -> None:
        while True:
            try:
                message = self._connection.recv()
            except (EOFError, OSError):
                os._exit(0)  # the parent is gone: nobody wants what this worker would still compute
            if isinstance(message, Assignment):
                self._assignments.put(message)
            elif isinstance(message, Stop):
                with self._lock:
                    if self._control is not None and self._control[0] == message.trial:
                        self._apply(message, self._control[1])
                    else:
                        self._early[message.trial] = message

    @staticmethod
    def _apply(message: Stop, control: Control) -> None:
        control.keep = message.keep
        control.stop = True

    def next(self) -> tuple[Assignment, Control]:
        """Wait for the next assignment."""
        assignment, control = self._assignments.get(), Control()
        with self._lock:
            self._control = (assignment.trial, control)
            early = self._early.pop(assignment.trial, None)
            self._early.clear()
            if early is not None:
                self._apply(early, control)
        return assignment, control


class Trainer:
    """Runs assignments in this process; loaded folds stay for the next one."""

    def __init__(self, setup: WorkerSetup) -> None:
        self._setup = setup
        self._folds: dict[Path, Fold] = {}

    def run(self, assignment: Assignment, control: Control, send: Callable[[Event], None]) -> None:
        """Train, and send what happens; ends with exactly one `Finished` or `Failed`."""
        last_sent = 0.0
        try:
            family = self._setup.families(assignment.family)
            folds = [self._load(index, assignment) for index in range(len(assignment.folds))]
            for event in run_trial(assignment, family, folds, control, self._setup.device):
                due = time.monotonic() - last_sent >= REPORT_EVERY_S
                # The first step, and those at which trials are compared, are always sent.
                if isinstance(event, Finished) or due or event.step == 1 or event.rung:
                    last_sent = time.monotonic()
                    send(event)
        except MemoryError:
            send(_failed(assignment, "out of memory", "The configuration needs more memory than a worker may take."))
        except OptimizationError as error:
            send(_failed(assignment, "not finite", error.message))
        except AutoMLError as error:
            send(_failed(assignment, "crashed", error.message))
        except TRIAL_ERRORS as error:
            log.warning("Trial %d (%s) failed.", assignment.trial, assignment.family, exc_info=True)
            send(_failed(assignment, classify(error), f"{type(error).__name__}: {first_line(error)}"))

    def _load(self, index: int, assignment: Assignment) -> Fold:
        files = assignment.folds[index]
        if files.folder not in self._folds:
            if len(self._folds) >= MAX_FOLDS_LOADED:
                self._folds.clear()
            self._folds[files.folder] = load(files)
        return self._folds[files.folder]


def classify(error: BaseException) -> FailureReason:
    """Out of memory comes under many names from torch, numpy and the C++ runtime."""
    text = str(error).lower()
    signs = ("out of memory", "can't allocate memory", "bad_alloc", "cannot allocate memory", "unable to allocate")
    return "out of memory" if any(sign in text for sign in signs) else "crashed"


def first_line(error: BaseException) -> str:
    """The first line of an error's text, at most 200 characters."""
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else "no message"


def _failed(assignment: Assignment, reason: FailureReason, message: str) -> Failed:
    return Failed(assignment.trial, reason, message, Usage(peak_memory=process.peak_bytes()))


def worker_main(connection: Connection, setup: WorkerSetup) -> None:
    """The worker's life: ready, then assignments until the pipe closes."""
    process.die_with_parent()
    torch.set_num_threads(setup.threads)
    if setup.device == "cuda":
        torch.zeros(1, device="cuda")  # what the driver takes is none of a trial's
        if setup.gpu_memory is not None:
            total = torch.cuda.get_device_properties(0).total_memory
            torch.cuda.set_per_process_memory_fraction(min(1.0, setup.gpu_memory / total))
    inbox = _Inbox(connection)
    if setup.memory is not None:
        process.limit_memory(setup.memory)
    trainer = Trainer(setup)
    connection.send(Ready(os.getpid()))

    def send(event: Event) -> None:
        connection.send(event)

    while True:
        assignment, control = inbox.next()
        trainer.run(assignment, control, send)


def preload() -> None:
    """Import every family now (in the fork server, so that no worker has to)."""
    importlib.import_module("tools.engine.families")
    list(FAMILIES)


__all__ = ["FamilySource", "Progress", "Trainer", "WorkerSetup", "classify", "preload", "worker_main"]
