"""`automl-agent chat`: the conversation in the terminal, one turn or many."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tools.core.errors import TaskError
from ui.commands.attachments import existing, split_attachments
from ui.commands.bar import ProgressBar
from ui.commands.interrupt import on_ctrl_c
from ui.commands.output import JsonFlag, note, print_error, print_json, print_markdown
from ui.commands.workspace import open_context

if TYPE_CHECKING:
    from agent.events import TurnError
    from agent.session import Session

_BYE = {"exit", "quit", "bye", ":q", "/exit", "/quit"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("chat")(chat)


def chat(
    context: typer.Context,
    message: Annotated[
        list[str] | None, typer.Option("--message", "-m", help="One turn; give it again for the next. Default: ask.")
    ] = None,
    attach: Annotated[
        list[str] | None, typer.Option("--attach", "-a", help="A file or folder for the first turn; may be repeated.")
    ] = None,
    session: Annotated[str | None, typer.Option(help="Go on with this conversation.")] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Ctrl-C leaves a job running instead of cancelling it.")
    ] = False,
    json_: JsonFlag = False,
) -> None:
    """Talk to the agent.

    For instance: `automl-agent chat -m "Train a classifier on wine, 30 seconds, under 200 kB"`

    With `-m` the exit code is 1 when a turn could not be finished or its last tool call failed.
    """
    from agent.session import Session

    if json_ and not message:
        raise TaskError("With --json there is nobody to ask.", hint='Say what you want: -m "…"')
    attachments = tuple(existing(path) for path in attach or [])
    workspace = open_context(context, files=attachments)
    conversation = Session(workspace, session_id=session)
    if session is not None and not conversation.turns:
        note(f"There is no conversation '{session}' yet; it begins now.")
    if message:
        one_shot(conversation, message, attachments, detach, json_)
    else:
        repl(conversation, attachments, detach)


def one_shot(
    conversation: Session, messages: list[str], attachments: tuple[str, ...], detach: bool, json_: bool
) -> None:
    """Say the given messages and end; exit code 1 when a turn could not be finished, or its last tool call failed."""
    told: list[dict[str, Any]] = []
    error: TurnError | None = None
    for number, text in enumerate(messages):
        turn, error = take_turn(conversation, text, attachments if number == 0 else (), detach, quiet=json_)
        told.append(turn)
        if error is not None:
            break
    if json_:
        ended = {"error": {"type": "task", "message": error.message, "hint": error.hint}} if error else {}
        print_json({"session": conversation.id, "turns": told, **ended})
    else:
        note(f"(go on with: automl-agent chat --session {conversation.id})")
    if error is not None or any(map(failed, told[-1]["tool_calls"][-1:])):
        raise typer.Exit(1)


def failed(call: dict[str, Any]) -> bool:
    """Whether a tool call did not do what was asked; that there is nothing to list yet is an answer, not a failure.

    >>> failed({"name": "ExperimentTracker", "args": {"action": "list"}, "ok": False})
    False
    """
    lists = {"ExperimentTracker": "list", "JobControl": "status"}  # what they do when no action is named
    return not call["ok"] and call["args"].get("action", lists.get(call["name"])) != "list"


def repl(conversation: Session, attachments: tuple[str, ...], detach: bool) -> None:
    """Ask, answer, until the user leaves with Ctrl-D, Ctrl-C or `exit`."""
    note(f"Conversation {conversation.id}. Attach a file with @path; leave with exit or Ctrl-D.")
    if conversation.turns:
        note(f"{len(conversation.turns)} earlier turns are remembered.")
    if sys.stdin.isatty():
        with contextlib.suppress(ImportError):  # some builds of Python come without it
            import readline  # noqa: F401  (gives input() editing and history)
    while True:
        try:
            line = input("\nyou> " if sys.stdin.isatty() else "")
        except (EOFError, KeyboardInterrupt):
            note("")
            break
        text, files = split_attachments(line)
        if text.strip().lower() in _BYE:
            break
        if not text.strip() and not files:
            continue
        take_turn(conversation, text, (*attachments, *files), detach, quiet=False)
        attachments = ()
    note(f"(go on with: automl-agent chat --session {conversation.id})")


def take_turn(
    conversation: Session, text: str, attachments: tuple[str, ...], detach: bool, quiet: bool
) -> tuple[dict[str, Any], TurnError | None]:
    """Take one turn and show it while it happens.

    Returns:
        The turn as `chat --json` prints it, and the error that ended it, if one did.
    """
    import time

    from agent.events import Answer, ArtifactReady, Notice, Thought, ToolFinished, ToolProgress, ToolStarted, TurnError
    from ui.step import TRAINERS

    says = (
        "The job goes on in the background."
        if detach
        else "Cancelling; what is finished is kept. Ctrl-C again to leave."
    )
    started = time.monotonic()
    args: dict[str, dict[str, Any]] = {}
    calls: list[dict[str, Any]] = []
    files: list[str] = []
    notices: list[str] = []
    answer = ""
    error: TurnError | None = None
    with ProgressBar(quiet) as bar, on_ctrl_c(lambda: conversation.stop(job=not detach), says):
        for event in conversation.run(text, attachments):
            if isinstance(event, ToolStarted):
                args[event.call] = event.args
                _tell(quiet, f"→ {event.name} {short_args(event.args)}".rstrip())
            elif isinstance(event, ToolProgress):
                bar(event.event)
            elif isinstance(event, ToolFinished):
                calls.append(
                    {"name": event.name, "args": args.get(event.call, {}), "ok": event.ok, "result": event.result}
                )
                _tell(quiet, f"{'✓' if event.ok else '✗'} {event.name} ({event.seconds:.1f} s)")
                bundle = event.result.get("bundle") if event.name in TRAINERS and not event.running else None
                files += [f"Bundle: {bundle}"] if bundle else []
            elif isinstance(event, ArtifactReady) and event.artifact.kind == "file":
                files.append(f"{event.artifact.title}: {event.artifact.ref}")
            elif isinstance(event, Thought):
                _tell(quiet, event.text)
            elif isinstance(event, Notice):
                notices.append(event.text)
                note(event.text)  # also beside JSON: it may say that another model answers
            elif isinstance(event, Answer):
                answer = event.text
            elif isinstance(event, TurnError):
                error = event
    if not quiet:
        if answer:
            print_markdown(answer)
        for line in files:
            note(line)
        if error is not None:
            print_error({"message": error.message, "hint": error.hint}, in_json=False)
    if error is not None:
        answer = answer or f"{error.message} {error.hint}".strip()
    turn = {
        "user": text,
        "tool_calls": calls,
        "notices": notices,
        "answer": answer,
        "seconds": round(time.monotonic() - started, 3),
    }
    return turn, error


def short_args(args: dict[str, Any]) -> str:
    """Arguments in one short line.

    >>> short_args({"dataset": "iris", "time_s": 30.0, "metric": None})
    'dataset=iris, time_s=30'
    """
    shown = [
        f"{key}={value:g}" if isinstance(value, float) else f"{key}={value}"
        for key, value in args.items()
        if value is not None
    ]
    text = ", ".join(shown)
    return text if len(text) <= 120 else text[:119] + "…"


def _tell(quiet: bool, text: str) -> None:
    if not quiet:
        note(text)
