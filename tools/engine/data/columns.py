"""What a column is: number, category, text, date, boolean, identifier, constant or empty."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from tools.engine.data.tokens import is_spaceless

_ID_NAME = re.compile(
    r"(?:^|[_\W])(?:id|idx|index|key|uuid|guid|rownames?|row_?(?:number|id)|no|nr)$|(?<=[a-z])(?:Id|ID)$|^Unnamed: 0$",
)
_YES_NO = ({"yes", "no"}, {"y", "n"}, {"true", "false"}, {"t", "f"}, {"on", "off"})
UNUSED = frozenset({"identifier", "constant", "empty"})
"""Kinds that no model learns from."""
_SAMPLE = 2000
_MIN_ROWS_FOR_ID = 20


def column_kind(name: str, values: pd.Series) -> str:
    """The kind of one tidy column.

    An identifier has (nearly) a value of its own in every row and says so by its name, by counting up, or by being
    one word. Text has several words and seldom repeats. Everything else that is not a number is a category.

    >>> column_kind("city", pd.Series(["Rome", "Oslo", "Rome"]))
    'category'
    """
    present = values.dropna()
    if present.empty:
        return "empty"
    unique = present.nunique()
    if unique == 1 and len(present) == len(values):
        return "constant"
    types = pd.api.types
    if types.is_datetime64_any_dtype(values.dtype):
        return "date"
    if types.is_bool_dtype(values.dtype):
        return "boolean"
    if types.is_numeric_dtype(values.dtype):
        return _number_kind(name, present, unique)
    return _word_kind(name, present.astype(str), unique)


def words_per_value(values: pd.Series) -> float:
    """Mean number of words in a sample of the values; scripts without spaces count every two characters."""
    sample = values.dropna().astype(str).drop_duplicates()
    sample = sample.iloc[:: max(1, len(sample) // 500)]
    if sample.empty:
        return 0.0
    return float(sample.map(_count_words).mean())


def _count_words(text: str) -> float:
    # Telephone numbers and codes in groups are not words.
    spaced = sum(any(map(str.isalpha, word)) for word in text.split())
    return spaced + sum(map(is_spaceless, text[:500])) / 2


def _number_kind(name: str, present: pd.Series, unique: int) -> str:
    numbers = present.to_numpy(dtype=np.float64)
    if unique == 2 and set(np.unique(numbers)) == {0.0, 1.0}:
        return "boolean"
    n = len(numbers)
    if n < _MIN_ROWS_FOR_ID or unique < 0.95 * n or not (numbers == np.round(numbers)).all():
        return "number"
    if _ID_NAME.search(name):
        return "identifier"
    # A row number, perhaps with gaps, because rows were left out.
    counts_up = bool((np.diff(numbers) > 0).all()) and numbers[0] <= 2 * n and numbers[-1] - numbers[0] < 2.5 * n
    return "identifier" if counts_up and unique == n else "number"


def _word_kind(name: str, present: pd.Series, unique: int) -> str:
    n = len(present)
    if unique == 2 and {str(value).lower() for value in present.unique()} in _YES_NO:
        return "boolean"
    rare = unique > 0.5 * n or unique > 1000
    words = words_per_value(present) if rare or unique > 50 else 0.0
    if words >= 2 and rare:
        return "text"
    if words >= 6 and unique > 0.2 * n:
        return "text"
    if n >= _MIN_ROWS_FOR_ID and (unique > 0.9 * n or (unique > 0.5 * n and _ID_NAME.search(name))):
        return "identifier"
    return "category"


def column_kinds(frame: pd.DataFrame) -> dict[str, str]:
    """Kind of every column; long tables are judged by evenly spread rows."""
    if len(frame) > 10 * _SAMPLE:
        spread = frame.iloc[:: len(frame) // (10 * _SAMPLE)]
        kinds = {str(name): column_kind(str(name), spread[name]) for name in frame.columns}
        # What the sample cannot know: rare values elsewhere, and row numbers seen through gaps.
        for name, kind in kinds.items():
            if kind in ("empty", "constant"):
                kinds[name] = column_kind(name, frame[name])
            elif kind == "number" and pd.api.types.is_integer_dtype(frame[name].dtype):
                kinds[name] = _number_kind(name, frame[name], frame[name].nunique())
        return kinds
    return {str(name): column_kind(str(name), frame[name]) for name in frame.columns}
