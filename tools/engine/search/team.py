"""Who is delivered: the best trial alone, or with others whose errors differ from its own.

The leaders' predictions on rows that none of them was trained on decide: those of the finals when there were any, else
those of the validation part. An ensemble must be better there, inside the limits, and its members must be trained on
all rows in the time that is left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tools.core.records import Limits, TrialRecord
from tools.engine.data.dataset import TaskSpec
from tools.engine.evaluation.metrics import compute, compute_all, metric_of
from tools.engine.search.budget import refit_seconds
from tools.engine.search.ensemble import greedy_selection
from tools.engine.search.objective import Objective

MAX_MEMBERS = 5
TIE_WEIGHT = 0.01
SIZE_PER_PARAMETER = 4


@dataclass(frozen=True)
class Judged:
    """A trial with predictions on rows it was not trained on.

    Attributes:
        record: The trial.
        best_epochs: Per fold, for a refit.
        metrics: Its metrics in the finals, meaned over folds; empty without finals.
        predictions: Decoded predictions, [rows] or [rows, classes]; None when they were not kept.
        truth: What they are compared with.
    """

    record: TrialRecord
    best_epochs: tuple[float, ...]
    metrics: dict[str, float] = field(default_factory=dict)
    predictions: np.ndarray | None = field(default=None, repr=False, compare=False)
    truth: np.ndarray | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Member:
    """A trial that takes part in what is delivered."""

    record: TrialRecord
    best_epochs: tuple[float, ...]
    weight: float = 1.0


@dataclass(frozen=True)
class Team:
    """What is delivered.

    Attributes:
        members: The best trial first; one alone is no ensemble.
        metrics: Validation metrics of the whole; those of the trial when it is alone.
        finalists: How many were compared in the finals; 0 without finals.
    """

    members: tuple[Member, ...]
    metrics: dict[str, float]
    finalists: int = 0

    @property
    def best(self) -> TrialRecord:
        """The best single trial."""
        return self.members[0].record

    @property
    def weights(self) -> list[float]:
        """How much each member counts."""
        return [member.weight for member in self.members]

    @property
    def name(self) -> str:
        """For people: the family, or the members with their shares."""
        if len(self.members) == 1:
            return self.best.model_architecture
        shares: dict[str, float] = {}
        for member in self.members:
            shares[member.record.model_architecture] = shares.get(member.record.model_architecture, 0.0) + member.weight
        if len(shares) == 1:
            return f"ensemble of {len(self.members)} ({self.best.model_architecture})"
        parts = ", ".join(f"{name} {share:.0%}" for name, share in sorted(shares.items(), key=lambda pair: -pair[1]))
        return f"ensemble of {len(self.members)} ({parts})"


def alone(judged: Judged, finalists: int = 0) -> Team:
    """One trial as the whole team."""
    metrics = judged.metrics or judged.record.metrics
    return Team((Member(judged.record, judged.best_epochs),), metrics, finalists)


def choose(
    judged: Sequence[Judged],
    task: TaskSpec,
    objective: Objective,
    limits: Limits,
    in_time: Callable[[Sequence[TrialRecord]], bool],
    finalists: int = 0,
) -> Team:
    """The best candidate alone, or the ensemble that is better on the rows that judge.

    Args:
        judged: Candidates, the best first; those without predictions cannot join.
        task: What is predicted.
        objective: What a model is worth.
        limits: Size and latency limits hold for the whole ensemble.
        in_time: Whether a set of trials can be trained on all rows in the time that is left; once it says no to every
            set, choosing ends, so that it takes no longer than `in_time` allows.
        finalists: How many were compared in the finals.
    """
    first = judged[0]
    others = [item for item in judged if item.predictions is not None]
    if first.predictions is None or first.truth is None or len(others) < 2:
        return alone(first, finalists)
    truth = first.truth

    def value(mean: np.ndarray, numbers: Sequence[int]) -> float:
        records = [others[number].record for number in numbers]
        size, latency = _cost(records)
        too_large = limits.max_model_size is not None and size > limits.max_model_size
        too_slow = limits.max_latency_ms is not None and (latency is None or latency > limits.max_latency_ms)
        if too_large or too_slow or (len(records) > 1 and not in_time(records)):
            return -np.inf
        known = task.kind == "classification" and objective.min_accuracy is not None
        accuracy = compute("accuracy", truth, mean) if known else None
        worth = objective.value(compute(metric_of(task), truth, mean), size, latency, accuracy)
        # Few rows give few different accuracies: among equals, the one that is surer of what is right.
        return worth - (TIE_WEIGHT * compute("log_loss", truth, mean) if task.kind == "classification" else 0.0)

    weights = greedy_selection([item.predictions for item in others], value, MAX_MEMBERS)  # type: ignore[misc]
    if len(weights) == 1:
        return alone(first, finalists)
    chosen = sorted(weights, key=lambda number: (number != 0, -weights[number]))
    members = tuple(Member(others[n].record, others[n].best_epochs, weights[n]) for n in chosen)
    mean = np.sum([weights[n] * np.asarray(others[n].predictions) for n in chosen], axis=0)
    return Team(members, compute_all(task, truth, mean), finalists)


def read_predictions(path: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """Predictions and truths that a trial kept, its folds one after the other; None when there are none."""
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as kept:
        numbers = range(sum(name.startswith("truth_") for name in kept.files))
        predictions = [kept[f"predictions_{number}"] for number in numbers]
        return np.concatenate(predictions), np.concatenate([kept[f"truth_{number}"] for number in numbers])


def refit_time(records: Sequence[TrialRecord], n_folds: int, workers: int) -> float:
    """Estimated seconds of training all these on all rows, side by side in the workers."""
    seconds = [refit_seconds(record.resources.training_time, n_folds) for record in records]
    return max(max(seconds), sum(seconds) / max(workers, 1))


def _cost(records: Sequence[TrialRecord]) -> tuple[int, float | None]:
    sizes = [record.model_size or SIZE_PER_PARAMETER * (record.n_parameters or 0) for record in records]
    latencies = [record.resources.inference_latency for record in records]
    known = [latency for latency in latencies if latency is not None]
    return sum(sizes), sum(known) if len(known) == len(latencies) else None
