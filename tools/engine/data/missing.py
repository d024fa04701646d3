"""Which words mean "nothing here". The same rule for every source, in training and in use."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

MISSING_MARKERS: tuple[str, ...] = ("", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "?")
"""Exactly these count as missing; "None", "none" or "-" are ordinary categories, because they often are levels."""


def without_markers(values: pd.Series) -> pd.Series:
    """Strip blanks around text and turn the missing markers into real missing values."""
    stripped = values.map(lambda value: value.strip() if isinstance(value, str) else value, na_action="ignore")
    return stripped.mask(stripped.isin(list(MISSING_MARKERS)))


def listed(names: Iterable[object], limit: int = 5) -> str:
    """Names for a sentence: quoted, the first few, then a count.

    >>> listed(["a", "b", "c"], limit=2)
    "'a', 'b' and 1 more"
    """
    shown = [f"'{name}'" for name in names]
    rest = len(shown) - limit
    return ", ".join(shown[:limit]) + (f" and {rest} more" if rest > 0 else "")
