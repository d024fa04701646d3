"""A job's process with an engine of a few lines: everything around it (process, files, signals, history) is real.

What it does is told by the plan's request: steps, crash, memory, refuse, wait, stubborn, die, late, quiet.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from tools.core.errors import TaskError
from tools.core.records import AutoMLMetrics, BestModel, ExperimentPlan, StepRecord, TrialRecord
from tools.core.seams import RunSink
from tools.jobs.run import run_job


def engine(plan: ExperimentPlan, folder: Path, sink: RunSink, started: float) -> None:
    wish = plan.request
    done = sum(1 for _ in (folder / "trials.jsonl").open()) if (folder / "trials.jsonl").exists() else 0
    sink.message(f"after {time.time() - started:.1f} s")
    sink.step(StepRecord(name="task analysis", summary="A table with three classes."))
    for number in range(done, done + 3):
        sink.progress("search", AutoMLMetrics(current_trial=number, best_metrics={"accuracy": 0.9}, progress=0.5))
        sink.trial(
            TrialRecord(
                number=number,
                model_architecture="mlp",
                status="completed",
                score=0.9,
                metrics={"accuracy": 0.9, "log_loss": float("nan")},
                curve=({"epoch": 1.0, "train_loss": 0.5, "accuracy": float("nan")},),
            )
        )
    if wish == "crash":
        raise ValueError("secret detail")
    if wish == "memory":
        raise MemoryError
    if wish == "refuse":
        raise TaskError("The column 'x' is not there.", hint="Choose another one.")
    if wish == "quiet":
        return
    if wish == "die" and done == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    while wish == "wait" and done == 0:
        time.sleep(0.02)
        if sink.cancelled():
            return
    while wish in ("stubborn", "late"):
        time.sleep(0.02)
    sink.update(
        best=BestModel(model_architecture="mlp", family="mlp", trial=0),
        test={"accuracy": 0.93},
        metric="accuracy",
        bundle=str(folder / "bundle"),
    )


if __name__ == "__main__":
    run_job(Path(sys.argv[1]), engine)
