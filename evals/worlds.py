"""Worlds: the state a conversation starts in. Canned ones hold made-up results; real ones were really trained."""

from __future__ import annotations

import shutil
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

from evals.results import finish_canned
from evals.stage import OUT_OF_MEMORY, StagedJobs
from evals.suite import Setup
from tools.contract import ToolContext
from tools.core.config import SearchSpec
from tools.core.errors import ExperimentError
from tools.core.records import ErrorInfo, ExperimentPlan, Limits
from tools.jobs.manager import JobManager
from tools.tracking.store import Store

REAL_TIME_S = 40.0
REAL_TRIALS = 4
"""A world's experiments end by their number of trials; the time only has to do on a busy machine."""
_THREE = ("iris", "wine", "digits")
_DATASETS: dict[Setup, tuple[str, ...]] = {
    "none": (), "one_experiment": ("iris",), "three_experiments": _THREE, "three_experiments_one_failed": _THREE,
    "running_job": (), "interrupted_job": (),
}  # fmt: skip


def build_world(setup: Setup, home: Path, real: bool) -> ToolContext:
    """Make the world in an empty home folder.

    Args:
        setup: Its name.
        home: Where it is built.
        real: Train the experiments (some seconds each, once per process) instead of copying canned results.
    """
    names = _DATASETS[setup]
    if names:
        shutil.copytree(_trained(names) if real else _canned(names), home, dirs_exist_ok=True)
    context = open_world(home, real)
    if setup in ("running_job", "interrupted_job"):
        _start_idle_job(home, context.store, interrupted=setup == "interrupted_job")
    if setup == "three_experiments_one_failed":
        gone: dict[str, Any] = {"best": None, "test": {}, "validation": {}, "bundle": None, "onnx": None}
        context.store.update(2, status="failed", error=OUT_OF_MEMORY, **gone)
    return context


def open_world(home: Path, real: bool) -> ToolContext:
    """The world as a program that has just been started finds it."""
    store = Store(home)
    return ToolContext(home=home, store=store, jobs=JobManager(home, store) if real else StagedJobs(home, store))


def _start_idle_job(home: Path, store: Store, interrupted: bool) -> None:
    jobs = StagedJobs(home, store)
    jobs.behaviour = "goes_on"
    job = jobs.submit(ExperimentPlan(dataset="iris", request="train on iris", limits=Limits(time_s=300)))
    if interrupted:
        jobs.cancel(job.id)
        error = ErrorInfo(
            type="experiment", message="The job's process ended.", hint="Resume it: finished trials are kept."
        )
        store.update(job.id, status="interrupted", error=error)


@lru_cache(maxsize=8)
def _canned(names: tuple[str, ...]) -> Path:
    """A home folder with made-up experiments, to copy from."""
    import tempfile

    home = Path(tempfile.mkdtemp(prefix="automl-world-"))
    _forget_at_exit(home)
    store = Store(home)
    for name in names:
        finish_canned(store, store.create(ExperimentPlan(dataset=name, request=f"train on {name}"), name))
    return home


@lru_cache(maxsize=8)
def _trained(names: tuple[str, ...]) -> Path:
    """A home folder with really trained experiments, to copy from.

    Raises:
        ExperimentError: one of them failed.
    """
    import tempfile

    home = Path(tempfile.mkdtemp(prefix="automl-world-"))
    _forget_at_exit(home)
    store = Store(home)
    jobs = JobManager(home, store)
    limits, search = Limits(time_s=REAL_TIME_S), SearchSpec(max_trials=REAL_TRIALS)
    for name in names:
        job = jobs.submit(ExperimentPlan(dataset=name, request=f"train on {name}", limits=limits, search=search))
        while jobs.get(job.id).status == "running":
            time.sleep(0.1)
        if (error := jobs.get(job.id).error) is not None:
            raise ExperimentError(f"The world could not be built: {error.message}", hint=error.hint)
    return home


def _forget_at_exit(folder: Path) -> None:
    """Also in a worker process, which ends without the usual `atexit`."""
    from multiprocessing.util import Finalize

    Finalize(None, shutil.rmtree, args=(folder,), kwargs={"ignore_errors": True}, exitpriority=1)
