"""JSON that every reader takes: numpy values and records become plain ones, NaN becomes null."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def to_bytes(content: Any) -> bytes:
    r"""Indented JSON.

    >>> to_bytes({"a": float("nan"), "b": (1, 2)})
    b'{\n  "a": null,\n  "b": [\n    1,\n    2\n  ]\n}'
    """
    from pydantic_core import to_json

    return to_json(content, indent=2, inf_nan_mode="null", fallback=lambda value: value.tolist())


def plain(content: Any) -> Any:
    """The value that comes back when `content` is written and read again."""
    return json.loads(to_bytes(content))


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write `content` to a file."""
    path.write_bytes(to_bytes(content) + b"\n")
