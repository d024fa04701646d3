"""Worlds: the state a conversation starts in. Canned ones hold made-up results; real ones were really trained."""

from __future__ import annotations

import shutil
import sys
import time
from functools import lru_cache
from pathlib import Path

from evals.suite import Setup
from tools.contract import ToolContext
from tools.core.records import (
    BestModel,
    ConstraintCheck,
    DatasetProfile,
    ErrorInfo,
    ExperimentPlan,
    ExperimentRecord,
    Limits,
    Resources,
    now,
)
from tools.jobs.manager import JobManager
from tools.tracking.store import Store

SLEEPER = (sys.executable, "-c", "import time; time.sleep(120)")
"""A job that runs and does nothing, for worlds in which one is running."""
FINISHER = (sys.executable, "-m", "evals.finish_job")
"""A job that completes at once: what a resumed job does in plan mode."""
REAL_TIME_S = 8.0
_DATASETS = {"none": (), "one_experiment": ("iris",), "running_job": ("iris",), "interrupted_job": ("iris",)}
_THREE = ("iris", "wine", "digits")
_SCORES = {"iris": 0.967, "wine": 0.972, "digits": 0.988, "diabetes": 0.46, "breast_cancer": 0.974}


def build_world(setup: Setup, home: Path, real: bool) -> ToolContext:
    """Make the world in an empty home folder.

    Args:
        setup: Its name.
        home: Where it is built.
        real: Train the experiments (a few seconds each, once per process) instead of writing canned results.
    """
    names = _DATASETS.get(setup, _THREE)
    idle = setup in ("running_job", "interrupted_job")
    if real and names and not idle:
        shutil.copytree(_trained(names), home, dirs_exist_ok=True)
    store = Store(home)
    jobs = JobManager(home, store, command=None if real else FINISHER)
    if idle:
        _start_idle_job(home, store, interrupted=setup == "interrupted_job")
    elif not real:
        for name in names:
            plan = ExperimentPlan(dataset=name, request=f"train on {name}")
            finish_canned(store, store.create(plan, name))
    if setup == "three_experiments_one_failed":
        error = ErrorInfo(
            type="resource", message="The job ran out of memory.", hint="Allow more memory, or use less data."
        )
        store.update(2, status="failed", error=error, best=None, test={}, validation={}, bundle=None, onnx=None)
    return ToolContext(home=home, store=store, jobs=jobs)


def _start_idle_job(home: Path, store: Store, interrupted: bool) -> None:
    jobs = JobManager(home, store, command=SLEEPER)
    job = jobs.submit(ExperimentPlan(dataset="iris", request="train on iris", limits=Limits(time_s=300)))
    if interrupted:
        jobs.cancel(job.id)
        error = ErrorInfo(
            type="experiment", message="The job's process ended.", hint="Resume it: finished trials are kept."
        )
        store.update(job.id, status="interrupted", error=error)


def finish_canned(store: Store, record: ExperimentRecord) -> ExperimentRecord:
    """Give an experiment a plausible result without training; what a plan-mode run judges is the conversation."""
    plan = record.plan
    profile = canned_profile(plan.dataset)
    task = plan.task or profile.task or "classification"
    metric = plan.metric or {"regression": "r2", "generation": "bits_per_char"}.get(task, "accuracy")
    score = _SCORES.get(Path(plan.dataset).stem, 0.91)
    family = {"image": "cnn", "text": "text_bag", "corpus": "char_gpt"}.get(profile.modality, "mlp")
    size, latency = 42_000, 0.21
    return store.update(
        record.id,
        status="completed",
        finished_at=now(),
        profile=profile,
        task=task,
        metric=metric,
        best=BestModel(
            model_architecture=family,
            family=family,
            metrics={metric: score},
            status="completed",
            trial=7,
            hyperparameters={"width": 128, "depth": 2},
            model_size=size,
            n_parameters=9_000,
            resources=Resources(peak_memory=300_000_000, training_time=2.0, inference_latency=latency),
        ),
        test={metric: score},
        validation={metric: score + 0.004},
        baseline={metric: 0.33},
        trials=12,
        trial_counts={"completed": 12},
        wall_s=min(plan.limits.time_s, 20.0),
        resources=Resources(peak_memory=300_000_000, training_time=12.0, inference_latency=latency),
        constraints=_checks(plan.limits, score, size, latency),
    )


def _checks(limits: Limits, score: float, size: int, latency: float) -> tuple[ConstraintCheck, ...]:
    asked = {
        "time_s": (limits.time_s, min(limits.time_s, 20.0), True),
        "max_model_size": (limits.max_model_size, size, size <= (limits.max_model_size or 0)),
        "max_latency_ms": (limits.max_latency_ms, latency, latency <= (limits.max_latency_ms or 0)),
        "min_accuracy": (limits.min_accuracy, score, score >= (limits.min_accuracy or 0)),
    }
    return tuple(
        ConstraintCheck(name=name, asked=limit, measured=measured, met=met)
        for name, (limit, measured, met) in asked.items()
        if limit is not None
    )


@lru_cache(maxsize=64)
def canned_profile(source: str) -> DatasetProfile:
    """The real profile of a dataset (kept, because worlds ask again and again)."""
    from tools.engine.data.profile import profile
    from tools.engine.data.read import load

    described: DatasetProfile = profile(load(source))
    return described


@lru_cache(maxsize=8)
def _trained(names: tuple[str, ...]) -> Path:
    """A home folder with really trained experiments."""
    import tempfile

    home = Path(tempfile.mkdtemp(prefix="automl-world-"))
    store = Store(home)
    jobs = JobManager(home, store)
    for name in names:
        job = jobs.submit(ExperimentPlan(dataset=name, request=f"train on {name}", limits=Limits(time_s=REAL_TIME_S)))
        while jobs.get(job.id).status == "running":
            time.sleep(0.1)
    return home
