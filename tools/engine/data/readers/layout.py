"""How a delimited text is laid out: delimiter, header or none, and rows of equal length."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Protocol

from tools.core.errors import TaskError
from tools.engine.data.missing import MISSING_MARKERS

DELIMITERS = ",;\t|"
_NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?%?")
_SAMPLE_ROWS = 200


class _Rows(Protocol):
    """What `csv.reader` returns (its class has no public name)."""

    @property
    def line_num(self) -> int: ...
    def __iter__(self) -> Iterator[list[str]]: ...


def find_delimiter(text: str, name: str) -> str:
    """The delimiter with which the first lines fall into equally many fields.

    `csv.Sniffer` is asked first; its answer counts only when the rows agree with it at least as well as with any other
    candidate, because it is easily misled by prose.
    """
    head = text[:100_000]
    try:
        guess = csv.Sniffer().sniff(head, DELIMITERS).delimiter
    except csv.Error:
        guess = "\t" if name.lower().endswith((".tsv", ".tab")) else ","
    candidates = [guess, *(mark for mark in DELIMITERS if mark != guess)]
    scores = {mark: agreement(head, mark) for mark in candidates}
    best = max(candidates, key=lambda mark: scores[mark])  # the first of equals: the sniffer's
    # Columns of numbers set apart by blanks have none of these marks; prose never has as many words in every line.
    if scores[best] == (0.0, 1) and head.count("\n") >= 5 and agreement(head.replace("\t", " "), " ")[0] == 1.0:
        return " "
    return best


def agreement(text: str, delimiter: str) -> tuple[float, int]:
    """(share of the first rows with the usual number of fields, that number); (0, 1) for a single column."""
    rows = [row for row in islice(_rows(text, delimiter), _SAMPLE_ROWS) if row]
    if len(text) >= 100_000 and len(rows) > 1 and len(rows) < _SAMPLE_ROWS:
        rows.pop()  # cut off in the middle
    widths = Counter(len(row) for row in rows)
    if not widths:
        return 0.0, 1
    width, count = widths.most_common(1)[0]
    return (count / len(rows), width) if width > 1 else (0.0, 1)


def check_rows(text: str, delimiter: str, name: str) -> int:
    """Make sure that all rows have as many fields as the first; return that number.

    Empty fields at the end of a row (a delimiter too many) are allowed.

    Raises:
        TaskError: no rows below the header, a row with another number of fields, or a quote that never ends.
    """
    width, n_rows = 0, 0
    rows = _rows(text, delimiter)
    try:
        for row in rows:
            if not row or not any(cell.strip() for cell in row):
                continue
            n_rows += 1
            if width == 0:
                width = len(row)
            elif len(row) != width and (len(row) < width or any(cell.strip() for cell in row[width:])):
                raise TaskError(
                    f"Line {rows.line_num} of '{name}' has {len(row)} fields, but the first line has {width}.",
                    details={"line": rows.line_num, "found": len(row), "expected": width, "delimiter": delimiter},
                    hint="Correct that line (a missing or extra delimiter, or a text that needs quotes) and try again.",
                )
    except csv.Error as error:
        raise TaskError(
            f"Line {rows.line_num} of '{name}' cannot be read as delimited text ({error}).",
            hint="Look for a quotation mark that is never closed, or save the file as CSV again.",
        ) from None
    if n_rows < 2:
        raise TaskError(
            f"The file '{name}' has only one line and no rows below it.",
            hint="Put rows of data below the header: one is enough to predict, ten to train.",
        )
    return width


def first_row(text: str, delimiter: str) -> list[str]:
    """Fields of the first line that is not blank."""
    return next(
        ([cell.strip() for cell in row] for row in _rows(text, delimiter) if any(cell.strip() for cell in row)), []
    )


def lacks_header(text: str, delimiter: str) -> bool:
    """Whether the first line is already data.

    It is when half of its fields are numbers that no header would hold (fractions, or the same number twice), or when
    half of its words come again in their own columns.
    """
    rows = [row for row in islice(_rows(text[:100_000], delimiter), _SAMPLE_ROWS) if row]
    first, rest = [cell.strip() for cell in rows[0]], rows[1:]
    cells = [cell for cell in first if cell not in MISSING_MARKERS]
    numbers = [cell for cell in cells if _NUMBER.fullmatch(cell)]
    if 2 * len(numbers) >= len(first) and numbers:
        fraction = any(not cell.lstrip("+-").isdigit() for cell in numbers)
        if fraction or len(set(numbers)) < len(numbers) or (len(numbers) == len(first) and not _years(numbers)):
            return True
    words = [(place, cell) for place, cell in enumerate(first) if cell in cells and cell not in numbers]
    again = sum(any(place < len(row) and row[place].strip() == cell for row in rest) for place, cell in words)
    return len(words) > 0 and 2 * again >= len(words) and again > 0


def _years(numbers: list[str]) -> bool:
    return all(len(number) == 4 and number[:2] in ("19", "20") for number in numbers)


def _rows(text: str, delimiter: str) -> _Rows:
    csv.field_size_limit(2**31 - 1)  # the module's own limit of 131072 is shorter than some real texts
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
