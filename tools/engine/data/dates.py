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
_FORMS = (_ISO, _YEAR_FIRST, _YEAR_LAST, _NAMED)
_TURNED = re.compile(r"^(\d{1,2})([-/.])(\d{1,2})\2(\d{4})(.*)$")
_PARTS = re.compile(r"^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(.*)$")
_SAMPLE = 200
_DAY = np.timedelta64(1, "D")


def parse_dates(values: pd.Series) -> pd.Series | None:
    """Read a column of text as dates when nearly all of its values are dates of one form.

    Year-first dates are read as they stand. With the year last, `day_comes_first` decides.

    Args:
        values: Text, [n]; missing values stay missing.

    Returns:
        datetime64 [n] (UTC, without a zone), or None when this is no column of dates.
    """
    present = values.dropna().astype(str).str.strip()
    if present.empty:
        return None
    sample = present.drop_duplicates().head(_SAMPLE)
    if not any(sample.str.fullmatch(form).mean() >= 0.95 for form in _FORMS):
        return None
    read = read_dates(values, day_comes_first(values))
    return None if read[present.index].isna().mean() > 0.05 else read


def read_dates(values: pd.Series, day_first: bool | None) -> pd.Series:
    """Read text that is known to be dates; what is none becomes missing.

    Args:
        values: Text, [n]; missing values stay missing.
        day_first: How dates with the year last are read, "03/04/2021" as the third of April or the fourth of March.
            A date that only the other order could read is no date here.

    Returns:
        datetime64 [n] (UTC, without a zone).
    """
    texts = values.map(lambda value: str(value).strip(), na_action="ignore")
    levels = pd.Series(texts.dropna().unique(), dtype=object)
    plain = _year_first(levels, bool(day_first))
    # Every text now has its year first, so "mixed" only means that clock times may differ in precision.
    read = pd.to_datetime(plain, errors="coerce", format="mixed", utc=True).dt.tz_localize(None)
    table = dict(zip(levels, read, strict=True))
    return pd.to_datetime(texts.map(table, na_action="ignore")).astype("datetime64[ns]")


def day_comes_first(values: pd.Series) -> bool | None:
    """Whether the day comes first in dates with the year last; None where there are no such dates.

    The values decide; where they do not, dots and dashes mean day first and slashes month first.

    >>> day_comes_first(pd.Series(["25/12/2020", "03/04/2021"])), day_comes_first(pd.Series(["2021-04-03"]))
    (True, None)
    """
    parts = values.dropna().astype(str).str.strip().drop_duplicates().str.extract(_TURNED).dropna(subset=[0])
    if parts.empty:
        return None
    first, second = parts[0].astype(int), parts[2].astype(int)
    if first.max() > 12:
        return True
    return bool(not second.max() > 12 and parts[1].iloc[0] != "/")


def _year_first(levels: pd.Series, day_first: bool) -> pd.Series:
    """Dates with the year first and dashes; other texts become missing, those with the month's name stay."""
    known = pd.concat([levels.str.fullmatch(form) for form in _FORMS], axis=1).any(axis=1)
    order = r"\4-\3-\1\5" if day_first else r"\4-\1-\3\5"
    turned = levels.where(known).str.replace(_TURNED, order, regex=True)
    parts = turned.str.extract(_PARTS)
    padded = parts[0] + "-" + parts[1].str.zfill(2) + "-" + parts[2].str.zfill(2) + parts[3]
    # No month above 12: pandas would take it for the day instead.
    padded = padded.where(pd.to_numeric(parts[1]) <= 12)
    return padded.where(parts[0].notna(), turned)


def days(values: pd.Series) -> np.ndarray:
    """Days since 1970-01-01 (fractions for clock times), float64 [n]; missing dates are NaN."""
    stamps = values.to_numpy(dtype="datetime64[ns]")
    result = (stamps - np.datetime64(0, "ns")) / _DAY
    return np.where(np.isnat(stamps), np.nan, result).astype(np.float64)
