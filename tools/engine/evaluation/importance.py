"""Which columns a model leans on: the loss in the metric when a column is shuffled."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tools.engine.evaluation.metrics import Metric
from tools.engine.evaluation.metrics import metric as find_metric

if TYPE_CHECKING:
    import pandas as pd


def permutation_importance(
    predict: Callable[[pd.DataFrame], np.ndarray],
    frame: pd.DataFrame,
    truth: np.ndarray,
    metric: str | Metric,
    columns: Sequence[str],
    seed: int,
    n_repeats: int = 5,
    max_rows: int = 1000,
    deadline: float = float("inf"),
) -> dict[str, float]:
    """How much worse the metric becomes, on average, when one column is shuffled (larger: more important).

    Args:
        predict: A table -> decoded predictions, one per row.
        frame: The rows to judge on; not changed.
        truth: Their truth, see `evaluation.metrics`.
        metric: The metric, or its name.
        columns: Columns to shuffle.
        seed: Owns the shuffles.
        n_repeats: Shuffles of every column.
        max_rows: A random subset is used beyond this many rows.
        deadline: `time.time()` after which no further round of repeats starts.

    Returns:
        Column -> mean loss in the metric, largest first.

    Source: Breiman (2001), "Random Forests", section 10; Fisher et al. (2019).
    """
    rng, found = np.random.default_rng(seed), find_metric(metric)
    rows = np.arange(len(frame))
    if len(rows) > max_rows:
        rows = np.sort(rng.choice(len(frame), max_rows, replace=False))
    part, part_truth = frame.iloc[rows].reset_index(drop=True), truth[rows]
    sign = 1.0 if found.direction == "maximize" else -1.0
    whole = found(part_truth, predict(part))
    losses: dict[str, list[float]] = {column: [] for column in columns}
    for _ in range(n_repeats):
        if time.time() >= deadline and all(losses.values()):
            break
        for column in columns:
            shuffled = part.assign(**{column: part[column].to_numpy()[rng.permutation(len(part))]})
            losses[column].append(sign * (whole - found(part_truth, predict(shuffled))))
    means = {column: float(np.mean(values)) for column, values in losses.items()}
    return dict(sorted(means.items(), key=lambda item: -item[1]))
