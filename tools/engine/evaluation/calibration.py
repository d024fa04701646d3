"""Whether the probabilities can be believed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Calibration:
    """A reliability curve.

    Attributes:
        confidence: Mean predicted probability in each non-empty bin.
        accuracy: Share of rows that were right in that bin.
        counts: Rows in that bin.
        error: Expected calibration error: mean |confidence - accuracy| over rows.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    counts: np.ndarray
    error: float


def calibration_curve(truth: np.ndarray, predictions: np.ndarray, n_bins: int = 10) -> Calibration:
    """Compare the probability of the predicted class with how often it was right.

    For a 0/1 matrix every (row, label) pair counts, with the probability of the label.

    Args:
        truth: int [n] class numbers, or 0/1 [n, k].
        predictions: float [n, k] probabilities.
        n_bins: Bins of equal width on [0, 1].

    Source: Guo et al. (2017), "On Calibration of Modern Neural Networks", section 2.
    """
    if truth.ndim == 2:
        sure, right = predictions.ravel().astype(np.float64), (truth >= 0.5).ravel()
    else:
        sure, right = predictions.max(axis=1).astype(np.float64), predictions.argmax(axis=1) == truth
    bins = np.clip((sure * n_bins).astype(int), 0, n_bins - 1)
    counts = np.bincount(bins, minlength=n_bins)
    there = counts > 0
    confidence = np.bincount(bins, weights=sure, minlength=n_bins)[there] / counts[there]
    accuracy = np.bincount(bins, weights=right, minlength=n_bins)[there] / counts[there]
    error = float((np.abs(confidence - accuracy) * counts[there]).sum() / counts.sum())
    return Calibration(confidence, accuracy, counts[there], error)
