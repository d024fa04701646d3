"""The area under the ROC curve, from ranks, for many weightings of the rows at once."""

from __future__ import annotations

import numpy as np


def weighted_auc(positive: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Chance that a positive row is scored above a negative one; ties count half.

    Args:
        positive: bool [n].
        scores: float [n].
        weights: float [b, n], one row of weights per value wanted.

    Returns:
        float64 [b]; NaN where one of the two classes has no weight.

    Source: Mann and Whitney (1947); Hanley and McNeil (1982), section II.
    """
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    sorted_weights, is_positive = weights[:, order], positive[order]
    up = np.add.reduceat(sorted_weights * is_positive, starts, axis=1)
    down = np.add.reduceat(sorted_weights * ~is_positive, starts, axis=1)
    below = np.cumsum(down, axis=1) - down / 2
    pairs = up.sum(axis=1) * down.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        area: np.ndarray = np.where(pairs > 0, (up * below).sum(axis=1) / pairs, np.nan)
    return area


def mean_auc(truth: np.ndarray, predictions: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """AUC of two classes; the plain mean over classes (one against the rest) or labels otherwise.

    Classes that are absent, or alone, have no area and are left out.

    Args:
        truth: int [n] class numbers, or 0/1 [n, k].
        predictions: float [n, k].
        weights: float [b, n].

    Returns:
        float64 [b].
    """
    if truth.ndim == 1 and predictions.shape[1] == 2:
        return weighted_auc(truth == 1, predictions[:, 1] - predictions[:, 0], weights)
    columns = range(predictions.shape[1])
    member = truth >= 0.5 if truth.ndim == 2 else truth[:, None] == np.arange(predictions.shape[1])
    areas = np.stack([weighted_auc(member[:, k], predictions[:, k], weights) for k in columns])
    there = np.isfinite(areas)
    with np.errstate(invalid="ignore"):
        mean: np.ndarray = np.where(there, areas, 0.0).sum(axis=0) / there.sum(axis=0)
    return mean
