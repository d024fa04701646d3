"""What a command stands on: the home folder, and which of the user's files it may read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from tools.core.errors import AutoMLError, ExperimentError
from tools.core.records import JobEvent

if TYPE_CHECKING:
    from tools.contract import Tool, ToolContext, ToolResult


def home_of(context: typer.Context) -> Path | None:
    """The `--home` of this call; `None` means the default folder."""
    home = context.find_root().obj
    return Path(home).expanduser().resolve() if home else None


def open_context(
    context: typer.Context,
    emit: Callable[[JobEvent], None] | None = None,
    files: tuple[str, ...] = (),
) -> ToolContext:
    """Open the workspace for a person at a terminal.

    The working directory may be read, and the files and folders the user names explicitly; nothing else.

    Args:
        context: The command's context.
        emit: Takes news from a running tool.
        files: Paths as the user wrote them; those that are no file (sample names) are left out.
    """
    from tools.workspace import open_workspace

    home = home_of(context)
    workspace = open_workspace(home, emit=emit) if emit else open_workspace(home)
    named = [Path(file).expanduser().resolve() for file in files if file and Path(file).expanduser().exists()]
    workspace.folders = (Path.cwd(), *workspace.folders, *named)
    workspace.by_path = True
    return workspace


def call_tool(name: str, arguments: dict[str, Any], context: ToolContext) -> ToolResult:
    """Run a tool with the arguments the user gave; those that are `None` or empty keep the tool's default.

    Raises:
        AutoMLError: the arguments are wrong or the tool failed.
    """
    from pydantic import ValidationError

    from tools.contract import TOOLS
    from tools.core.errors import TaskError
    from tools.core.frozen import explain

    tool: Tool[Any] = TOOLS.get(name)
    given = {key: value for key, value in arguments.items() if value is not None and value != []}
    try:
        args = tool.Args.model_validate(given)
    except ValidationError as error:
        raise TaskError(explain(error, tool.Args, flag), hint="Correct this and run the command again.") from None
    return tool.run(args, context)


def flag(argument: str) -> str:
    """How an argument of a tool is written on the command line.

    >>> flag("max_model_size"), flag("time_s")
    ('--max-model-size', '--time')
    """
    return f"--{argument.removesuffix('_s').replace('_', '-')}"


def job_id(text: str) -> int:
    """Read a job's number: `12` or `#12`.

    Raises:
        ExperimentError: it is no number.
    """
    digits = text.strip().removeprefix("#")
    if not digits.isdigit():
        raise ExperimentError(f"'{text}' is not a job.", hint="Jobs are numbers; see: automl-agent jobs list")
    return int(digits)


def experiment_id(text: str) -> int:
    """Read an experiment's number as people write it: `12` or `#12`.

    Raises:
        ExperimentError: it is no number.
    """
    digits = text.strip().removeprefix("#")
    if not digits.isdigit():
        raise ExperimentError(
            f"'{text}' is not an experiment.", hint="Experiments are numbers; see: automl-agent experiments list"
        )
    return int(digits)


__all__ = ["AutoMLError", "call_tool", "experiment_id", "home_of", "open_context"]
