"""Files that survive a crash: whole-file replacement, and lines that are only ever appended."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson


def json_values(value: Any) -> Any:
    """Drop what JSON cannot hold: entries of dictionaries that are (or contain, in a list) NaN or infinity.

    >>> json_values({"score": float("nan"), "ci": [0.1, float("inf")], "n": 3})
    {'n': 3}
    """
    if isinstance(value, dict):
        return {key: json_values(item) for key, item in value.items() if _finite(item)}
    if isinstance(value, (list, tuple)):
        return [json_values(item) for item in value]
    return value


def _finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, (list, tuple)):
        return all(_finite(item) for item in value if isinstance(item, float))
    return True


def dump(value: Any) -> bytes:
    """JSON bytes of dictionaries, lists, numbers (NumPy's too) and strings."""
    return orjson.dumps(json_values(value), option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)


def write_atomically(path: Path, content: bytes, backup: Path | None = None) -> None:
    """Replace a file as a whole: a reader, or a crash at any moment, sees the old content or the new, never a mixture.

    Args:
        path: The file.
        content: Its new content.
        backup: Where the old content is kept.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if backup is not None and path.exists():
            _link(path, backup)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)  # the new name, too, must survive a power cut
    finally:
        os.close(directory)


def _link(path: Path, backup: Path) -> None:
    """Keep the present content under a second name; a hard link costs nothing, a copy serves where there are none."""
    second = backup.with_name(f".{backup.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    second.unlink(missing_ok=True)
    try:
        os.link(path, second)
    except OSError:
        second.write_bytes(path.read_bytes())
    os.replace(second, backup)


class LineWriter:
    """Appends JSON lines to a file; a line goes out in one write, so readers see whole lines.

    Args:
        path: The file; a torn last line of an earlier writer is closed first.
        durable: Wait until each line is on the disk.
    """

    def __init__(self, path: Path, durable: bool = False) -> None:
        self._durable = durable
        self._lock = threading.Lock()
        torn = path.exists() and path.stat().st_size > 0 and not _ends_with_newline(path)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        if torn:
            os.write(self._file, b"\n")

    def write(self, value: Any) -> None:
        """Append one value."""
        line = dump(value) + b"\n"
        with self._lock:
            os.write(self._file, line)
            if self._durable:
                os.fsync(self._file)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file; None when the file is missing or is not a whole JSON object."""
    try:
        value = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    return value if isinstance(value, dict) else None


def read_lines(path: Path, offset: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
    """The whole lines of a JSON-lines file from `offset` on, each with the offset behind it.

    A torn last line is left for later; a damaged line in the middle is passed over.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            content = file.read()
    except FileNotFoundError:
        return
    for line in content.splitlines(keepends=True):
        if not line.endswith(b"\n"):
            return
        offset += len(line)
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(value, dict):
            yield offset, value
