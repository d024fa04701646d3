"""What commands print: one JSON value or text for people on stdout, everything else on stderr."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer
from pydantic import BaseModel

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON value on stdout, nothing else.")]


_ESCAPED = re.compile(r"\\([\\|*_`<\[#])")


def print_json(value: Any) -> None:
    """Print one JSON value; numbers JSON does not know (NaN, infinity) become null."""
    print(json.dumps(as_json(value), ensure_ascii=False, indent=2))


def as_json(value: Any) -> Any:
    """Turn records, tuples, paths and numbers of any kind into plain JSON values."""
    if isinstance(value, BaseModel):
        return json.loads(value.model_dump_json())
    if isinstance(value, dict):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_json(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if hasattr(value, "item"):  # a numpy number
        return as_json(value.item())
    return str(value)


def print_error(error: dict[str, str], in_json: bool) -> None:
    """Print an error: as JSON on stdout when asked, else as two lines on stderr."""
    if in_json:
        print_json({"error": {key: error.get(key, "") for key in ("type", "message", "hint")}})
        return
    note(f"Error: {error['message']}")
    if error.get("hint"):
        note(f"  {error['hint']}")


def note(text: str) -> None:
    """Tell the user something beside the result, on stderr."""
    print(text, file=sys.stderr, flush=True)


def print_markdown(text: str) -> None:
    """Print Markdown: drawn in a terminal; into a pipe as it is, but for the backslashes that only a drawer removes."""
    if not sys.stdout.isatty():
        print(_ESCAPED.sub(r"\1", text))
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(text))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], empty: str) -> None:
    """Print rows as a table, or the sentence `empty` when there are none."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    lines = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if not lines:
        print(empty)
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for line in lines:
        table.add_row(*line)
    # Into a pipe nothing is cut: another program may read the columns.
    Console(width=None if sys.stdout.isatty() else 200).print(table)
