"""Tables that carry their own structure: Parquet, JSON lines, Excel."""

from __future__ import annotations

import io
import json
from typing import Any

import pandas as pd

from tools.core.errors import ResourceError, TaskError
from tools.engine.data import fingerprint
from tools.engine.data.missing import MISSING_MARKERS, listed
from tools.engine.data.readers.encoding import decode_text
from tools.engine.data.readers.raw import Raw


def read_parquet(content: bytes, name: str) -> Raw:
    """Read a Parquet file.

    Raises:
        TaskError: it is no Parquet file, or damaged.
        ResourceError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise _lacking("Parquet", "pyarrow") from None
    try:
        frame = pq.read_table(io.BytesIO(content)).to_pandas()
    except (pa.ArrowException, OSError, ValueError):
        raise TaskError(
            f"The file '{name}' cannot be read as Parquet: it is damaged or of another format.",
            hint="Write it again, or save the table as CSV.",
        ) from None
    if not isinstance(frame.index, pd.RangeIndex):
        frame = frame.reset_index()
    return Raw(frame, fingerprint.of_bytes(content))


def read_json(content: bytes, name: str) -> Raw:
    """Read JSON lines (one object per line) or a JSON array of objects; nested objects become `outer.inner` columns.

    Raises:
        TaskError: a line is not a JSON object (with its number).
    """
    text, warnings = decode_text(content, name)
    records = _array(text, name) if text.lstrip()[:1] == "[" else _lines(text, name)
    if not records:
        raise TaskError(f"The file '{name}' holds no objects.", hint="Write one JSON object per line.")
    return Raw(pd.json_normalize(records), fingerprint.of_bytes(content), warnings)


def _array(text: str, name: str) -> list[dict[str, Any]]:
    try:
        records = json.loads(text)
    except json.JSONDecodeError as error:
        raise TaskError(
            f"The file '{name}' is not valid JSON: {error.msg} in line {error.lineno}.", hint="Correct that place."
        ) from None
    for position, record in enumerate(records, start=1):
        if not isinstance(record, dict):
            raise TaskError(
                f"Item {position} of the array in '{name}' is not an object.",
                hint='Write every row as an object, for instance {"age": 41, "churned": "no"}.',
            )
    return list(records)


def _lines(text: str, name: str) -> list[dict[str, Any]]:
    records = []
    # Only the line feed ends a line: strings may hold other marks that `splitlines` takes for one (U+2028, U+0085).
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise TaskError(
                f"Line {number} of '{name}' is not valid JSON ({error.msg}).",
                hint="Write one JSON object per line, or one array of objects.",
            ) from None
        if not isinstance(record, dict):
            raise TaskError(
                f"Line {number} of '{name}' is not a JSON object.",
                hint='Write every row as an object, for instance {"age": 41, "churned": "no"}.',
            )
        records.append(record)
    return records


def read_excel(content: bytes, name: str, verbatim: frozenset[str] = frozenset()) -> Raw:
    """Read the first sheet with data of an Excel workbook (.xlsx); its first row is the header.

    Args:
        content: The whole file.
        name: Of the file, for messages.
        verbatim: Columns whose cells are left as the workbook has them; otherwise the text "007" would become 7.

    Raises:
        TaskError: it is no workbook, is protected, or has no rows.
        ResourceError: openpyxl is not installed.
    """
    import warnings as python_warnings
    import zipfile

    try:
        from openpyxl.utils.exceptions import InvalidFileException
    except ImportError:
        raise _lacking("Excel", "openpyxl") from None
    try:
        with python_warnings.catch_warnings():
            python_warnings.simplefilter("ignore")  # openpyxl remarks on styles and extensions that hold no data
            sheets = pd.read_excel(
                io.BytesIO(content),
                sheet_name=None,
                engine="openpyxl",
                dtype=dict.fromkeys(verbatim, object),
                na_values=list(MISSING_MARKERS),
                keep_default_na=False,
            )
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError):
        raise TaskError(
            f"The file '{name}' cannot be read as an Excel workbook: it is damaged, protected or of an older format.",
            hint="Open it and save it as .xlsx without a password, or as CSV.",
        ) from None
    filled = {title: sheet for title, sheet in sheets.items() if len(sheet)}
    if not filled:
        raise TaskError(
            f"The workbook '{name}' has no rows below a header.",
            hint="Put rows of data below the header: one is enough to predict, ten to train.",
        )
    title, frame = next(iter(filled.items()))
    others = [other for other in filled if other != title]
    said = [f"Only the sheet '{title}' was read; not {listed(others)}."] if others else []
    frame = frame.rename(columns={column: "" for column in frame.columns if str(column).startswith("Unnamed: ")})
    return Raw(frame.dropna(axis=1, how="all") if "" in frame.columns else frame, fingerprint.of_bytes(content), said)


def _lacking(format_name: str, package: str) -> ResourceError:
    return ResourceError(
        f"Reading {format_name} files needs the package {package}, which is not installed.",
        hint=f"Run: pip install {package}",
    )
