"""From a source (path or sample name) to a `Dataset`: find the format, read, tidy, find the modality."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.core.errors import TaskError
from tools.core.records import Modality
from tools.engine.data import fingerprint
from tools.engine.data.dataset import Dataset
from tools.engine.data.forms import Forms

if TYPE_CHECKING:
    import pandas as pd

    from tools.engine.data.readers.raw import Raw

_DELIMITED = (".csv", ".tsv", ".tab", ".dat", ".data")
_JSON = (".jsonl", ".ndjson", ".json")
_EXCEL = (".xlsx", ".xlsm")
_PLAIN = (".txt", ".md", ".text", ".log")
_TABLES = frozenset({*_DELIMITED, *_JSON, *_EXCEL, *_PLAIN, ".parquet", ".pq", ".npz"})
KNOWN_SUFFIXES = "CSV, TSV, Parquet, JSON lines, Excel (.xlsx), .npz, a zip or folder of pictures, or a .txt file"


def load(source: str, target: str | None = None, forms: Forms | None = None) -> Dataset:
    """Read a dataset.

    Its `target` is the one given, else the one the source knows, else the likeliest column: encoders leave it out.

    Args:
        source: A file, a folder, or the name of a built-in sample.
        target: The column to predict, where it is known, or several separated by commas: it is checked, and helps to
            tell text from tables.
        forms: How a model's columns are written, when the rows are for that model; see `Form`.

    Raises:
        TaskError: the source is missing, empty, damaged, of an unknown format, or has no column `target`.
        ResourceError: a package that reads this format is not installed.
    """
    from tools.engine.data.samples import SAMPLES, sample

    path = Path(source).expanduser()
    if source in SAMPLES and not path.is_file():
        dataset = sample(source)
    else:
        raw = _open(path, source, forms)
        dataset = _assemble(raw, path.name or source, str(path.resolve()), target, forms)
    from tools.engine.data.candidates import find_targets, rank_candidates

    if target is not None:
        first, *others = find_targets(dataset, target)
        return replace(dataset, target=first, aside=(*dataset.aside, *others))
    if dataset.target is None and dataset.modality in ("tabular", "text"):
        text = dataset.details.get("text")
        ranked = rank_candidates(dataset.frame.drop(columns=[text] if text else []), dataset.kinds)
        return replace(dataset, target=ranked[0] if ranked else None)
    return dataset


def from_frame(
    frame: pd.DataFrame,
    name: str,
    modality: Modality,
    details: dict[str, Any] | None = None,
    forms: Forms | None = None,
) -> Dataset:
    """Wrap rows given in memory, for predictions; they are tidied exactly like a file's.

    Args:
        frame: One row per example.
        name: For messages.
        modality: Of the model that will see the rows.
        details: Of the training data's `Dataset.details` (for instance the text column).
        forms: See `load`.
    """
    from tools.engine.data.tidy import Tidy, tidy

    # Rows are kept one to one here: a blank row gets a prediction too.
    rows = frame.reset_index(drop=True)
    made = Tidy(rows, [], {}) if modality == "corpus" else tidy(rows, keep_blank_rows=True, forms=forms)
    kept = {**(details or {}), "warnings": made.warnings}
    return Dataset(name, name, fingerprint.of_frame(made.frame), modality, made.frame, details=kept, forms=made.forms)


def _assemble(raw: Raw, name: str, source: str, target: str | None, forms: Forms | None) -> Dataset:
    from tools.engine.data.columns import column_kinds
    from tools.engine.data.text_table import text_column
    from tools.engine.data.tidy import Tidy, tidy

    corpus = raw.modality == "corpus"
    made = Tidy(raw.frame, [], {}) if corpus else tidy(raw.frame, raw.comma_is_decimal, forms=forms)
    frame = made.frame
    if len(frame) == 0:
        raise TaskError(
            f"'{name}' has no rows of data.",
            hint="Put rows of data below the header: one is enough to predict, ten to train.",
        )
    details = {**raw.details, "warnings": [*raw.warnings, *made.warnings]}
    modality: Modality = raw.modality or "tabular"
    kinds = None
    if raw.modality is None:
        kinds = column_kinds(frame)  # the dearest part of reading a wide table: found out once, then kept
        text = text_column(frame, target if target in frame.columns else raw.target, kinds)
        if text is not None:
            modality = "text"
            details["text"] = text
    return Dataset(
        name, source, raw.fingerprint, modality, frame, raw.images, raw.target, details, made.forms, kinds=kinds
    )


def _open(path: Path, source: str, forms: Forms | None) -> Raw:
    try:
        exists, folder = path.exists(), path.is_dir()
    except (OSError, ValueError):
        exists = folder = False
    if not exists:
        raise _missing(source)
    if folder:
        from tools.engine.data.readers.archive import read_folder

        return read_folder(path, path.name)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TaskError(
            f"The file '{path.name}' cannot be opened ({error.strerror}).", hint="Check its permissions."
        ) from None
    return _read_bytes(content, path.name, forms)


def _read_bytes(content: bytes, name: str, forms: Forms | None = None) -> Raw:
    if not content:
        raise TaskError(f"The file '{name}' is empty.", hint="Choose a file with a header line and rows of data.")
    inner = name
    if name.lower().endswith(".gz"):
        try:
            content, inner = gzip.decompress(content), name[:-3]
        except (OSError, EOFError, zlib.error):
            raise TaskError(f"The file '{name}' is not a gzip file, or is damaged.", hint="Pack it again.") from None
    suffix = Path(inner).suffix.lower()
    if suffix == ".zip":
        from tools.engine.data.readers.archive import read_zip

        return read_zip(content, name, partial(_read_bytes, forms=forms), _TABLES)
    reader = _reader(suffix, frozenset(key for key, form in (forms or {}).items() if form.verbatim))
    if reader is None:
        known = KNOWN_SUFFIXES
        if suffix == ".xls":
            raise TaskError(
                f"'{name}' is in the old Excel format, which is not supported.", hint="Save it as .xlsx or as CSV."
            )
        what = f"the ending '{suffix}'" if suffix else "no ending"
        raise TaskError(f"'{name}' has {what}, which is not a known data format.", hint=f"Known are: {known}.")
    return reader(content, name)


def _reader(suffix: str, verbatim: frozenset[str]) -> Callable[[bytes, str], Raw] | None:
    """What reads files of this kind; columns in `verbatim` are read as they stand, digits or not."""
    if suffix in _DELIMITED:
        from tools.engine.data.readers.delimited import read_delimited

        return partial(read_delimited, verbatim=verbatim)
    if suffix in (".parquet", ".pq", *_JSON, *_EXCEL):
        from tools.engine.data.readers import tables

        if suffix in _EXCEL:
            return partial(tables.read_excel, verbatim=verbatim)
        return tables.read_json if suffix in _JSON else tables.read_parquet
    if suffix == ".npz":
        from tools.engine.data.readers.arrays import read_npz

        return read_npz
    if suffix in _PLAIN:
        return partial(_read_plain, verbatim=verbatim)
    from tools.engine.data.readers.images import IMAGE_SUFFIXES

    return _read_picture if suffix in IMAGE_SUFFIXES else None


def _read_plain(content: bytes, name: str, verbatim: frozenset[str]) -> Raw:
    from tools.engine.data.readers.delimited import is_table, read_delimited
    from tools.engine.data.readers.encoding import decode_text
    from tools.engine.data.readers.plain import read_corpus

    text, warnings = decode_text(content, name)
    if is_table(text):
        return read_delimited(content, name, verbatim)
    return replace(read_corpus(text, name), warnings=warnings)


def _read_picture(content: bytes, name: str) -> Raw:
    from tools.engine.data.readers.images import read_images

    return read_images([name], lambda _: content, name, fingerprint.of_bytes(content))


def _missing(source: str) -> TaskError:
    from tools.engine.data.candidates import close_matches
    from tools.engine.data.samples import SAMPLES

    near = close_matches(source, SAMPLES)
    maybe = f"Did you mean '{near[0]}'? " if near else ""
    return TaskError(
        f"There is no file and no built-in sample called '{source}'.",
        hint=f"{maybe}Give the path of a file, or one of the samples: {', '.join(SAMPLES)}.",
    )
