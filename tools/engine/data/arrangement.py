"""Splits that keep together what belongs together: the rows of a group, and the past apart from the future."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tools.core.errors import TaskError


def group_numbers(values: pd.Series) -> np.ndarray:
    """The group of every row, int64 [n]; a row without one is a group of its own."""
    codes, levels = pd.factorize(values)
    alone = codes < 0
    numbers = codes.astype(np.int64)
    numbers[alone] = len(levels) + np.arange(alone.sum())
    return numbers


def group_folds(groups: np.ndarray, strata: np.ndarray, n_folds: int, rng: np.random.Generator) -> np.ndarray:
    """Share groups out among folds so that the folds are alike in size and in their classes.

    Large groups come first; each goes where its classes are rarest so far, as a share of all of their rows (the step
    that adds least to the sum of squared shares), and among equals to the smallest fold.

    Args:
        groups: int64 [n].
        strata: int64 [n], class or quantile of every row.
        n_folds: How many.
        rng: Decides among groups of the same size.

    Returns:
        Fold of every row, int64 [n].
    """
    _, group, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    _, stratum, whole = np.unique(strata, return_inverse=True, return_counts=True)
    by_group = np.argsort(group, kind="stable")
    members = np.split(stratum[by_group], np.cumsum(sizes)[:-1])
    order = rng.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    filled = np.zeros((n_folds, len(whole)))
    fold_of = np.zeros(len(sizes), np.int64)
    for number in order:
        kinds, counts = np.unique(members[number], return_counts=True)
        crowded = filled[:, kinds] @ (counts / whole[kinds] ** 2)
        fold = int(np.lexsort((filled.sum(axis=1), crowded))[0])
        fold_of[number] = fold
        filled[fold, kinds] += counts
    return fold_of[group]


def draw_groups(groups: np.ndarray, strata: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Draw whole groups that hold about `share` of the rows; bool [n]. There are at least two groups."""
    n_parts = max(2, round(1 / share))
    folds = group_folds(groups, strata, min(n_parts, len(np.unique(groups))), rng)
    sizes = np.bincount(folds)
    drawn: np.ndarray = folds == np.argmin(np.abs(sizes - share * len(groups)))
    return drawn


def in_time(values: pd.Series, name: str) -> np.ndarray:
    """When every row happened, as a number, float64 [n]; rows without a time come before all others.

    Raises:
        TaskError: the column holds neither dates nor numbers.
    """
    kinds = pd.api.types
    if kinds.is_datetime64_any_dtype(values.dtype):
        times = values.to_numpy(dtype="datetime64[ns]").astype(np.int64).astype(np.float64)
        return np.where(values.isna().to_numpy(), -np.inf, times)
    if kinds.is_numeric_dtype(values.dtype) and not kinds.is_bool_dtype(values.dtype):
        times = values.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.where(np.isnan(times), -np.inf, times)
    raise TaskError(
        f"The time column '{name}' holds neither dates nor numbers, so rows cannot be put in order by it.",
        hint="Write its dates in one form, for instance 2024-05-31, or name another column.",
    )


def cut(times: np.ndarray, n_late: int, name: str) -> int:
    """Where to cut rows that are in order of time, so that about `n_late` come after and no moment is on both sides.

    Raises:
        TaskError: all rows have the same time.
    """
    moment = times[max(0, len(times) - n_late)]
    places = (int(np.searchsorted(times, moment, "left")), int(np.searchsorted(times, moment, "right")))
    inside = [place for place in places if 0 < place < len(times)]
    if not inside:
        raise TaskError(
            f"The time column '{name}' has too few different times to put the latest rows apart.",
            hint="Name a column with more of them, or leave it out.",
        )
    return min(inside, key=lambda place: abs(len(times) - place - n_late))
