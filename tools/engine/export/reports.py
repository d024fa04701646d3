"""The reports of a judged model: small JSON dictionaries with numbers and, where there is one to draw, a plot.

A plot is {"kind", "title", "x": axis title, "y": axis title, "series": [{"name", "x": [...], "y": [...]}]}; a heat map
has `labels` and `matrix` (rows: truth, columns: prediction) in place of series.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tools.core.errors import TaskError
from tools.core.metrics import metric_info
from tools.engine.data.dataset import TaskSpec
from tools.engine.evaluation.calibration import calibration_curve
from tools.engine.evaluation.confidence import bootstrap_interval
from tools.engine.evaluation.confusion import confusion_matrix, label_confusion
from tools.engine.evaluation.curves import precision_recall_curve, roc_curve
from tools.engine.evaluation.metrics import compute_all, metric_of

MOST_CLASSES = 20
"""Curves of more classes than this would be neither small nor readable: the most frequent are shown."""
MOST_POINTS = 300


def metrics_report(task: TaskSpec, truth: np.ndarray, predictions: np.ndarray, seed: int) -> dict[str, Any]:
    """Every metric, with a 95 % interval for each.

    Args:
        task: What is predicted.
        truth: As `TargetEncoder.truth` gives it.
        predictions: As `TargetEncoder.decode` gives them.
        seed: Owns the resampling.
    """
    values = compute_all(task, truth, predictions)
    intervals = {name: bootstrap_interval(metric_of(task, name), truth, predictions, seed) for name in values}
    return {
        "metrics": {name: _round(value) for name, value in values.items()},
        "confidence": {name: [_round(low), _round(high)] for name, (low, high) in intervals.items()},
        "direction": {name: info.direction for name in values if (info := metric_info(name)) is not None},
    }


def confusion_report(task: TaskSpec, truth: np.ndarray, predictions: np.ndarray) -> dict[str, Any]:
    """Which class is taken for which; for labels, how often each is missed or said wrongly.

    Raises:
        TaskError: the task has no classes.
    """
    _needs_classes(task, "confusion")
    if task.multilabel:
        counts = label_confusion(truth, predictions)
        return {
            "labels": _labels(task),
            "per_label": [
                {
                    "label": label,
                    "right": int(table[1, 1]),
                    "missed": int(table[1, 0]),
                    "wrongly_said": int(table[0, 1]),
                    "rightly_not_said": int(table[0, 0]),
                }
                for label, table in zip(_labels(task), counts, strict=True)
            ],
        }
    matrix = confusion_matrix(truth, predictions)
    off = matrix - np.diag(np.diag(matrix))
    worst = [divmod(int(cell), matrix.shape[1]) for cell in np.argsort(-off, axis=None, kind="stable")[:5]]
    labels = _labels(task)
    return {
        "labels": labels,
        "matrix": matrix.tolist(),
        "most_confused": [
            {"truth": labels[row], "prediction": labels[column], "rows": int(off[row, column])}
            for row, column in worst
            if off[row, column]
        ],
        "plot": {
            "kind": "heatmap",
            "title": "Confusion",
            "x": "predicted",
            "y": "truth",
            "labels": labels,
            "matrix": matrix.tolist(),
        },
    }


def curves_report(task: TaskSpec, truth: np.ndarray, predictions: np.ndarray) -> dict[str, Any]:
    """ROC and precision-recall curves; for values, prediction against truth; for text, the loss by place."""
    _needs_one_target(task, "curves")
    if task.kind == "regression":
        keep = np.unique(np.linspace(0, len(truth) - 1, min(MOST_POINTS, len(truth))).astype(int))
        series = [{"name": "rows", "x": _list(truth.reshape(-1)[keep]), "y": _list(predictions.reshape(-1)[keep])}]
        return {"plot": _plot("scatter", "Prediction against truth", "truth", "prediction", series)}
    if task.kind == "generation":
        there = truth > 0
        sure = np.take_along_axis(predictions, truth[..., None].astype(int), axis=-1)[..., 0]
        bits = -np.log2(np.maximum(sure, np.finfo(np.float32).tiny)) * there
        by_place = bits.sum(axis=0) / np.maximum(there.sum(axis=0), 1)
        series = [{"name": "test", "x": list(range(1, len(by_place) + 1)), "y": _list(by_place)}]
        return {"plot": _plot("line", "Loss by length of context", "characters before", "bits per character", series)}
    roc, recall, areas = [], [], {}
    shown = _shown(task, truth)
    n_points = max(20, MOST_POINTS // len(shown))
    for number in shown:
        positive = truth[:, number] >= 0.5 if task.multilabel else truth == number
        first = roc_curve(positive, predictions[:, number], n_points)
        second = precision_recall_curve(positive, predictions[:, number], n_points)
        name = str(task.classes[number])
        areas[name] = {"roc_auc": _round(first.area), "average_precision": _round(second.area)}
        roc.append({"name": name, "x": _list(first.x), "y": _list(first.y)})
        recall.append({"name": name, "x": _list(second.x), "y": _list(second.y)})
    return {
        "areas": areas,
        "plot": _plot("line", "ROC", "false positive rate", "true positive rate", roc),
        "plots": [_plot("line", "Precision and recall", "recall", "precision", recall)],
    }


def calibration_report(task: TaskSpec, truth: np.ndarray, predictions: np.ndarray) -> dict[str, Any]:
    """Whether the probabilities can be believed; for values, mean truth of rows with like predictions."""
    _needs_one_target(task, "calibration")
    if task.kind == "regression":
        parts = [part for part in np.array_split(np.argsort(predictions.reshape(-1)), 10) if len(part)]
        said = [float(predictions.reshape(-1)[part].mean()) for part in parts]
        true = [float(truth.reshape(-1)[part].mean()) for part in parts]
        series = [{"name": "tenths of the rows", "x": _list(np.array(said)), "y": _list(np.array(true))}]
        bias = _round(float((predictions.reshape(-1) - truth.reshape(-1)).mean()))
        return {"mean_error": bias, "plot": _plot("line", "Calibration", "mean prediction", "mean truth", series)}
    if task.kind == "generation":
        there = truth > 0
        truth, predictions = truth[there], predictions[there]
    curve = calibration_curve(truth, predictions)
    series = [{"name": "test", "x": _list(curve.confidence), "y": _list(curve.accuracy)}]
    return {
        "expected_calibration_error": _round(curve.error),
        "counts": [int(count) for count in curve.counts],
        "plot": _plot("line", "Calibration", "predicted probability", "share that was right", series),
    }


def row_losses(task: TaskSpec, truth: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """How badly each row was predicted: nats, bits per character, or the size of the error; float64 [n].

    Of several targets the sum of nats and of errors in standard deviations of the rows judged.
    """
    if task.parts:
        total = np.zeros(len(truth))
        for number, (part, place) in enumerate(zip(task.parts, task.slices, strict=True)):
            unit = float(truth[:, number].std()) or 1.0
            own = row_losses(part, truth[:, number], predictions[:, place])
            total += own / unit if part.kind == "regression" else own
        return total
    if task.kind == "regression":
        return np.asarray(np.abs(predictions.reshape(-1).astype(np.float64) - truth.reshape(-1)))
    tiny = np.finfo(np.float32).tiny
    if task.kind == "generation":
        there = truth > 0
        sure = np.take_along_axis(predictions, truth[..., None].astype(int), axis=-1)[..., 0]
        bits: np.ndarray = (-np.log2(np.maximum(sure, tiny)) * there).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
        return bits
    if task.multilabel:
        right = np.where(truth >= 0.5, predictions, 1 - predictions)
        nats: np.ndarray = -np.log(np.maximum(right, tiny)).sum(axis=1)
        return nats
    return np.asarray(-np.log(np.maximum(predictions[np.arange(len(truth)), truth.astype(int)], tiny)))


def _needs_one_target(task: TaskSpec, report: str) -> None:
    if task.parts:
        raise TaskError(
            f"The report '{report}' is for one target; this model has {len(task.parts)}: {', '.join(task.targets)}.",
            hint="Ask for metrics, importance or errors.",
        )


def _needs_classes(task: TaskSpec, report: str) -> None:
    _needs_one_target(task, report)
    if task.kind != "classification":
        raise TaskError(
            f"The report '{report}' is for classes; this model's task is {task.kind}.",
            hint="Ask for metrics, curves, calibration or errors.",
        )


def _shown(task: TaskSpec, truth: np.ndarray) -> list[int]:
    """Class numbers to draw: the second of two, else the most frequent."""
    if len(task.classes) == 2 and not task.multilabel:
        return [1]
    counts = truth.sum(axis=0) if task.multilabel else np.bincount(truth.astype(int), minlength=len(task.classes))
    return sorted(int(number) for number in np.argsort(-counts, kind="stable")[:MOST_CLASSES])


def _labels(task: TaskSpec) -> list[str]:
    return [str(label) for label in task.classes]


def _plot(kind: str, title: str, x: str, y: str, series: list[dict[str, Any]]) -> dict[str, Any]:
    return {"kind": kind, "title": title, "x": x, "y": y, "series": series}


def _round(value: float) -> float | None:
    """Six digits: more than any metric is sure of. JSON knows no NaN."""
    return float(f"{value:.6g}") if np.isfinite(value) else None


def _list(values: np.ndarray) -> list[float | None]:
    return [_round(float(value)) for value in values]
