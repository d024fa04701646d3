"""The Pareto front of an experiment's trials: quality against the size of the model, or against its latency."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tools.core.records import ExperimentRecord, TrialRecord

_SHOWN = 3


Cost = Callable[[TrialRecord], float | None]


def size(trial: TrialRecord) -> float | None:
    """Bytes of the model."""
    return trial.model_size


def latency(trial: TrialRecord) -> float | None:
    """Milliseconds for one row."""
    return trial.resources.inference_latency


def measured(trials: Iterable[TrialRecord], cost: Cost = size) -> list[TrialRecord]:
    """The trials that have both a score and a cost."""
    return [trial for trial in trials if trial.score is not None and cost(trial) is not None]


def front(trials: Iterable[TrialRecord], direction: str, cost: Cost = size) -> list[TrialRecord]:
    """The trials that no other beats in both, cheapest first.

    Args:
        trials: Any; those without a score or a cost are left out.
        direction: "maximize" or "minimize", what the score should be.
        cost: What should be small.
    """
    sign = 1 if direction == "maximize" else -1
    found: list[TrialRecord] = []
    for trial in sorted(measured(trials, cost), key=lambda trial: (cost(trial) or 0, -sign * (trial.score or 0.0))):
        if not found or sign * (trial.score or 0.0) > sign * (found[-1].score or 0.0):
            found.append(trial)
    return found


def neighbours(record: ExperimentRecord, trials: Iterable[TrialRecord]) -> list[TrialRecord]:
    """What else the search measured: the nearest to the delivered model on the front, smallest first.

    Sizes that were only estimated from the number of parameters do not count.
    """
    known = [t for t in trials if t.status == "completed" and t.resources.inference_latency is not None]
    others = [
        trial for trial in front(known, record.direction) if record.best is None or trial.number != record.best.trial
    ]
    delivered = record.best.model_size if record.best else None
    near = sorted(others, key=lambda trial: abs((trial.model_size or 0) - (delivered or 0)))[:_SHOWN]
    return sorted(near, key=lambda trial: trial.model_size or 0)
