"""Columns that give the target away: one column alone predicts it (nearly) perfectly."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tools.engine.data.columns import UNUSED
from tools.engine.data.dataset import TaskSpec
from tools.engine.data.dates import days
from tools.engine.data.labels import class_numbers

_SAMPLE = 10_000
_SURE = 0.99
_BINS = 100
_CELLS = 2_000_000
_FEWEST = 500
"""Of wide tables fewer rows are looked at, so that a table costs at most about `_CELLS` cells (a second or two)."""


def likely_leaks(frame: pd.DataFrame, task: TaskSpec, kinds: dict[str, str]) -> list[str]:
    """Names of the columns that alone predict the target nearly perfectly.

    A rule "group of values -> most frequent class (mean)" is learned on half of the rows and judged on the other half.
    It is a leak when it is right in 99 % (explains 99 % of the variance, or is a straight line) and guessing is right
    in less than 95 %.

    Args:
        frame: Tidy; up to 10 000 evenly spread rows are looked at, fewer in wide tables.
        task: Classification with one label, or regression.
        kinds: Kind of every column (see `column_kinds`).
    """
    if task.multilabel or task.parts:
        return []
    target = frame[task.target]
    if task.kind == "classification":
        truth = class_numbers(target, task.classes)
        known = np.flatnonzero(truth >= 0)
    else:
        truth = target.to_numpy(dtype=np.float64, na_value=np.nan)
        known = np.flatnonzero(~np.isnan(truth))
    most = int(np.clip(_CELLS // len(frame.columns), _FEWEST, _SAMPLE))
    rows = known[:: max(1, len(known) // most)]
    if len(rows) < 40:
        return []
    # A fixed shuffle: sorted files must not put whole classes into one half.
    rows = np.random.default_rng(0).permutation(rows)
    truth = truth[rows]
    half = len(rows) // 2
    if task.kind == "classification":
        guess = np.bincount(truth[half:]).max() / (len(rows) - half)
        if guess >= 0.95:
            return []
    found = []
    for name, values in frame.items():
        if name == task.target or kinds.get(str(name)) in UNUSED | {"text"}:
            continue
        numbers = _numbers(values)
        numbers = None if numbers is None else numbers[rows]
        groups = _levels(values.iloc[rows], half) if numbers is None else _bins(numbers, half)
        if groups is None:
            continue
        if task.kind == "classification":
            score = _class_score(groups, truth, half)
        else:
            score = max(_value_score(groups, truth, half), _line_score(numbers, truth))
        if score >= _SURE:
            found.append(str(name))
    return found


def _numbers(values: pd.Series) -> np.ndarray | None:
    """A column of numbers or dates as float64 [n]; None for words."""
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return days(values)
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
        numbers: np.ndarray = values.to_numpy(dtype=np.float64, na_value=np.nan)
        return numbers
    return None


def _levels(values: pd.Series, half: int) -> np.ndarray | None:
    """Group number of every row: its level; missing is a group too. None where there are too many to learn."""
    codes, levels = pd.factorize(values)
    return np.where(codes < 0, len(levels), codes) if len(levels) <= half / 3 else None


def _bins(numbers: np.ndarray, half: int) -> np.ndarray | None:
    """Group number of every row: a quantile bin of its number; missing is a group too."""
    learned = numbers[:half][~np.isnan(numbers[:half])]
    if learned.size == 0:
        return None
    n_bins = int(np.clip(half // 10, 2, _BINS))
    edges = np.unique(np.quantile(learned, np.linspace(0, 1, n_bins + 1)[1:-1]))
    return np.where(np.isnan(numbers), len(edges) + 1, np.searchsorted(edges, numbers, side="right"))


def _class_score(groups: np.ndarray, truth: np.ndarray, half: int) -> float:
    table = np.zeros((groups.max() + 1, truth.max() + 1))
    np.add.at(table, (groups[:half], truth[:half]), 1)
    return float((table.argmax(axis=1)[groups[half:]] == truth[half:]).mean())


def _value_score(groups: np.ndarray, truth: np.ndarray, half: int) -> float:
    size = groups.max() + 1
    counts = np.bincount(groups[:half], minlength=size)
    sums = np.bincount(groups[:half], weights=truth[:half], minlength=size)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), truth[:half].mean())
    judged = truth[half:]
    spread = float(((judged - judged.mean()) ** 2).sum())
    return 1.0 - float(((judged - means[groups[half:]]) ** 2).sum()) / spread if spread > 0 else 0.0


def _line_score(numbers: np.ndarray | None, truth: np.ndarray) -> float:
    """Squared correlation: another unit of the target is a straight line, which bins only approximate."""
    if numbers is None:
        return 0.0
    known = ~np.isnan(numbers)
    if known.sum() < len(numbers) / 2 or np.ptp(numbers[known]) == 0 or np.ptp(truth[known]) == 0:
        return 0.0
    return float(np.corrcoef(numbers[known], truth[known])[0, 1] ** 2)
