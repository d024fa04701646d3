"""The process of a job: `python -m tools.jobs.run FOLDER`."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tools.core.errors import AutoMLError, ExperimentError, OptimizationError, ResourceError
from tools.core.records import ErrorInfo, ExperimentPlan, ExperimentRecord, Status
from tools.core.seams import RunSink
from tools.core.units import format_duration
from tools.engine.execution.forkserver import LOADING_S, prestart, workers_pay
from tools.jobs import processes
from tools.jobs.folder import Attempt, RunFolder
from tools.jobs.interrupt import Interrupt, Stopped
from tools.jobs.sink import JobSink
from tools.tracking.store import Store

logger = logging.getLogger(__name__)

Engine = Callable[[ExperimentPlan, Path, RunSink, float], None]
OVERRUN_SHARE = 0.05
OVERRUN_S = 3.0


def overrun_deadline(started: float, time_s: float) -> float:
    """When a job is broken off: the promised end plus 5 % or 3 s, whichever is more."""
    return started + time_s + max(OVERRUN_SHARE * time_s, OVERRUN_S)


def run_job(path: Path, engine: Engine) -> Status:
    """Run the job in a folder to its end, whatever that is, and write it down.

    Args:
        path: The run folder, `HOME/runs/ID`, with job.json.
        engine: What does the work; its signature is that of `tools.engine.experiment.run_experiment`.

    Returns:
        The final status.
    """
    folder = RunFolder(path.absolute())
    job = folder.job()
    told = folder.attempt() or Attempt(started=time.time(), asked=time.time())
    pid = os.getpid()
    folder.write_attempt(told.model_copy(update={"pid": pid, "create_time": processes.created(pid)}))
    store = Store(folder.path.parent.parent)
    interrupt: Interrupt

    def last_resort() -> None:
        _finish(store, folder, job.id, told, *_too_late(store.get(job.id)))
        for process in processes.members(pid, folder.path):
            if process.pid != pid:
                process.kill()
        os._exit(1)

    interrupt = Interrupt(overrun_deadline(told.started, job.plan.limits.time_s), last_resort)
    interrupt.install()
    store.update(job.id, versions=job.versions)
    sink = JobSink(job.id, folder, store, lambda: interrupt.asked or folder.is_cancelled())
    failure: ErrorInfo | None = None
    try:
        try:
            engine(job.plan, folder.path, sink, told.started)
        finally:
            interrupt.work_ended()
    except Stopped:
        logger.info("broken off")
    except AutoMLError as error:
        logger.info("failed: %s", error)
        failure = ErrorInfo(**error.as_dict())
    except MemoryError:
        logger.exception("out of memory")
        failure = _out_of_memory()
    except Exception as error:  # the outermost frame: the traceback goes to job.log, a sentence to the user
        logger.exception("internal error")
        # torch's own out-of-memory error is no MemoryError, and torch is not imported here
        failure = _out_of_memory() if type(error).__name__ == "OutOfMemoryError" else _internal(folder)
    sink.finish()
    status, kept = _outcome(store.get(job.id), interrupt, folder, failure)
    _finish(store, folder, job.id, told, status, kept)
    sink.close()
    interrupt.finished()
    return status


def _outcome(
    record: ExperimentRecord, interrupt: Interrupt, folder: RunFolder, failure: ErrorInfo | None
) -> tuple[Status, ErrorInfo | None]:
    """The final status, and the error that goes with it. A wish to stop explains any failure after it."""
    if folder.is_cancelled():
        return "cancelled", None
    if interrupt.asked:
        stopped = ExperimentError("The job was stopped from outside.", hint="Resume it: finished trials are kept.")
        return "interrupted", ErrorInfo(**stopped.as_dict())
    if interrupt.overrun:
        return _too_late(record)
    if failure is not None:
        return "failed", failure
    if record.best is None and record.bundle is None:
        nothing = OptimizationError("The search ended without a model.", hint="Give it more time or fewer limits.")
        return "failed", ErrorInfo(**nothing.as_dict())
    return "completed", None


def _too_late(record: ExperimentRecord) -> tuple[Status, ErrorInfo | None]:
    """The job overran its budget: what is delivered counts, the rest is told."""
    if record.bundle is not None:
        return "completed", None
    late = ResourceError(
        f"The time limit of {format_duration(record.plan.limits.time_s)} was over before a model was exported.",
        hint="Give it more time; resuming goes on with the finished trials.",
    )
    return "failed", ErrorInfo(**late.as_dict())


def _finish(
    store: Store, folder: RunFolder, job: int, attempt: Attempt, status: Status, error: ErrorInfo | None
) -> None:
    store.settle(job, status, error, wall_s=round(time.time() - attempt.started, 3))
    folder.end(status)  # after the record: who reads the end finds the record complete


def _out_of_memory() -> ErrorInfo:
    error = ResourceError(
        "There was not enough memory for this job.",
        hint="Use less data, smaller models (max_model_size) or a machine with more memory.",
    )
    return ErrorInfo(**error.as_dict())


def _internal(folder: RunFolder) -> ErrorInfo:
    return ErrorInfo(
        type="internal",
        message="The job stopped because of an internal error.",
        hint=f"The details are in '{folder.log}'. Finished trials are kept; resume it, or try other settings.",
    )


def train(plan: ExperimentPlan, folder: Path, sink: RunSink, started: float) -> None:
    """The real engine; loaded here, in the job's process, and nowhere else."""
    sink.message("Starting the engine.")
    if workers_pay(started + plan.limits.time_s - time.time() - LOADING_S):
        prestart()  # the workers load torch while this process does
    from tools.engine.experiment import run_experiment
    from tools.jobs.tuning import with_fixed_structure

    run_experiment(with_fixed_structure(plan), folder, sink, started, folder.parent.parent / "encoded")


def main() -> int:
    """Run the job whose folder is the only argument."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    return 0 if run_job(Path(sys.argv[1]), train) == "completed" else 1


if __name__ == "__main__":
    sys.exit(main())
