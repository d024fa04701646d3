"""One table, made tidy: column names repaired, missing values marked, text that is numbers or dates read as such."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tools.engine.data.dates import day_comes_first, parse_dates, read_dates
from tools.engine.data.forms import Form, Forms, as_booleans, written_numbers
from tools.engine.data.missing import listed, without_markers
from tools.engine.data.numerals import comma_rule, parse_numbers

MAX_MISSING_WORDS = 50
"""Words among numbers that are remembered as a way of writing "missing"."""


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


@dataclass(frozen=True)
class Tidy:
    """A tidy table.

    Attributes:
        frame: Every column is numeric, bool, datetime64 or object holding str, with missing values marked.
        warnings: One sentence for each thing repaired or left out.
        forms: How the columns were written; nothing for those without any value.
    """

    frame: pd.DataFrame
    warnings: list[str]
    forms: dict[str, Form]


def tidy(
    frame: pd.DataFrame, comma_is_decimal: bool = False, keep_blank_rows: bool = False, forms: Forms | None = None
) -> Tidy:
    """Bring a table from any source into the same form; rows without any value are gone.

    Args:
        frame: The table as a reader found it.
        comma_is_decimal: See `parse_numbers`.
        keep_blank_rows: Keep rows without any value (they get a prediction too).
        forms: How columns are written as far as that is known, from the data a model learned from; the other columns
            tell it themselves.
    """
    names, warnings = repair_names(list(frame.columns))
    columns: dict[str, pd.Series] = {}
    found: dict[str, Form] = {}
    for position, name in enumerate(names):
        known = (forms or {}).get(name)
        values = frame.iloc[:, position].reset_index(drop=True)
        columns[name], form, said = _tidy_column(name, values, comma_is_decimal, known)
        if form is not None:
            found[name] = form
        warnings.extend(said)
    tidied = pd.DataFrame(columns)
    if len(names) and not keep_blank_rows:
        blank = tidied.isna().all(axis=1).to_numpy()
        if blank.any():
            warnings.append(f"{int(blank.sum())} row(s) without any value were left out.")
            tidied = tidied[~blank].reset_index(drop=True)
    return Tidy(tidied, warnings, found)


_Column = tuple[pd.Series, Form | None, list[str]]


def _tidy_column(name: str, values: pd.Series, comma_is_decimal: bool, form: Form | None) -> _Column:
    kind = pd.api.types
    if kind.is_bool_dtype(values.dtype):
        return (values.astype(bool) if not values.isna().any() else _as_text(values)), form or Form("boolean"), []
    if kind.is_datetime64_any_dtype(values.dtype):
        naive = values.dt.tz_convert("UTC").dt.tz_localize(None) if getattr(values.dt, "tz", None) else values
        return naive.astype("datetime64[ns]"), form or Form("date"), []
    if kind.is_timedelta64_dtype(values.dtype):
        return values.dt.total_seconds(), form, []
    if kind.is_numeric_dtype(values.dtype):
        numbers, said = _tidy_numbers(name, values)
        return numbers, form or (None if numbers.isna().all() else Form("number")), said
    text = without_markers(_as_text(values))
    if not text.notna().any():
        return pd.Series(np.full(len(text), np.nan)), form, []
    return _tidy_text(name, values, text, comma_is_decimal, form)


def _tidy_numbers(name: str, values: pd.Series) -> tuple[pd.Series, list[str]]:
    if pd.api.types.is_integer_dtype(values.dtype) and not values.isna().any():
        return values.astype(np.int64) if values.dtype != np.uint64 else values.astype(np.float64), []
    numbers = pd.Series(values.to_numpy(dtype=np.float64, na_value=np.nan))
    infinite = np.isinf(numbers.to_numpy())
    if not infinite.any():
        return numbers, []
    return numbers.mask(infinite), [f"Column '{name}': {int(infinite.sum())} infinite value(s) count as missing."]


def _tidy_text(name: str, values: pd.Series, text: pd.Series, comma_is_decimal: bool, form: Form | None) -> _Column:
    """A column of objects, in the form that is known or is found out; what does not fit a known form stays text."""
    if form is None:
        first = text.dropna().iloc[:200]
        numeric = np.isnan(parse_numbers(first, comma_is_decimal)).mean() <= 0.5
        found = _written_numbers(name, values, text, comma_is_decimal, None) if numeric else None
        if found is not None:
            return found
        dates = parse_dates(text)
        if dates is not None:
            return dates, Form("date", day_first=day_comes_first(text)), []
        booleans = all(isinstance(value, (bool, np.bool_)) for value in values[text.notna()])
        return text, Form("boolean" if booleans else "text"), []
    if form.kind == "number":
        return _written_numbers(name, values, text, comma_is_decimal, form) or (text, form, [])
    if form.kind == "date":
        order = day_comes_first(text) if form.day_first is None else form.day_first
        dates = read_dates(text, order)
        return (text if (dates.isna() & text.notna()).any() else dates), form, []
    return (as_booleans(text) if form.kind == "boolean" else text), form, []


def _written_numbers(
    name: str, values: pd.Series, text: pd.Series, comma_is_decimal: bool, form: Form | None
) -> _Column | None:
    """A column of written numbers; None where too many cells are something else."""
    whole_cells = np.array([isinstance(value, (int, float, np.number)) for value in values], dtype=bool)
    numbers = written_numbers(text.mask(whole_cells, values), form, comma_is_decimal)
    words = form.missing if form is not None else ()
    strange = text.notna().to_numpy() & np.isnan(numbers) & ~text.isin(words).to_numpy()
    n_strange = int(strange.sum())
    if n_strange == 0:
        form = form or Form("number", comma_rule(text, comma_is_decimal))
        whole = not np.isnan(numbers).any() and bool(
            (numbers == np.round(numbers)).all() and abs(numbers).max() < 2**53
        )
        return pd.Series(numbers.astype(np.int64) if whole else numbers), form, []
    # A handful of words among numbers ("unknown", "-") are a way of writing "missing", not a category.
    if n_strange > 0.05 * text.notna().sum() or len(np.unique(numbers[~np.isnan(numbers)])) <= 20:
        return None
    unknown = text[strange].drop_duplicates()
    form = form or Form("number", comma_rule(text, comma_is_decimal), missing=tuple(unknown[:MAX_MISSING_WORDS]))
    said = f"Column '{name}' holds numbers; {n_strange} other value(s) count as missing: {listed(unknown, 3)}."
    return pd.Series(numbers), form, [said]


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
