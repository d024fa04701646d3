"""Submitting a plan, following its job, and telling the result; what the training tools share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tools.contract import Artifact, ToolContext, ToolResult
from tools.core.errors import ExperimentError, from_dict
from tools.core.records import ExperimentPlan, ExperimentRecord, JobEvent, TrialRecord, now
from tools.tracking.front import neighbours
from tools.tracking.wording import (
    front_sentence,
    joined,
    limits_sentence,
    model_sentence,
    predicted,
    result_sentence,
)


def train(plan: ExperimentPlan, notices: Sequence[str], context: ToolContext) -> ToolResult:
    """Start the job of a plan and stay with it.

    Raises:
        AutoMLError: the job failed or was interrupted; the history keeps it.
    """
    for notice in notices:
        context.emit(JobEvent(time=now(), kind="message", message=notice))
    return follow(context.jobs.submit(plan).id, context, notices)


def follow(job: int, context: ToolContext, notices: Sequence[str] = ()) -> ToolResult:
    """Forward a job's events until it ends, or until the user no longer wants to wait.

    Raises:
        AutoMLError: the job failed or was interrupted.
    """
    for event in context.jobs.follow(job, until=lambda: context.stopped.is_set() or context.detached.is_set()):
        context.emit(event)
    if context.stopped.is_set() and context.jobs.get(job).status == "running":
        context.jobs.cancel(job)
    record = context.store.get(job)
    if record.status == "running":
        return running(record)
    return finished(record, context.store.trials(record.id), notices)


def running(record: ExperimentRecord) -> ToolResult:
    """The job goes on without the turn."""
    return ToolResult(
        summary=f"Experiment {record.id} on {record.dataset} goes on in the background.",
        data={"experiment": record.id, "status": "running"},
        status="running",
        experiment=record.id,
        dataset=record.dataset,
        next_step="Ask for its status at any time.",
        options=("How far is it?", "Cancel it"),
    )


def finished(record: ExperimentRecord, trials: Sequence[TrialRecord], notices: Sequence[str] = ()) -> ToolResult:
    """The result of an ended job; where a limit is not met, with what else its trials offer.

    Raises:
        AutoMLError: it failed or was interrupted; `details` name the experiment.
    """
    if record.status in ("failed", "interrupted"):
        error = from_dict(record.error.model_dump() if record.error else {})
        if record.status == "interrupted":
            error = ExperimentError(
                f"Experiment {record.id} was interrupted after {record.trials} trials.",
                hint="Resume it: finished trials are kept.",
            )
        error.details = {**error.details, "experiment": record.id}
        raise error
    if record.status == "cancelled":
        return ToolResult(
            summary=f"Experiment {record.id} on {record.dataset} was stopped; {record.trials} trials are kept.",
            data={"experiment": record.id, "status": "cancelled", "trials": record.trials},
            experiment=record.id,
            dataset=record.dataset,
            next_step="It can be resumed where it stopped.",
            options=("Resume it", "Show my experiments"),
        )
    unmet = any(not check.met for check in record.constraints)
    others = neighbours(record, trials) if unmet else []
    how = f"{record.trials} {'trial' if record.trials == 1 else 'trials'} in {record.wall_s:.0f} s"
    sentences = [
        f"Experiment {record.id} on {record.dataset} is done ({how}){_aim(record)}.",
        result_sentence(record),
        model_sentence(record),
        limits_sentence(record),
        front_sentence(record, others),
        _parity_sentence(record),
        *notices,
        *record.warnings[:3],
    ]
    return ToolResult(
        summary=" ".join(sentence for sentence in sentences if sentence),
        data=outcome(record) | ({"alternatives": [_alternative(trial) for trial in others]} if others else {}),
        experiment=record.id,
        dataset=record.dataset,
        artifacts=artifacts(record, trials),
        next_step="Give it more time or loosen the limit that is not met."
        if unmet
        else "Judge it, use it, or convert it.",
        options=_options(record),
    )


def _options(record: ExperimentRecord) -> tuple[str, ...]:
    """What to say next: without the column that gives the answer away, if there is one; else judge, shrink, go on."""
    leaks = [name for name in (record.profile.leaks if record.profile else ()) if name not in record.plan.ignore]
    if leaks:
        return (f"Try again without `{leaks[0]}`", "How good is it?", "Which columns matter most?")
    return ("How good is it?", "Make it smaller", "Try again with twice the time")


def outcome(record: ExperimentRecord) -> dict[str, Any]:
    """The numbers of a finished experiment, small enough for a language model to read."""
    main = record.metric or ""
    best = record.best
    others = [name for name in record.test if name != main]
    return {
        "experiment": record.id,
        "status": record.status,
        "task": record.task,
        "target": predicted(record)[:60] or None,
        "metric": record.metric,
        "test": {name: short(record.test[name]) for name in [main, *others[:4]] if name in record.test},
        "validation": {name: short(value) for name, value in record.validation.items() if name == main},
        "baseline": {name: short(value) for name, value in record.baseline.items() if name == main},
        "constraints": [
            {"name": c.name, "asked": short(c.asked), "measured": short(c.measured), "met": c.met}
            for c in record.constraints
        ],
        "family": best.family if best else None,
        "model_size": best.model_size if best else None,
        "latency_ms": short(best.resources.inference_latency) if best else None,
        "trials": record.trials,
        "wall_s": round(record.wall_s, 1),
        "bundle": record.bundle,
    }


def _alternative(trial: TrialRecord) -> dict[str, Any]:
    return {
        "trial": trial.number,
        "family": trial.model_architecture,
        "validation": short(trial.score),
        "model_size": trial.model_size,
        "latency_ms": short(trial.resources.inference_latency),
    }


def _aim(record: ExperimentRecord) -> str:
    """What the model predicts, which the user may not have named, and what it was not to use."""
    target, ignored = predicted(record), joined([f"`{name}`" for name in record.plan.ignore])
    return (f": it predicts `{target}`" + (f" without {ignored}" if ignored else "")) if target else ""


def artifacts(record: ExperimentRecord, trials: Sequence[TrialRecord]) -> tuple[Artifact, ...]:
    """What to look at and to download after a training."""
    found = []
    if record.bundle:
        found.append(Artifact(kind="bundle", ref=f"bundle:{record.id}", title=f"Model of experiment {record.id}"))
    if record.trials:
        if any(len(trial.curve) > 1 for trial in trials):
            found.append(Artifact(kind="plot", ref=f"plot:{record.id}:learning_curve", title="Learning curve"))
        found.append(Artifact(kind="plot", ref=f"plot:{record.id}:history", title="Search"))
    if len(record.plan.goals) > 1:
        found.append(Artifact(kind="plot", ref=f"plot:{record.id}:pareto", title="Pareto front"))
    return tuple(found)


def short(value: float | None) -> float | None:
    """Four digits.

    >>> short(0.9722222), short(31400.0), short(None)
    (0.9722, 31400.0, None)
    """
    return None if value is None else float(f"{value:.4g}") if abs(value) < 1e4 else float(round(value))


def _parity_sentence(record: ExperimentRecord) -> str:
    if not record.parity:
        return ""
    return f"The ONNX file agrees with the trained model within {max(record.parity.values()):.0e}."
