"""What the preprocessing of a table learns from the training rows: numpy in, numpy out."""

from __future__ import annotations

from typing import Literal

import numpy as np

Scaling = Literal["robust", "standard"]
_MAX_ROWS = 10_000
"""Quantiles are taken from an even sample of this many rows."""


def tabular_statistics(num: np.ndarray | None, n_numeric: int, scaling: Scaling, n_bins: int) -> dict[str, np.ndarray]:
    """Statistics of the numeric columns.

    Args:
        num: float32 [n, n_numeric] with NaN for missing; None gives neutral statistics of the full size.
        n_numeric: Number of numeric columns.
        scaling: `robust` centres on the median and divides by the interquartile range; `standard` uses mean and
            standard deviation.
        n_bins: Bins of the piecewise-linear encoding; 0: none.

    Returns:
        `fill`, `centre`, `scale` (a factor; 0 for constant columns) float32 [n_numeric]; `missing` int64, the columns
        that have missing values; `edges` float32 [n_numeric, n_bins + 1] in scaled units, repeated where a column
        has fewer distinct quantiles.

    Source: robust scaling as RealMLP (Holzmüller et al. 2024, appendix A.1); bins: Gorishniy et al. (2022), section 3.
    """
    if num is None or not n_numeric or not len(num):
        edges = np.tile(np.linspace(-2, 2, n_bins + 1), (n_numeric, 1))
        zero, one = np.zeros(n_numeric, np.float32), np.ones(n_numeric, np.float32)
        missing = np.zeros(0, np.int64)
        return {"fill": zero, "centre": zero, "scale": one, "missing": missing, "edges": edges.astype(np.float32)}
    values = np.sort(num[:: -(-len(num) // _MAX_ROWS)].astype(np.float64), axis=0)
    quartiles = _quantiles(values, np.array([0.0, 0.25, 0.5, 0.75, 1.0]))
    low, first, median, third, high = quartiles
    if scaling == "robust":
        # A column whose middle half is one value is scaled by its range instead.
        centre, spread = median, np.where(third > first, third - first, (high - low) / 2)
    else:
        there = np.isfinite(num)
        counts = np.maximum(there.sum(axis=0), 1)
        filled = np.where(there, num, 0.0).astype(np.float64)
        centre = filled.sum(axis=0) / counts
        spread = np.sqrt((np.where(there, num - centre, 0.0) ** 2).sum(axis=0) / counts)
    alive = spread > 1e-9 * np.maximum(np.abs(centre), 1e-30)
    scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=alive)
    edges = (_quantiles(values, np.linspace(0, 1, n_bins + 1)) - centre) * scale if n_bins else np.zeros((1, n_numeric))
    return {
        "fill": median.astype(np.float32),
        "centre": centre.astype(np.float32),
        "scale": scale.astype(np.float32),
        "missing": np.flatnonzero(np.isnan(num).any(axis=0)),
        "edges": edges.T.astype(np.float32),
    }


def _quantiles(ordered: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Quantiles [levels, columns] of columns sorted with NaN at the end; 0 for columns that are all missing."""
    counts = np.isfinite(ordered).sum(axis=0)
    where = levels[:, None] * np.maximum(counts - 1, 0)
    below = np.floor(where).astype(int)
    above = np.minimum(below + 1, np.maximum(counts - 1, 0))
    columns = np.arange(ordered.shape[1])
    low, high = ordered[below, columns], ordered[above, columns]
    return np.where(counts > 0, low + (where - below) * (high - low), 0.0)


def pixel_statistics(pixels: np.ndarray | None, n_channels: int) -> dict[str, np.ndarray]:
    """Mean and scale (a factor) float32 [n_channels] of uint8 images [n, channels, height, width]."""
    if pixels is None or not len(pixels):
        return {
            "centre": np.full(n_channels, 127.5, np.float32),
            "scale": np.full(n_channels, 1 / 64, np.float32),
        }
    some = pixels[:: -(-len(pixels) // _MAX_ROWS)].astype(np.float32)
    spread = some.std(axis=(0, 2, 3))
    scale = np.divide(1.0, spread, out=np.ones_like(spread), where=spread > 1e-3)
    return {"centre": some.mean(axis=(0, 2, 3)), "scale": scale.astype(np.float32)}
