"""What a turn can emit, in order of appearance. Frozen, JSON-able, the same for page, terminal and evals."""

from __future__ import annotations

from typing import Any, Literal

from tools.contract import Artifact
from tools.core.frozen import Frozen
from tools.core.records import JobEvent


class Thought(Frozen):
    """A sentence of the model's reasoning."""

    type: Literal["thought"] = "thought"
    text: str


class ToolStarted(Frozen):
    """A tool call began; `call` ties its events together."""

    type: Literal["tool_started"] = "tool_started"
    call: str
    name: str
    args: dict[str, Any]


class ToolProgress(Frozen):
    """News from a running tool."""

    type: Literal["tool_progress"] = "tool_progress"
    call: str
    event: JobEvent


class ToolFinished(Frozen):
    """A tool call ended. `result` is the tool's data, or {type, message, hint} when not ok."""

    type: Literal["tool_finished"] = "tool_finished"
    call: str
    name: str
    ok: bool
    summary: str
    result: dict[str, Any]
    seconds: float
    experiment: int | None = None
    running: bool = False


class ArtifactReady(Frozen):
    """Something to look at or download."""

    type: Literal["artifact"] = "artifact"
    call: str
    artifact: Artifact


class Notice(Frozen):
    """Something the user should know beside the answer, for instance that another model took over."""

    type: Literal["notice"] = "notice"
    text: str


class Answer(Frozen):
    """The turn's last word; `options` are quick replies."""

    type: Literal["answer"] = "answer"
    text: str
    options: tuple[str, ...] = ()


class TurnError(Frozen):
    """The turn could not be finished; one sentence and what to do next."""

    type: Literal["error"] = "error"
    message: str
    hint: str = ""


Event = Thought | ToolStarted | ToolProgress | ToolFinished | ArtifactReady | Notice | Answer | TurnError
