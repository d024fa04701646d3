"""Names of the metrics: direction, the task kinds they belong to, and a title. The formulas are in the engine."""

from __future__ import annotations

from typing import Literal, NamedTuple


class MetricInfo(NamedTuple):
    """What is known of a metric without computing it.

    Attributes:
        direction: Whether a larger or a smaller value is better.
        kinds: Task kinds the metric can judge.
        title: For people.
    """

    direction: Literal["maximize", "minimize"]
    kinds: frozenset[str]
    title: str


_CLASSES = frozenset({"classification"})
_VALUES = frozenset({"regression"})
_TOKENS = frozenset({"generation"})
_SEVERAL = frozenset({"multitask"})

METRIC_NAMES: dict[str, MetricInfo] = {
    "accuracy": MetricInfo("maximize", _CLASSES, "Accuracy"),
    "balanced_accuracy": MetricInfo("maximize", _CLASSES, "Balanced accuracy"),
    "f1_macro": MetricInfo("maximize", _CLASSES, "F1, macro average"),
    "f1_micro": MetricInfo("maximize", _CLASSES, "F1, micro average"),
    "roc_auc": MetricInfo("maximize", _CLASSES, "Area under the ROC curve"),
    "log_loss": MetricInfo("minimize", _CLASSES, "Log loss"),
    "r2": MetricInfo("maximize", _VALUES, "R²"),
    "rmse": MetricInfo("minimize", _VALUES, "Root mean squared error"),
    "mae": MetricInfo("minimize", _VALUES, "Mean absolute error"),
    "bits_per_char": MetricInfo("minimize", _TOKENS, "Bits per character"),
    "perplexity": MetricInfo("minimize", _TOKENS, "Perplexity"),
    "mean_score": MetricInfo("maximize", _SEVERAL, "Mean score of the targets"),
}

MULTILABEL_METRICS: frozenset[str] = frozenset({"accuracy", "f1_macro", "f1_micro", "roc_auc", "log_loss"})
"""The classification metrics that also judge multi-label predictions."""


def metric_info(name: str) -> MetricInfo | None:
    """What is known of a metric, also of one target's among several ("r2 of price"); None for no metric.

    >>> metric_info("r2 of price").title, metric_info("speed")
    ('R² of price', None)
    """
    base, _, target = name.partition(" of ")
    info = METRIC_NAMES.get(base)
    return info._replace(title=f"{info.title} of {target}") if info is not None and target else info


def metrics_for(kind: str, multilabel: bool = False) -> tuple[str, ...]:
    """Names of the metrics that can judge a task of this kind, the usual one first.

    >>> metrics_for("regression")
    ('r2', 'rmse', 'mae')
    """
    names = (name for name, info in METRIC_NAMES.items() if kind in info.kinds)
    return tuple(name for name in names if not multilabel or name in MULTILABEL_METRICS)


def default_metric(kind: str, n_classes: int = 2, multilabel: bool = False) -> str:
    """The metric a task is judged by when the user names none.

    >>> default_metric("classification", 3)
    'accuracy'
    """
    if multilabel:
        return "f1_micro"
    usual = {"regression": "r2", "generation": "bits_per_char", "multitask": "mean_score"}
    return usual.get(kind, "accuracy")
