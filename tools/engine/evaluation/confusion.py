"""Which class is taken for which."""

from __future__ import annotations

import numpy as np


def confusion_matrix(truth: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Counts int64 [k, k]: row = true class, column = predicted class.

    Args:
        truth: int [n] class numbers.
        predictions: float [n, k] probabilities.

    >>> confusion_matrix(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])).tolist()
    [[1, 0], [1, 1]]
    """
    n_classes = predictions.shape[1]
    cells = truth.astype(int) * n_classes + predictions.argmax(axis=1)
    return np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)


def label_confusion(truth: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Counts int64 [k, 2, 2] for each label of a 0/1 matrix [n, k]: [absent, present] x [not said, said]."""
    actual, said = (truth >= 0.5).astype(int), (predictions >= 0.5).astype(int)
    cells = 2 * actual + said
    return np.stack([np.bincount(cells[:, k], minlength=4).reshape(2, 2) for k in range(truth.shape[1])])
