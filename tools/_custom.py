"""Models of the user's own: a Python file among the families, kept by its content so that a run can be repeated."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from tools.contract import ToolContext
from tools.core.custom import SUFFIX, check_allowed
from tools.core.errors import TaskError


def kept_files(families: Sequence[str], context: ToolContext) -> tuple[str, ...]:
    """The families, each file among them replaced by a copy in the home folder. The file is read, never run.

    Raises:
        TaskError: the operator does not allow such files, or one is not there.
    """
    return tuple(_kept(name, context) if name.endswith(SUFFIX) else name for name in families)


def own_file(families: Sequence[str], name: str) -> str | None:
    """The file that a family of an earlier experiment came from; None for a registered family."""
    return next((path for path in families if path.endswith(SUFFIX) and Path(path).stem == name), None)


def _kept(name: str, context: ToolContext) -> str:
    check_allowed(name)
    path = Path(context.datasets.get(name, name)).expanduser()
    if not path.is_file():
        raise TaskError(f"There is no file '{name}'.", hint="Give the path of the Python file with your model.")
    content = path.read_bytes()
    copy = context.home / "custom" / hashlib.sha256(content).hexdigest()[:12] / path.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(content)
    return str(copy)
