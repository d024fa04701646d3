"""Points of the ROC and the precision-recall curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Curve:
    """A curve to draw: `x` and `y` float64 of equal length, `area` under it."""

    x: np.ndarray
    y: np.ndarray
    area: float


def _sweep(positive: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positives and negatives found at each distinct threshold, from the highest down; both start at 0."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last = np.flatnonzero(np.concatenate([ordered[1:] != ordered[:-1], [True]]))
    found = np.cumsum(positive[order])[last]
    return np.concatenate([[0], found]), np.concatenate([[0], last + 1 - found])


def _thin(x: np.ndarray, y: np.ndarray, n_points: int) -> tuple[np.ndarray, np.ndarray]:
    if len(x) <= n_points:
        return x, y
    keep = np.unique(np.linspace(0, len(x) - 1, n_points).round().astype(int))
    return x[keep], y[keep]


def roc_curve(positive: np.ndarray, scores: np.ndarray, n_points: int = 200) -> Curve:
    """False positive rate (x) against true positive rate (y).

    Args:
        positive: bool [n].
        scores: float [n], larger for more surely positive.
        n_points: At most this many points are kept; the area is that of all of them.
    """
    found, wrong = _sweep(positive, scores)
    x, y = wrong / max(wrong[-1], 1), found / max(found[-1], 1)
    area = float(np.trapezoid(y, x)) if wrong[-1] and found[-1] else float("nan")
    return Curve(*_thin(x, y, n_points), area)


def precision_recall_curve(positive: np.ndarray, scores: np.ndarray, n_points: int = 200) -> Curve:
    """Recall (x) against precision (y); `area` is the average precision (steps, no interpolation).

    Args:
        positive: bool [n].
        scores: float [n], larger for more surely positive.
        n_points: At most this many points are kept; the area is that of all of them.
    """
    found, wrong = _sweep(positive, scores)
    recall = found / max(found[-1], 1)
    precision = np.concatenate([[1.0], found[1:] / (found[1:] + wrong[1:])])
    area = float((np.diff(recall) * precision[1:]).sum()) if found[-1] else float("nan")
    return Curve(*_thin(recall, precision, n_points), area)
