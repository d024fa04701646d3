"""Files in what the user types: `@churn.csv`, `@my file.csv`, `@"my file.csv"`."""

from __future__ import annotations

import re
from pathlib import Path

from tools.core.errors import TaskError

_QUOTES = {'"': '"', "'": "'", "“": "”"}
_AFTER = ".,;:!?)"


def existing(path: str) -> str:
    """The absolute path of an attachment.

    Raises:
        TaskError: it is not there.
    """
    full = Path(path).expanduser().absolute()
    if not full.exists():
        raise TaskError(f"There is no file '{path}'.", hint="Check the path of the attachment.")
    return str(full)


def split_attachments(line: str) -> tuple[str, tuple[str, ...]]:
    """Take `@path` out of a line where a file of that name exists.

    A path may hold spaces (the longest one that exists is taken), may stand in quotes, and may be followed by a comma
    or a full stop of the sentence.

    >>> split_attachments("predict churned @/nowhere/churn.csv, please")
    ('predict churned @/nowhere/churn.csv, please', ())
    """
    kept, files = "", []
    position = 0
    for mark in re.finditer(r"(?<!\S)@", line):
        if mark.start() < position:
            continue  # inside a path that was taken already
        found = _path_at(line, mark.end())
        if found is None:
            continue
        path, end = found
        files.append(existing(path))
        kept += line[position : mark.start()]
        position = end
    if not files:
        return line, ()
    return " ".join((kept + line[position:]).split()), tuple(files)


def _path_at(line: str, start: int) -> tuple[str, int] | None:
    """The file named from `start` on, and where its name ends in the line; None where there is no such file."""
    quote = _QUOTES.get(line[start : start + 1])
    if quote is not None:
        end = line.find(quote, start + 1)
        path = line[start + 1 : end]
        return (path, end + 1) if end > 0 and _is_there(path) else None
    ends = [*(match.start() for match in re.finditer(r"\s", line[start:])), len(line) - start]
    for length in reversed(ends):
        said = line[start : start + length]
        for path in dict.fromkeys((said, said.rstrip(_AFTER))):
            if path == path.strip() and _is_there(path):
                return path, start + length
    return None


def _is_there(path: str) -> bool:
    try:
        return bool(path) and Path(path).expanduser().exists()
    except (OSError, ValueError, RuntimeError):  # too long, or a user that is not there
        return False
