"""Attachments: copied into the session's own folder under safe names, and looked at briefly."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from agent.memory import DatasetNote
from tools.core.errors import AutoMLError, ResourceError, TaskError
from tools.core.units import format_size, parse_size

_DEFAULT_LIMIT = 2 * 10**9
_PEEK_LIMIT = 32 * 10**6
"""Larger files are not opened for their column names; the tools read them when they are asked to."""

_UNSAFE = re.compile(r"[^\w.\- ]+")
_MAX_NAME = 100


def upload_limit() -> int:
    """The largest attachment in bytes (`AUTOML_MAX_UPLOAD`, for instance `500MB`)."""
    return parse_size(os.environ.get("AUTOML_MAX_UPLOAD") or _DEFAULT_LIMIT)


def safe_name(name: str) -> str:
    """A file name without folders, control characters or leading dots.

    >>> safe_name("../../etc/pass wd.csv"), safe_name("...")
    ('pass wd.csv', 'file')
    """
    stem = _UNSAFE.sub("_", name.replace("\\", "/").rsplit("/", 1)[-1]).strip(" .")
    if len(stem) > _MAX_NAME:
        head, dot, tail = stem.rpartition(".")
        stem = head[: _MAX_NAME - 10] + dot + tail[:9] if dot else stem[:_MAX_NAME]
    return stem or "file"


def keep(source: Path, folder: Path) -> DatasetNote:
    """Copy an attachment (a file, or a folder of images) into `folder`.

    A second file of the same name and other content gets a number.

    Raises:
        TaskError: it is not there, or cannot be read.
        ResourceError: it is too large, or the disk is full.
    """
    if not source.exists():
        raise TaskError(f"The attachment '{source.name}' is not there.", hint="Attach it again.")
    size = sum(p.stat().st_size for p in source.rglob("*") if p.is_file()) if source.is_dir() else source.stat().st_size
    limit = upload_limit()
    if size > limit:
        raise ResourceError(
            f"'{source.name}' has {format_size(size)}; attachments may have {format_size(limit)}.",
            details={"size": size, "limit": limit},
            hint="Send a smaller file, or set AUTOML_MAX_UPLOAD to a larger size.",
        )
    target = _free(folder / safe_name(source.name), source)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        elif not target.exists():
            shutil.copyfile(source, target)
    except OSError as error:
        raise ResourceError(
            f"'{source.name}' could not be kept: {error.strerror}.", hint="Free some disk space and attach it again."
        ) from error
    return _peek(target)


def _free(wanted: Path, source: Path) -> Path:
    """The path itself when it is free or holds the same bytes, else one with a number."""
    number, path = 1, wanted
    while path.exists() and not _same(path, source):
        number += 1
        path = wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
    return path


def _same(left: Path, right: Path) -> bool:
    if left.is_dir() or right.is_dir():
        return False
    if left.stat().st_size != right.stat().st_size:
        return False
    chunk = 1 << 20
    with left.open("rb") as one, right.open("rb") as two:
        while block := one.read(chunk):
            if block != two.read(chunk):
                return False
    return True


def _peek(path: Path) -> DatasetNote:
    """Name the columns where that is cheap; a file that cannot be read is told about when it is used."""
    note = DatasetNote(name=path.name, path=str(path))
    if path.is_dir() or path.stat().st_size > _PEEK_LIMIT:
        return note
    from tools.engine.data.read import load

    try:
        dataset = load(str(path))
    except AutoMLError:
        return note
    columns = tuple(str(column) for column in dataset.frame.columns) if dataset.modality in ("tabular", "text") else ()
    return note.model_copy(update={"columns": columns, "target": dataset.target})
