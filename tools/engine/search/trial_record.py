"""What is remembered of a trial that ended."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from tools.core.records import ErrorInfo, Resources, TrialRecord, TrialStatus
from tools.engine.execution.messages import Finished
from tools.engine.search.feasibility import Cost
from tools.engine.search.study import Candidate

BYTES_PER_PARAMETER = 4
GRAPH_BYTES = 2_500
"""Of an exported file besides the weights, about: nodes, names and labels. Small forests are hardly more."""


def make_record(
    candidate: Candidate,
    status: TrialStatus,
    cost: Cost | None,
    event: Finished | None,
    error: dict[str, str] | None,
    reason: str,
    time_s: float,
    objective_of: Callable[[float, Cost | None, float | None], float],
) -> TrialRecord:
    """Put together what the worker, the measurement and the search know of a trial.

    Args:
        candidate: What was tried.
        status: How it ended.
        cost: Size and latency, where they were measured; else the size is estimated from the parameters.
        event: What the worker sent at the end, if it came to that.
        error: Type, message and hint of a failure.
        reason: Why it ended so; empty: why it was tried.
        time_s: Seconds it took, when the worker did not say.
        objective_of: The scalar objective of a score, a cost and an accuracy.
    """
    score = event.score if event is not None and not math.isnan(event.score) else None
    size = cost.size_bytes if cost else (event.n_parameters * BYTES_PER_PARAMETER + GRAPH_BYTES if event else None)
    accuracy = event.metrics.get("accuracy") if event else None
    objective = objective_of(score, cost, accuracy) if score is not None else math.nan
    return TrialRecord(
        number=candidate.number,
        model_architecture=candidate.family,
        hyperparameters=candidate.params,
        metrics=event.metrics if event else {},
        resources=Resources(
            peak_memory=event.usage.peak_memory if event else 0,
            training_time=round(event.time_s if event else time_s, 4),
            inference_latency=cost.latency_ms if cost else None,
            cpu_s=round(event.usage.cpu_s, 4) if event else None,
            gpu_memory=event.usage.gpu_memory if event else None,
        ),
        status=status,
        error=ErrorInfo(**error) if error else None,
        score=score,
        objective=None if math.isnan(objective) else objective,
        model_size=size,
        n_parameters=event.n_parameters if event else None,
        curve=tuple(_finite(row) for row in event.curve) if event else (),
        reason=reason or candidate.why,
        thrift=candidate.thrift,
    )


def cut_at(event: Finished, step: int, metric: str, maximize: bool) -> Finished:
    """A trial that was given up as it stood at that step: how far it came until it heard depends on the machine."""
    curve = tuple(row for row in event.curve if row["epoch"] <= step)
    scores = [row[metric] for row in curve if not math.isnan(row.get(metric, math.nan))]
    score = (max(scores) if maximize else min(scores)) if scores else math.nan
    return replace(event, curve=curve, score=score)


def _finite(row: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in row.items() if math.isfinite(value)}
