"""How sure a measured metric is: 95 % intervals from resampling the rows."""

from __future__ import annotations

import numpy as np

from tools.engine.evaluation.metrics import Metric
from tools.engine.evaluation.metrics import metric as find_metric

_WORK = 20_000_000
"""Row draws in all: bounds the time by work and not by the clock, so that the same data gives the same interval."""
_CHUNK = 2_000_000
_MAX_NUMBERS = 200_000
_LEAST_ROWS = 2_000
"""Predicted numbers that are resampled at most: a ranking metric sorts every class's column in every resample."""


def bootstrap_interval(
    metric: str | Metric,
    truth: np.ndarray,
    predictions: np.ndarray,
    seed: int,
    n_resamples: int = 500,
    level: float = 0.95,
) -> tuple[float, float]:
    """Interval of `metric` over samples of rows like these.

    Accuracy is a share of independent rows and gets Wilson's interval, which stays honest where the bootstrap
    collapses to a point (all rows right). Every other metric gets the percentile bootstrap. Beyond 200 000 predicted
    numbers a random subset of the rows is resampled and the interval shrunk by the square root of its share.

    Args:
        metric: The metric, or its name.
        truth: See `evaluation.metrics`.
        predictions: See `evaluation.metrics`.
        seed: Owns the resampling.
        n_resamples: Upper bound; fewer for many rows.
        level: Probability the interval covers.

    Returns:
        (low, high); (NaN, NaN) when the metric has no value on these rows.

    Source: Efron and Tibshirani (1993), chapter 13; Wilson (1927).
    """
    found, n = find_metric(metric), len(truth)
    if found.name.partition(" of ")[0] == "accuracy":
        return _wilson(found(truth, predictions), n, level)
    value = found(truth, predictions)
    if not np.isfinite(value):
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    shrink = 1.0
    width = int(np.prod(predictions.shape[1:], dtype=np.int64)) or 1
    most = max(_MAX_NUMBERS // width, _LEAST_ROWS)
    if n > most:
        rows = rng.choice(n, most, replace=False)
        truth, predictions, shrink = truth[rows], predictions[rows], float(np.sqrt(most / n))
        n = most
    wanted = min(n_resamples, max(100, _WORK // (n * width)))
    step = max(1, _CHUNK // n)
    values = []
    for start in range(0, wanted, step):
        size = min(step, wanted - start)
        drawn = rng.integers(0, n, (size, n)) + np.arange(size)[:, None] * n
        weights = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)
        values.append(found.weighted(truth, predictions, weights))
    sample = np.concatenate(values)
    sample = sample[np.isfinite(sample)]
    if not len(sample):
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    low, high = (float(edge) for edge in np.quantile(sample, [tail, 1 - tail]))
    return (low, high) if shrink == 1.0 else (value + (low - value) * shrink, value + (high - value) * shrink)


def _wilson(share: float, n: int, level: float) -> tuple[float, float]:
    from statistics import NormalDist

    z = NormalDist().inv_cdf(0.5 + level / 2)
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))
