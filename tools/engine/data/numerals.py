"""Numbers written by people: decimal commas, thousands, currency and percent signs, where they are clear."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

_SYMBOLS = "$€£¥%"
_DECORATION = re.compile(rf"^[{_SYMBOLS}]\s*|\s*[{_SYMBOLS}]$")
_SPACED = re.compile(r"^[+-]?\d{1,3}(?:[ \u00a0\u202f'’]\d{3})+(?:[.,]\d+)?$")
_GROUPS_COMMA = re.compile(r"^[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?$")
_GROUPS_DOT = re.compile(r"^[+-]?[1-9]\d{0,2}(?:\.\d{3})+(?:,\d+)?$")
_COMMA = re.compile(r"^[+-]?\d*,\d+(?:[eE][+-]?\d+)?$")
_BLANKS = re.compile(r"[ \u00a0\u202f'’]")


def parse_numbers(values: pd.Series, comma_is_decimal: bool = False, rule: bool | None = None) -> np.ndarray:
    """Read written numbers; what is not a number becomes NaN.

    The whole column decides what a comma means: with a value such as "12,5" or "0,123" it is a decimal comma, with
    "1,234,567" or "1,234.5" it separates thousands.

    Args:
        values: Text, [n]; missing values stay missing.
        comma_is_decimal: What a comma means where the column alone does not tell ("1,234" everywhere).
        rule: What a comma means whatever the column looks like: the `comma_rule` of the data a model learned from.

    Returns:
        float64 [n].

    >>> parse_numbers(pd.Series(["1.234,5", "7", "x"])).tolist()
    [1234.5, 7.0, nan]
    >>> parse_numbers(pd.Series(["$1,200", "$900"])).tolist()
    [1200.0, 900.0]
    >>> parse_numbers(pd.Series(["1,234"]), rule=True).tolist()
    [1.234]
    """
    plain = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan).copy()
    open_rows = np.flatnonzero(np.isnan(plain) & values.notna().to_numpy())
    if len(open_rows) == 0 and not rule:
        return plain
    codes, levels = pd.factorize(values.iloc[open_rows].astype(str))
    texts = [_undecorated(str(level)) for level in levels]
    decimal = _decimal_comma(texts, comma_is_decimal) if rule is None else rule
    if rule or (decimal and any("," in text for text in texts)):  # beside "1.234,5", a plain "1.234" is a thousand too
        codes, levels = pd.factorize(values.astype(str))
        open_rows, texts = np.flatnonzero(values.notna().to_numpy()), [_undecorated(str(level)) for level in levels]
        codes = codes[open_rows]
    parsed = np.array([_number(text, decimal) for text in texts], dtype=np.float64)
    plain[open_rows] = parsed[codes]
    return plain


def comma_rule(values: pd.Series, comma_is_decimal: bool = False) -> bool | None:
    """Whether a comma in a column of written numbers is a decimal comma; None where there is no comma.

    Args:
        values: Text, [n].
        comma_is_decimal: As in `parse_numbers`.
    """
    texts = [_undecorated(str(level)) for level in values.dropna().unique() if "," in str(level)]
    return _decimal_comma(texts, comma_is_decimal) if texts else None


def _undecorated(text: str) -> str:
    text = _DECORATION.sub("", text.strip())
    if text[:1] in "+-":  # -$5 is as common as $-5
        text = text[0] + _DECORATION.sub("", text[1:])
    return _BLANKS.sub("", text) if _SPACED.match(text) else text


def _decimal_comma(texts: list[str], otherwise: bool) -> bool:
    """What the column as a whole says about the comma."""
    for text in texts:
        if ("." in text and text.rfind(".") < text.rfind(",")) or (
            _COMMA.match(text) and not _GROUPS_COMMA.match(text)
        ):
            return True
        if text.count(",") > 1 or ("," in text and text.rfind(",") < text.rfind(".")):
            return False
    return otherwise


def _number(text: str, comma_is_decimal: bool) -> float:
    if comma_is_decimal and (_COMMA.match(text) or _GROUPS_DOT.match(text)):
        text = text.replace(".", "").replace(",", ".")
    elif not comma_is_decimal and _GROUPS_COMMA.match(text):
        text = text.replace(",", "")
    try:
        return float(text) if not text[-1:].isalpha() else float("nan")
    except ValueError:
        return float("nan")
