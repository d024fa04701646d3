"""An experiment as the history file holds it: small, and valid wherever the home folder lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tools.core.records import ExperimentRecord
from tools.tracking.files import dump, json_values, read_json, write_atomically

INLINE_PROFILE_BYTES = 8_000
"""A longer profile (a wide table) lies in the run folder, since every change rewrites all summaries."""
_PATHS = ("folder", "bundle", "onnx")
_BESIDE = {"file": "profile.json"}


def pack(fields: dict[str, Any], home: Path, folder: Path) -> dict[str, Any]:
    """Fields of a record as JSON values -> what is stored: paths relative to the home, a long profile beside it."""
    packed: dict[str, Any] = json_values(fields)
    for name in _PATHS:
        value = packed.get(name)
        if value and Path(value).is_relative_to(home):
            packed[name] = str(Path(value).relative_to(home))
    if packed.get("profile"):
        content = dump(packed["profile"])
        if len(content) > INLINE_PROFILE_BYTES:
            write_atomically(folder / _BESIDE["file"], content)
            packed["profile"] = _BESIDE
    return packed


def unpack(document: dict[str, Any], home: Path, folder: Path) -> ExperimentRecord:
    """The inverse of `pack`, for a whole record.

    Raises:
        ValueError: the document is not a record.
    """
    fields = dict(document)
    for name in _PATHS:
        if fields.get(name):
            fields[name] = str(home / str(fields[name]))
    fields["folder"] = str(folder)
    if fields.get("profile") == _BESIDE:
        fields["profile"] = read_json(folder / _BESIDE["file"])
    try:
        return ExperimentRecord.model_validate(fields)
    except ValidationError as error:
        raise ValueError(str(error)) from None
