"""The trivial baseline: what a model that never looks at the inputs would predict."""

from __future__ import annotations

import numpy as np

from tools.engine.data.dataset import TaskSpec


def trivial_predictions(task: TaskSpec, truth_train: np.ndarray, n: int, n_classes: int) -> np.ndarray:
    """Predictions for `n` rows from the training targets alone.

    Class frequencies (so the most frequent class is predicted); frequencies of labels; the mean (the median when
    the metric is the absolute error); frequencies of tokens; for several targets, each one's own, side by side.

    Args:
        task: What is predicted.
        truth_train: As `TargetEncoder.truth` gives it for the training rows.
        n: Rows to predict.
        n_classes: Classes, labels or vocabulary size; ignored for regression.

    Returns:
        Shaped like decoded predictions: [n, n_classes], [n], [n, n_outputs], or [n, length, n_classes] (a
        read-only view).
    """
    if task.parts:
        own = [
            trivial_predictions(part, truth_train[:, number], n, part.n_outputs).reshape(n, -1)
            for number, part in enumerate(task.parts)
        ]
        return np.concatenate(own, axis=1)
    if task.kind == "regression":
        centre = np.median(truth_train) if task.metric == "mae" else np.mean(truth_train)
        return np.full(n, centre, dtype=np.float64)
    if task.kind == "generation":
        frequency = np.bincount(truth_train.ravel().astype(int), minlength=n_classes)[:n_classes].astype(np.float64)
        frequency[0] = 0.0  # padding is never predicted
        frequency = (frequency + 1e-3) / (frequency + 1e-3).sum()
        return np.broadcast_to(frequency, (n, truth_train.shape[1], n_classes))
    if task.multilabel:
        return np.tile(truth_train.mean(axis=0), (n, 1))
    frequency = np.bincount(truth_train.astype(int), minlength=n_classes).astype(np.float64)
    return np.tile(frequency / frequency.sum(), (n, 1))
