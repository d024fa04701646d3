"""The terminal's door: `automl-agent COMMAND`. Commands live in `ui/commands`, heavy imports inside them.

Exit codes: 0 done, 1 it failed (one sentence and what to do next), 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import logging
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tools.core.errors import AutoMLError
from ui.commands import chat, convert, doctor, evals, experiments, jobs, predict, run, serve
from ui.commands.output import print_error

UsageError: type[Exception] = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="automl-agent",
    help="Say what model you need; an agent searches, trains, checks and exports it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def globals_(
    context: typer.Context,
    home: Annotated[
        Path | None,
        typer.Option(
            "--home",
            envvar="AUTOML_HOME",
            help="Where history, uploads and runs live (default: your user data folder).",
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what happens inside to stderr.")] = False,
) -> None:
    """Say what model you need; an agent searches, trains, checks and exports it."""
    context.obj = home
    logging.basicConfig(
        level=logging.INFO if verbose else logging.ERROR,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )


serve.register(app)
chat.register(app)
run.register(app)
experiments.register(app)
convert.register(app)
predict.register(app)
jobs.register(app)
evals.register(app)
doctor.register(app)


def main(argv: list[str] | None = None) -> int:
    """Run one command line.

    Args:
        argv: The words after the program's name; `None` takes those of the process.

    Returns:
        The exit code.
    """
    words = hoist_home(list(sys.argv[1:] if argv is None else argv))
    as_json = "--json" in words
    try:
        code: Any = app(args=words, prog_name="automl-agent", standalone_mode=False)
    except AutoMLError as error:
        print_error(error.as_dict(), as_json)
        return 1
    except UsageError as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "automl-agent"
        message = error.format_message() if hasattr(error, "format_message") else str(error)
        print_error({"type": "task", "message": plain(message), "hint": f"See: {command} --help"}, as_json)
        return 2
    except OSError as error:
        print_error(_explain_os_error(error), as_json)
        return 1
    except (KeyboardInterrupt, typer.Abort):
        print("Stopped.", file=sys.stderr)
        return 130
    return code if isinstance(code, int) else 0


def plain(message: str) -> str:
    """A usage error without the words of the libraries that found it.

    >>> plain("Invalid value for '--folds': Input should be a valid integer, unable to parse string as an integer")
    "Invalid value for '--folds': it must be a whole number."
    """
    for kind, words in (("integer", "a whole number"), ("number", "a number")):
        message = re.sub(rf"Input should be a valid {kind}\b.*", f"it must be {words}", message)
    message = re.sub(r"Input should be", "it must be", message).strip()
    return message if message.endswith((".", ")", "?")) else f"{message}."


def hoist_home(words: list[str]) -> list[str]:
    """Move `--home DIR` in front, so that it may stand anywhere in the line.

    >>> hoist_home(["run", "--home", "/data", "--dataset", "iris"])
    ['--home', '/data', 'run', '--dataset', 'iris']
    """
    front: list[str] = []
    rest: list[str] = []
    position = 0
    while position < len(words):
        word = words[position]
        if word == "--":
            rest += words[position:]
            break
        if word == "--home" and position + 1 < len(words):
            front += words[position : position + 2]
            position += 2
            continue
        (front if word.startswith("--home=") else rest).append(word)
        position += 1
    return front + rest


def _explain_os_error(error: OSError) -> dict[str, str]:
    """A sentence for a disk, permission or network problem that no deeper layer knew how to explain."""
    where = f" ({error.filename})" if error.filename else ""
    return {
        "type": "resource",
        "message": f"The system refused: {error.strerror or error}{where}.",
        "hint": "Check the path, the permissions and the free disk space; `automl-agent doctor` looks at them.",
    }


if __name__ == "__main__":
    sys.exit(main())
