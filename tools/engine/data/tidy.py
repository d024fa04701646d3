"""One table, made tidy: column names repaired, missing values marked, text that is numbers or dates read as such."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tools.engine.data.dates import parse_dates
from tools.engine.data.missing import listed, without_markers
from tools.engine.data.numerals import parse_numbers


def repair_names(names: Sequence[Any]) -> tuple[list[str], list[str]]:
    """Make column names unique and not blank.

    Returns:
        The names, and one warning for every kind of repair.

    >>> repair_names(["a", "", "a"])[0]
    ['a', 'column_2', 'a_2']
    """
    repaired: list[str] = []
    blank, twice = 0, []
    originals = ["" if name is None or name != name else str(name).strip() for name in names]
    for position, name in enumerate(originals, start=1):
        if not name:
            blank += 1
            name = f"column_{position}"
        elif name in repaired:
            twice.append(name)
        base, count = name, 1
        while name in repaired or (count > 1 and name in originals):
            count += 1
            name = f"{base}_{count}"
        repaired.append(name)
    warnings = []
    if blank:
        warnings.append(f"{blank} column(s) had no name and were called column_<position>.")
    if twice:
        warnings.append(f"Column names that came twice were numbered: {listed(twice)}.")
    return repaired, warnings


def tidy(
    frame: pd.DataFrame, comma_is_decimal: bool = False, keep_blank_rows: bool = False
) -> tuple[pd.DataFrame, list[str]]:
    """Bring a table from any source into the same form.

    Afterwards every column is numeric, bool, datetime64 or object holding str, with missing values marked;
    rows without any value are gone.

    Args:
        frame: The table as a reader found it.
        comma_is_decimal: See `parse_numbers`.
        keep_blank_rows: Keep rows without any value (they get a prediction too).

    Returns:
        The tidy table, and warnings.
    """
    names, warnings = repair_names(list(frame.columns))
    columns: dict[str, pd.Series] = {}
    for position, name in enumerate(names):
        columns[name], said = _tidy_column(name, frame.iloc[:, position].reset_index(drop=True), comma_is_decimal)
        warnings.extend(said)
    tidied = pd.DataFrame(columns)
    if len(names) and not keep_blank_rows:
        blank = tidied.isna().all(axis=1).to_numpy()
        if blank.any():
            warnings.append(f"{int(blank.sum())} row(s) without any value were left out.")
            tidied = tidied[~blank].reset_index(drop=True)
    return tidied, warnings


def _tidy_column(name: str, values: pd.Series, comma_is_decimal: bool) -> tuple[pd.Series, list[str]]:
    kind = pd.api.types
    if kind.is_bool_dtype(values.dtype):
        return (values.astype(bool) if not values.isna().any() else _as_text(values)), []
    if kind.is_datetime64_any_dtype(values.dtype):
        naive = values.dt.tz_convert("UTC").dt.tz_localize(None) if getattr(values.dt, "tz", None) else values
        return naive.astype("datetime64[ns]"), []
    if kind.is_timedelta64_dtype(values.dtype):
        return values.dt.total_seconds(), []
    if kind.is_numeric_dtype(values.dtype):
        return _tidy_numbers(name, values)
    return _tidy_text(name, values, comma_is_decimal)


def _tidy_numbers(name: str, values: pd.Series) -> tuple[pd.Series, list[str]]:
    if pd.api.types.is_integer_dtype(values.dtype) and not values.isna().any():
        return values.astype(np.int64) if values.dtype != np.uint64 else values.astype(np.float64), []
    numbers = pd.Series(values.to_numpy(dtype=np.float64, na_value=np.nan))
    infinite = np.isinf(numbers.to_numpy())
    if not infinite.any():
        return numbers, []
    return numbers.mask(infinite), [f"Column '{name}': {int(infinite.sum())} infinite value(s) count as missing."]


def _tidy_text(name: str, values: pd.Series, comma_is_decimal: bool) -> tuple[pd.Series, list[str]]:
    text = without_markers(_as_text(values))
    present = text.notna().to_numpy()
    if not present.any():
        return pd.Series(np.full(len(text), np.nan)), []
    first = text[present].iloc[:200]
    if np.isnan(parse_numbers(first, comma_is_decimal)).mean() <= 0.5:
        numbers = parse_numbers(text, comma_is_decimal)
        strange = present & np.isnan(numbers)
        n_strange = int(strange.sum())
        if n_strange == 0:
            whole = not np.isnan(numbers).any() and bool(
                (numbers == np.round(numbers)).all() and abs(numbers).max() < 2**53
            )
            return pd.Series(numbers.astype(np.int64) if whole else numbers), []
        # A handful of words among numbers ("unknown", "-") are a way of writing "missing", not a category.
        if n_strange <= 0.05 * present.sum() and len(np.unique(numbers[~np.isnan(numbers)])) > 20:
            words = listed(text[strange].drop_duplicates(), 3)
            return pd.Series(numbers), [
                f"Column '{name}' holds numbers; {n_strange} other value(s) count as missing: {words}."
            ]
    dates = parse_dates(text)
    return (text, []) if dates is None else (dates, [])


def _as_text(values: pd.Series) -> pd.Series:
    """Cells as str; lists become "a|b", whole floats lose their ".0"; missing stays missing."""
    cells = [_cell(value) for value in values.astype(object)]
    return pd.Series(cells, dtype=object)


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple, set, np.ndarray)):
        return "|".join(str(item) for item in value)
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return np.nan
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
