"""Turns of a conversation -> messages of the chat. Pure: what lies in the history is asked from a `Sources`."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from agent.events import (
    Answer,
    ArtifactReady,
    Event,
    Notice,
    Thought,
    ToolFinished,
    ToolProgress,
    ToolStarted,
    TurnError,
)
from tools.contract import Artifact
from tools.core.records import ExperimentRecord
from ui.step import TRAINERS, Step
from ui.summary import model_line, results_table

Message = dict[str, Any]

_STOP_WORDS = "This step was stopped."


class Sources(Protocol):
    """Where the transcript finds what events only name."""

    def record(self, experiment: int) -> ExperimentRecord | None:
        """The experiment, or None when it is gone."""

    def picture(self, ref: str) -> Any | None:
        """A chat component for a plot `plot:ID:NAME`, or None when it cannot be drawn."""

    def download(self, artifact: Artifact) -> Message | None:
        """A chat file `{"path", "alt_text"}`, or None when there is nothing to download."""


def conversation(turns: Iterable[dict[str, Any]], sources: Sources) -> list[Message]:
    """All messages of finished turns (as `Session.turns` gives them)."""
    return [
        message
        for number, turn in enumerate(turns)
        for message in turn_messages(
            turn["user"], turn["attachments"], turn["events"], sources, prefix=f"t{number}", ended=True
        )
    ]


def turn_messages(
    user: str,
    attachments: Sequence[str],
    events: Iterable[Event],
    sources: Sources,
    prefix: str,
    ended: bool,
) -> list[Message]:
    """The messages of one turn.

    Args:
        user: What the user said.
        attachments: Names of the files that came with it.
        events: What happened so far.
        sources: Where records, plots and files are found.
        prefix: Makes the ids of the steps unique in the chat.
        ended: Whether the turn is over; a step without an end is then shown as stopped.
    """
    said = "\n\n".join([*(f"`{name}`" for name in attachments), user.strip()]).strip()
    messages: list[Message] = [{"role": "user", "content": said}]
    steps: dict[str, tuple[Step, int]] = {}
    shown: dict[str, set[str]] = {}
    for event in events:
        if isinstance(event, ToolStarted):
            steps[event.call] = (Step.of(event), len(messages))
            messages.append({})
        elif isinstance(event, (ToolProgress, ToolFinished)):
            if event.call not in steps:
                continue
            steps[event.call][0].add(event)
            if isinstance(event, ToolFinished):
                messages += _result(event, sources)
        elif isinstance(event, ArtifactReady):
            shown.setdefault(event.call, set()).add(event.artifact.ref)
            messages += _artifact(event.artifact, sources)
        else:
            messages += _words(event)
    for step, place in steps.values():
        step.cut = ended and step.finished is None
        metadata = step.metadata()
        metadata["id"] = f"{prefix}-{step.call}"
        content = step.content() + (f"\n\n*{_STOP_WORDS}*" if step.cut else "")
        messages[place] = {"role": "assistant", "content": content, "metadata": metadata}
    return messages


def _words(event: Event) -> list[Message]:
    if isinstance(event, Thought) and event.text.strip():
        return [_say(f'<span class="aside">{html.escape(" ".join(event.text.split()))}</span>')]
    if isinstance(event, Notice):
        return [_say(f'<span class="aside">{html.escape(event.text)}</span>')]
    if isinstance(event, TurnError):
        return [_say(f"⚠ **{event.message}**\n\n{event.hint}".strip())]
    if isinstance(event, Answer):
        message = _say(event.text)
        if event.options:
            message["options"] = [{"value": option, "label": option} for option in event.options]
        return [message]
    return []


def _result(event: ToolFinished, sources: Sources) -> list[Message]:
    """The table after a training; other tools say what they found in the answer."""
    if not event.ok or event.running or event.experiment is None or event.name not in TRAINERS:
        return []
    record = sources.record(event.experiment)
    if record is None:
        return [_say(f"*Experiment {event.experiment} is no longer in the history.*")]
    table = results_table(record)
    return [_say(f"{table}\n\n{model_line(record)}")] if table else []


def _artifact(artifact: Artifact, sources: Sources) -> list[Message]:
    if artifact.kind == "plot":
        picture = sources.picture(artifact.ref)
        return [] if picture is None else [{"role": "assistant", "content": picture}]
    if artifact.kind in ("bundle", "file"):
        file = sources.download(artifact)
        return [] if file is None else [{"role": "assistant", "content": file}]
    return []


def _say(text: str) -> Message:
    return {"role": "assistant", "content": text}
