"""Canned results: what a job would have come to, made up in milliseconds, with the refusals of the real ones."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from tools.core.errors import AutoMLError, OptimizationError, ResourceError, TaskError
from tools.core.records import (
    BestModel,
    ConstraintCheck,
    DatasetProfile,
    ErrorInfo,
    ExperimentPlan,
    ExperimentRecord,
    Limits,
    Resources,
    TrialRecord,
    now,
)
from tools.core.units import format_duration, format_size
from tools.tracking.files import LineWriter
from tools.tracking.store import Store

LEAST_S = 2.0
SMALLEST_BYTES = 1_500
FASTEST_MS = 0.008
LEAST_MEMORY = 250_000_000
USUAL_BYTES = 42_000
USUAL_MS = 0.21
_SCORES = {"iris": 0.967, "wine": 0.972, "digits": 0.988, "diabetes": 0.46, "breast_cancer": 0.974}
_FAMILIES = {"image": "cnn", "text": "text_bag", "corpus": "char_gpt", "tabular": "mlp"}
_METRICS = {"regression": "r2", "generation": "bits_per_char"}
_BASELINES = {"r2": 0.0, "bits_per_char": 4.5}


def finish_canned(store: Store, record: ExperimentRecord) -> ExperimentRecord:
    """End an experiment without training: with a plausible result, or with the error the real job would have ended in.

    What a plan-mode run judges is the conversation, not the numbers.
    """
    plan = record.plan
    try:
        profile = canned_profile(plan.dataset, plan.target)
        task = plan.task or profile.task or "classification"
        _check(plan, profile)
    except AutoMLError as error:
        return store.settle(record.id, "failed", ErrorInfo(**error.as_dict()), wall_s=1.0)
    metric = plan.metric or _METRICS.get(task, "accuracy")
    score = 1.9 if metric == "bits_per_char" else _SCORES.get(Path(plan.dataset).stem, 0.91)
    size = min(USUAL_BYTES, int(0.9 * (plan.limits.max_model_size or USUAL_BYTES)))
    latency = min(USUAL_MS, 0.9 * (plan.limits.max_latency_ms or USUAL_MS))
    family = next((name for name in plan.families), _FAMILIES[profile.modality])
    resources = Resources(peak_memory=300_000_000, training_time=2.0, inference_latency=latency)
    trials = min(12, plan.search.max_trials or 12)
    _write_trials(store, record.id, family, metric, score, size, resources)
    return store.update(
        record.id,
        status="completed",
        finished_at=now(),
        profile=profile,
        task=task,
        metric=metric,
        direction="minimize" if metric in ("bits_per_char", "rmse", "mae", "log_loss", "perplexity") else "maximize",
        best=BestModel(
            model_architecture=f"{family} 128x2",
            family=family,
            metrics={metric: score},
            status="completed",
            trial=2,
            hyperparameters={"width": 128, "depth": 2},
            model_size=size,
            n_parameters=size // 4,
            resources=resources,
        ),
        test={metric: score},
        validation={metric: score + 0.004},
        baseline={metric: _BASELINES.get(metric, 0.33)},
        trials=trials,
        trial_counts={"completed": trials},
        wall_s=min(plan.limits.time_s, 20.0),
        resources=resources.model_copy(update={"training_time": 12.0}),
        constraints=checks(plan.limits, score, size, latency),
    )


def checks(limits: Limits, score: float | None, size: int, latency: float) -> tuple[ConstraintCheck, ...]:
    """The limits asked for, against what was "measured"."""
    took = min(limits.time_s, 20.0)
    asked = {
        "time_s": (limits.time_s, took, True),
        "max_model_size": (limits.max_model_size, size, size <= (limits.max_model_size or 0)),
        "max_latency_ms": (limits.max_latency_ms, latency, latency <= (limits.max_latency_ms or 0)),
        "min_accuracy": (limits.min_accuracy, score, (score or 0.0) >= (limits.min_accuracy or 0)),
    }
    return tuple(
        ConstraintCheck(name=name, asked=limit, measured=measured, met=met)
        for name, (limit, measured, met) in asked.items()
        if limit is not None
    )


@lru_cache(maxsize=64)
def canned_profile(source: str, target: str | None = None) -> DatasetProfile:
    """The real profile of a dataset (kept, because worlds ask again and again).

    Raises:
        TaskError: it cannot be read, or has no such column.
    """
    from tools.engine.data.profile import profile
    from tools.engine.data.read import load

    described: DatasetProfile = profile(load(source, target), target)
    return described


def _check(plan: ExperimentPlan, profile: DatasetProfile) -> None:
    """Refuse what a real job refuses once it knows the data."""
    if profile.modality != "corpus" and profile.target is None:
        raise TaskError(
            f"It is not clear which column of '{profile.name}' is to be predicted.",
            hint=f"Name the target, for instance {', '.join(profile.target_candidates[:3])}.",
        )
    wrong = [name for name in plan.families if not _fits(name, profile.modality)]
    if plan.families and len(wrong) == len(plan.families):
        raise OptimizationError(
            f"None of the model families asked for ({', '.join(plan.families)}) takes this data.",
            hint=f"Leave them out, or use: {_FAMILIES[profile.modality]}.",
        )
    limits = plan.limits
    if limits.max_memory is not None and limits.max_memory < LEAST_MEMORY:
        raise ResourceError(
            f"Training needs about {LEAST_MEMORY / 1e6:.0f} MB of memory and {limits.max_memory / 1e6:.0f} MB are "
            "allowed.",
            hint=f"Allow at least {LEAST_MEMORY / 1e6:.0f} MB.",
        )
    if limits.max_model_size is not None and limits.max_model_size < SMALLEST_BYTES:
        raise ResourceError(
            f"No model can meet the limits: the smallest model takes {format_size(SMALLEST_BYTES)} of "
            f"{format_size(limits.max_model_size)}.",
            hint=f"Allow a size of at least {format_size(SMALLEST_BYTES)}.",
        )
    if limits.max_latency_ms is not None and limits.max_latency_ms < FASTEST_MS:
        raise ResourceError(
            f"No model can meet the limits: the fastest takes {FASTEST_MS:.3g} ms per row of "
            f"{limits.max_latency_ms:g} ms.",
            hint=f"Allow at least {FASTEST_MS:.3g} ms per row.",
        )
    if limits.time_s < LEAST_S:
        raise OptimizationError(
            f"The {format_duration(limits.time_s)} were over before a first model was trained.",
            hint="Allow about 10 s.",
        )


def _fits(family: str, modality: str) -> bool:
    kinds = {"text_": "text", "char_": "corpus", "cnn": "image", "efficientnet": "image"}
    return next((kind for start, kind in kinds.items() if family.startswith(start)), "tabular") == modality


def _write_trials(
    store: Store, experiment: int, family: str, metric: str, score: float, size: int, resources: Resources
) -> None:
    """A few trials with curves, so that there is something to plot."""
    shares: Sequence[float] = (0.9, 0.95, 1.0)
    writer = LineWriter(store.folder(experiment) / "trials.jsonl")
    try:
        for number, share in enumerate(shares):
            curve = tuple(
                {"epoch": float(epoch), "train_loss": round(1.0 / epoch, 3), metric: score * share * epoch / 3}
                for epoch in (1, 2, 3)
            )
            trial = TrialRecord(
                number=number, model_architecture=f"{family} 128x2", status="completed", score=score * share,
                objective=score * share, metrics={metric: score * share}, model_size=size, resources=resources,
                curve=curve,
            )  # fmt: skip
            writer.write(trial.model_dump(mode="json"))
    finally:
        writer.close()
