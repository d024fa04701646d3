"""Target cells as labels: the same text or whole number for the same class, in every file."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pandas as pd

SEPARATORS = ("|", ";", ",")
_MAX_LABELS = 200


def label_values(values: pd.Series) -> np.ndarray:
    """Cells of a class column: int for whole numbers, else str; None where missing. Object array [n].

    >>> label_values(pd.Series([1.0, 2.0, None])).tolist(), label_values(pd.Series([True, False])).tolist()
    ([1, 2, None], ['True', 'False'])
    """
    result = np.empty(len(values), dtype=object)
    missing = values.isna().to_numpy()
    numeric = pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)
    if numeric:
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        whole = bool((numbers[~missing] == np.round(numbers[~missing])).all())
        result[:] = [int(number) if whole else str(number) for number in np.where(missing, 0, numbers)]
    else:
        result[:] = [str(value) for value in values.astype(object)]
    result[missing] = None
    return result


def class_numbers(values: pd.Series, classes: tuple[str | int, ...]) -> np.ndarray:
    """Index in `classes` of every cell, int64 [n]; -1 where missing or of no such class."""
    labels = label_values(values)
    codes, levels = pd.factorize(pd.Series(labels, dtype=object))
    exact: dict[object, int] = {label: number for number, label in enumerate(classes)}
    loose = {str(label): number for number, label in enumerate(classes)}  # "1" for 1: a file may quote its numbers
    table = np.array([exact.get(level, loose.get(str(level), -1)) for level in levels] + [-1], np.int64)
    result: np.ndarray = table[codes]
    return result


def ordered(labels: set[str] | set[str | int]) -> tuple[str | int, ...]:
    """Labels in a fixed order: numbers by size, then words by their letters."""
    return tuple(sorted(labels, key=lambda label: (isinstance(label, str), label)))


def label_separator(values: pd.Series) -> str | None:
    """The mark that separates several labels in one cell, or None when cells hold one label each.

    Cells are lists when at least one in twenty holds the mark and their parts come again: fewer different parts than
    different cells, at least three times each on average, none of them long.
    """
    cells = [str(value) for value in values.dropna()] if not pd.api.types.is_numeric_dtype(values.dtype) else []
    for mark in SEPARATORS:
        with_mark = sum(mark in cell for cell in cells)
        if not cells or with_mark < 0.05 * len(cells):
            continue
        parts = Counter(part for cell in cells for part in split_labels(cell, mark))
        single = {cell.strip() for cell in cells if mark not in cell}
        # "Home, Garden" alone is one label with a comma: its parts never stand alone and never mix.
        mixed = len(parts) < len(set(cells)) or bool(single & set(parts))
        if mixed and len(parts) <= _MAX_LABELS and sum(parts.values()) >= 3 * len(parts) and max(map(len, parts)) <= 40:
            return mark
    return None


def split_labels(cell: str, mark: str) -> list[str]:
    """The labels in one cell, without blanks around them, each once.

    >>> split_labels("a | b|a", "|")
    ['a', 'b']
    """
    return list(dict.fromkeys(part.strip() for part in re.split(re.escape(mark), cell) if part.strip()))


def label_matrix(values: pd.Series, classes: tuple[str | int, ...]) -> np.ndarray:
    """Which labels hold in every row, float32 0/1 [n, n_labels]; a missing cell gives a row of NaN."""
    place = {str(label): column for column, label in enumerate(classes)}
    matrix = np.zeros((len(values), len(classes)), np.float32)
    for row, cell in enumerate(values.astype(object)):
        if cell is None or cell != cell:
            matrix[row] = np.nan
            continue
        for mark in SEPARATORS:
            parts = split_labels(str(cell), mark)
            if any(part in place for part in parts):
                matrix[row, [place[part] for part in parts if part in place]] = 1.0
                break
    return matrix
