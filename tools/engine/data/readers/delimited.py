"""CSV, TSV and their relatives; delimiter, encoding and header are found out."""

from __future__ import annotations

import io
import re

import pandas as pd

from tools.core.errors import TaskError
from tools.engine.data import fingerprint
from tools.engine.data.missing import MISSING_MARKERS
from tools.engine.data.readers.encoding import decode_text
from tools.engine.data.readers.layout import agreement, check_rows, find_delimiter, first_row, lacks_header
from tools.engine.data.readers.raw import Raw
from tools.engine.data.tidy import repair_names

_STRAY = re.compile(r"\r+(?![\r\n])")


def read_delimited(content: bytes, name: str, verbatim: frozenset[str] = frozenset()) -> Raw:
    """Read a delimited text file.

    Args:
        content: The whole file.
        name: Of the file, for messages.
        verbatim: Columns whose cells are left as they stand; otherwise "007" would become 7.

    Raises:
        TaskError: empty, binary, header only, or rows of different length (with the line number).
    """
    text, warnings = decode_text(content, name)
    delimiter = find_delimiter(text, name)
    try:
        width = check_rows(text, delimiter, name)
    except TaskError:
        mended = _STRAY.sub(" ", text)
        if mended == text or "\n" not in text:
            raise
        text, width = mended, check_rows(mended, delimiter, name)
        warnings.append(f"Carriage returns inside cells of '{name}' were read as spaces.")
    headless = lacks_header(text, delimiter)
    if headless:
        names = [f"column_{position}" for position in range(1, width + 1)]
        warnings.append(f"'{name}' has no header line; its columns were called column_1 to column_{width}.")
    else:
        names, said = repair_names(first_row(text, delimiter))
        warnings.extend(said)
    try:
        frame = pd.read_csv(
            io.StringIO(text),
            sep=delimiter,
            header=None if headless else 0,
            names=names,
            dtype={column: str for column in names if column in verbatim},
            usecols=range(width),
            index_col=False,
            na_values=list(MISSING_MARKERS),
            keep_default_na=False,
            skipinitialspace=True,
            low_memory=False,
        )
    except pd.errors.ParserError:
        raise TaskError(
            f"The file '{name}' cannot be read as delimited text; a quotation mark is opened and never closed.",
            hint="Look for a stray quotation mark, or save the file as CSV again.",
        ) from None
    # A comma that could separate thousands is rarely one in a file where semicolons separate the fields.
    return Raw(frame, fingerprint.of_bytes(content), warnings, comma_is_decimal=delimiter == ";")


def is_table(text: str) -> bool:
    """Whether a file without a telling name is a table: all its first lines have the same two or more fields."""
    if text[:5000].count("\n") < 3:
        return False
    share, width = max(agreement(text[:100_000], mark) for mark in "\t;|")
    if share == 1.0 and width >= 2:
        return True
    share, width = agreement(text[:100_000], ",")
    return share == 1.0 and width >= 3
