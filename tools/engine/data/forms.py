"""How the columns of a table were written: decided once, on the data a model learns from, and kept with the model.

A new file may hold one row. Whether its "03/04/2021" is in March or in April, its "1,234" one or a thousand, its "007"
a code or the number 7, cannot be seen there; it is read the way the training data was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from tools.engine.data.numerals import parse_numbers

_BOOLEANS = {word: truth for truth in ("True", "False") for word in (truth, truth.upper(), truth.lower())}


@dataclass(frozen=True)
class Form:
    """How one column was written.

    Attributes:
        kind: What its cells are: text is left as it stands, digits included.
        comma_is_decimal: Numbers: what a comma means; None where no number had one.
        day_first: Dates: what comes first when the year is last; None where it never was.
        missing: Numbers: words that stood among them and count as missing.
    """

    kind: Literal["number", "date", "boolean", "text"]
    comma_is_decimal: bool | None = None
    day_first: bool | None = None
    missing: tuple[str, ...] = ()

    @property
    def verbatim(self) -> bool:
        """Whether a reader must not turn the cells into numbers itself: "007" and "1.234" would be changed."""
        return self.kind == "text" or self.comma_is_decimal is True

    def state(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "missing": list(self.missing)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Form:
        """The inverse of `state`."""
        return cls(**{**state, "missing": tuple(state.get("missing", ()))})


Forms = Mapping[str, Form]


def forms_state(forms: Forms) -> dict[str, Any]:
    """As JSON values."""
    return {name: form.state() for name, form in forms.items()}


def forms_from_state(state: Mapping[str, Any]) -> dict[str, Form]:
    """The inverse of `forms_state`."""
    return {name: Form.from_state(form) for name, form in state.items()}


def written_numbers(cells: pd.Series, form: Form | None, comma_is_decimal: bool = False) -> np.ndarray:
    """Numbers of a column of objects, the comma read as its form has it.

    Args:
        cells: Text, numbers (they stay what they are) and missing values, [n].
        form: How the column is written, where that is known.
        comma_is_decimal: What a comma means where neither the form nor the column tells.

    Returns:
        float64 [n]; NaN where a cell is no number.
    """
    rule = form.comma_is_decimal if form is not None else None
    ready = np.array([isinstance(cell, (int, float, np.number)) for cell in cells], dtype=bool)
    numbers = parse_numbers(cells.mask(ready), comma_is_decimal, rule)
    numbers[ready] = cells[ready].to_numpy(dtype=np.float64, na_value=np.nan)
    return numbers


def as_booleans(text: pd.Series) -> pd.Series:
    """True and False in the one spelling that a reader gives them; other cells stay as they are."""
    return text.map(lambda cell: _BOOLEANS.get(cell, cell), na_action="ignore")
