"""The metrics: functions of the truth and of decoded predictions, in numpy.

Shapes of (truth, predictions), n rows:
classes int [n] with probabilities [n, k]; multi-label 0/1 [n, k] with probabilities [n, k]; values [n] with values [n];
next tokens int [n, length] (0 is padding) with probabilities [n, length, vocab]; several targets [n, parts] with
predictions [n, outputs], side by side as `TaskSpec.slices` says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tools.core.errors import TaskError
from tools.core.metrics import METRIC_NAMES, MetricInfo, default_metric, metric_info, metrics_for
from tools.engine.data.dataset import TaskSpec
from tools.engine.evaluation import _counts as counts
from tools.engine.evaluation.ranking import mean_auc

Rows = Callable[[np.ndarray, np.ndarray], np.ndarray]
Weighted = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        name: Registered name.
        weighted: (truth, predictions, weights float [b, n]) -> values float64 [b].
    """

    name: str
    weighted: Weighted

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """Whether a larger or a smaller value is better."""
        return _info(self.name).direction

    @property
    def kinds(self) -> frozenset[str]:
        """Task kinds the metric can judge."""
        return _info(self.name).kinds

    @property
    def title(self) -> str:
        """Name for people."""
        return _info(self.name).title

    def __call__(self, truth: np.ndarray, predictions: np.ndarray) -> float:
        """The value on all rows, each counted once."""
        return float(self.weighted(truth, predictions, np.ones((1, len(truth))))[0])


def _summed(rows: Rows, formula: Callable[[np.ndarray], np.ndarray]) -> Weighted:
    return lambda truth, predictions, weights: formula(weights @ rows(truth, predictions))


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """`above / below`, and 0 where `below` is 0 (scikit-learn's `zero_division=0`)."""
    quotient: np.ndarray = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
    return quotient


def _mean(sums: np.ndarray) -> np.ndarray:
    return _ratio(sums[:, 1], sums[:, 0])


def _balanced_accuracy(sums: np.ndarray) -> np.ndarray:
    hit, actual, _ = np.split(sums, 3, axis=1)
    return _ratio(_ratio(hit, actual).sum(axis=1), (actual > 0).sum(axis=1).astype(float))


def _f1_macro(truth: np.ndarray, predictions: np.ndarray, weights: np.ndarray) -> np.ndarray:
    hit, actual, said = np.split(weights @ counts.memberships(truth, predictions), 3, axis=1)
    # A class that is neither there nor predicted says nothing; of a label matrix every column counts.
    counted = np.ones_like(hit) if truth.ndim == 2 else (actual + said > 0).astype(float)
    return _ratio((_ratio(2 * hit, actual + said) * counted).sum(axis=1), counted.sum(axis=1))


def _f1_micro(sums: np.ndarray) -> np.ndarray:
    hit, actual, said = (part.sum(axis=1) for part in np.split(sums, 3, axis=1))
    return _ratio(2 * hit, actual + said)


def _r2(sums: np.ndarray) -> np.ndarray:
    n, total, squares, errors, _ = sums.T
    spread = squares - total**2 / np.maximum(n, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        explained: np.ndarray = np.where(spread > 1e-12 * np.maximum(squares, 1e-300), 1 - errors / spread, np.nan)
    return explained


METRICS: dict[str, Metric] = {
    name: Metric(name, weighted)
    for name, weighted in {
        "accuracy": _summed(counts.hits, _mean),
        "balanced_accuracy": _summed(counts.memberships, _balanced_accuracy),
        "f1_macro": _f1_macro,
        "f1_micro": _summed(counts.memberships, _f1_micro),
        "roc_auc": mean_auc,
        "log_loss": _summed(counts.surprise, _mean),
        "r2": _summed(counts.residuals, _r2),
        "rmse": _summed(counts.residuals, lambda sums: np.sqrt(sums[:, 3] / sums[:, 0])),
        "mae": _summed(counts.residuals, lambda sums: sums[:, 4] / sums[:, 0]),
        "bits_per_char": _summed(counts.token_surprise, lambda sums: _mean(sums) / np.log(2)),
        "perplexity": _summed(counts.token_surprise, lambda sums: np.exp(_mean(sums))),
    }.items()
}


def metric(name: str | Metric) -> Metric:
    """The metric called `name`; one that is there already as it is.

    Raises:
        TaskError: there is none.
    """
    if isinstance(name, Metric):
        return name
    if name not in METRICS:
        raise TaskError(f"There is no metric called '{name}'.", hint=f"Choose one of: {', '.join(METRICS)}.")
    return METRICS[name]


def metric_of(task: TaskSpec, name: str | None = None) -> Metric:
    """A metric as it judges a task: the task's own, or the one called `name`.

    Of several targets `mean_score` is the mean of each one's usual metric, and "r2 of price" is one target's.

    Raises:
        TaskError: there is none.
    """
    name = task.metric if name is None else name
    if not task.parts:
        return metric(name)
    if name == "mean_score":
        own = [_of_part(task, number, part.metric) for number, part in enumerate(task.parts)]
        return Metric(
            name,
            lambda truth, predictions, weights: np.mean(
                [one.weighted(truth, predictions, weights) for one in own], axis=0
            ),
        )
    base, _, target = name.partition(" of ")
    return _of_part(task, task.targets.index(target), base)


def _of_part(task: TaskSpec, number: int, name: str) -> Metric:
    part, columns = task.parts[number], task.slices[number]
    found = metric(name)

    def weighted(truth: np.ndarray, predictions: np.ndarray, weights: np.ndarray) -> np.ndarray:
        if part.kind == "regression":
            return found.weighted(truth[:, number], predictions[:, columns.start], weights)
        return found.weighted(truth[:, number].astype(np.int64), predictions[:, columns], weights)

    return Metric(f"{name} of {part.target}", weighted)


def compute(name: str | Metric, truth: np.ndarray, predictions: np.ndarray) -> float:
    """The value of one metric; NaN where it has none (the AUC of rows that are all of one class).

    Raises:
        TaskError: there is no such metric, or truth and predictions differ in length.

    >>> compute("accuracy", np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]))
    0.6666666666666666
    """
    found = metric(name)
    if len(truth) != len(predictions) or not len(truth):
        raise TaskError(
            f"The metric '{found.name}' needs one prediction per row: {len(truth)} rows, {len(predictions)} "
            "predictions.",
            hint="Give it the predictions of exactly these rows, at least one.",
        )
    return found(truth, predictions)


def compute_all(task: TaskSpec, truth: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    """Every metric that suits the task and has a value here.

    Of rows with one label each, F1's micro average is the accuracy once more: it is left out unless it was asked for.
    """
    names: list[str] = [name for name in metrics_for(task.kind, task.multilabel)
             if name != "f1_micro" or task.multilabel or task.metric == name]  # fmt: skip
    for part in task.parts:
        names += [f"{name} of {part.target}" for name in metrics_for(part.kind) if name != "f1_micro"]
    values = {name: compute(metric_of(task, name), truth, predictions) for name in names}
    return {name: value for name, value in values.items() if np.isfinite(value)}


def _info(name: str) -> MetricInfo:
    found = metric_info(name)
    if found is None:
        raise TaskError(f"There is no metric called '{name}'.", hint=f"Choose one of: {', '.join(METRIC_NAMES)}.")
    return found


__all__ = ["METRICS", "Metric", "compute", "compute_all", "default_metric", "metric", "metric_of"]
