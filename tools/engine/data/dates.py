"""Dates written as text: found by their form, read with one fixed format per column."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

_CLOCK = r"(?:[ T]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?"
_ISO = re.compile(rf"\d{{4}}-\d{{1,2}}-\d{{1,2}}{_CLOCK}(?:Z|[+-]\d{{2}}:?\d{{2}})?")
_YEAR_FIRST = re.compile(rf"\d{{4}}[/.]\d{{1,2}}[/.]\d{{1,2}}{_CLOCK}")
_YEAR_LAST = re.compile(rf"(\d{{1,2}})([-/.])(\d{{1,2}})\2(\d{{4}}){_CLOCK}")
_NAMED = re.compile(rf"(?:\d{{1,2}}[ -][A-Za-z]{{3,9}}\.?[ -]\d{{4}}|[A-Za-z]{{3,9}}\.? \d{{1,2}},? \d{{4}}){_CLOCK}")
_SAMPLE = 200
_DAY = np.timedelta64(1, "D")


def parse_dates(values: pd.Series) -> pd.Series | None:
    """Read a column of text as dates when nearly all of its values are dates of one form.

    Year-first dates are read as they stand. With the year last, the values decide whether the day or the month comes
    first; where they do not, dots and dashes mean day first and slashes month first.

    Args:
        values: Text, [n]; missing values stay missing.

    Returns:
        datetime64 [n] (UTC, without a zone), or None when this is no column of dates.
    """
    present = values.dropna().astype(str).str.strip()
    if present.empty:
        return None
    sample = present.drop_duplicates().head(_SAMPLE)
    forms = (_ISO, _YEAR_FIRST, _YEAR_LAST, _NAMED)
    form = next((form for form in forms if sample.str.fullmatch(form).mean() >= 0.95), None)
    if form is None:
        return None
    day_first = form is _YEAR_LAST and _day_first(present)
    levels = present.drop_duplicates()
    texts = (
        levels.str.replace(r"[/.](?=\d{1,2}[/.]|\d{1,2}(?:[ T]|$))", "-", regex=True) if form is _YEAR_FIRST else levels
    )
    # One form per column was made sure of above, so "mixed" only means that clock times may differ in precision.
    read = pd.to_datetime(texts, errors="coerce", format="mixed", dayfirst=day_first, utc=True).dt.tz_localize(None)
    if read.isna().mean() > 0.05:
        return None
    table = dict(zip(levels, read, strict=True))
    stripped = values.map(lambda value: str(value).strip(), na_action="ignore")
    return pd.to_datetime(stripped.map(table, na_action="ignore")).astype("datetime64[ns]")


def days(values: pd.Series) -> np.ndarray:
    """Days since 1970-01-01 (fractions for clock times), float64 [n]; missing dates are NaN."""
    stamps = values.to_numpy(dtype="datetime64[ns]")
    result = (stamps - np.datetime64(0, "ns")) / _DAY
    return np.where(np.isnat(stamps), np.nan, result).astype(np.float64)


def _day_first(present: pd.Series) -> bool:
    parts = present.drop_duplicates().str.extract(_YEAR_LAST)
    first, second = parts[0].astype(float), parts[2].astype(float)
    if first.max() > 12:
        return True
    return bool(not second.max() > 12 and parts[1].dropna().iloc[0] != "/")
