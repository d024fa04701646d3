"""The planner behind DSPy's engine interface: a typed request in, tool calls or text out; deterministic."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from dspy.lm15 import (
    Message,
    Request,
    Response,
    StreamDeltaEvent,
    StreamEndEvent,
    StreamStartEvent,
    TextDelta,
    TextPart,
    ToolCallDelta,
    ToolCallPart,
    UnsupportedFeatureError,
    Usage,
)

from agent.lm.planner import analysis, dialogue
from agent.lm.planner.request import SUBMIT, read

_RESPONSE_ID = "planner"


class PlannerEngine:
    """Answers the two requests this product makes: a step of a conversation, and the analysis of a task."""

    supports_function_calling = True
    supports_reasoning = False
    supports_response_schema = False
    supported_params = ("tools", "tool_choice", "temperature", "max_tokens")

    def complete(self, request: Request) -> Response:
        """Answer a request.

        Raises:
            UnsupportedFeatureError: it is neither of the two.
        """
        part = _reply(request)
        return Response(
            id=_RESPONSE_ID,
            model=request.model,
            message=Message.assistant([part]),
            finish_reason="tool_call" if isinstance(part, ToolCallPart) else "stop",
            usage=Usage(input_tokens=0, output_tokens=0, total_tokens=0),
        )

    def stream(self, request: Request) -> Iterator[Any]:
        """The same as events."""
        part = _reply(request)
        yield StreamStartEvent(id=_RESPONSE_ID, model=request.model)
        if isinstance(part, ToolCallPart):
            yield StreamDeltaEvent(ToolCallDelta(json.dumps(part.input), part_index=0, id=part.id, name=part.name))
        else:
            yield StreamDeltaEvent(TextDelta(part.text))
        finish = "tool_call" if isinstance(part, ToolCallPart) else "stop"
        yield StreamEndEvent(finish_reason=finish, usage=Usage(input_tokens=0, output_tokens=0, total_tokens=0))

    def close(self) -> None:
        """Nothing is held."""

    def dump_state(self) -> dict[str, Any]:
        """The engine has no state; its knowledge is in the data files beside it."""
        return {}

    @classmethod
    def load_state(cls, state: dict[str, Any]) -> PlannerEngine:
        """The inverse of `dump_state`."""
        return cls()


class AsyncPlannerEngine:
    """The same for async callers; it answers in milliseconds, so nothing is awaited."""

    supports_function_calling = True
    supports_reasoning = False
    supports_response_schema = False
    supported_params = PlannerEngine.supported_params

    def __init__(self) -> None:
        self._engine = PlannerEngine()

    async def complete(self, request: Request) -> Response:
        """See `PlannerEngine.complete`."""
        return self._engine.complete(request)

    async def stream(self, request: Request) -> AsyncIterator[Any]:
        """See `PlannerEngine.stream`."""
        for event in self._engine.stream(request):
            yield event

    async def aclose(self) -> None:
        """Nothing is held."""

    def dump_state(self) -> dict[str, Any]:
        """See `PlannerEngine.dump_state`."""
        return {}

    @classmethod
    def load_state(cls, state: dict[str, Any]) -> AsyncPlannerEngine:
        """The inverse of `dump_state`."""
        return cls()


def _reply(request: Request) -> TextPart | ToolCallPart:
    task = read(request)
    if SUBMIT in task.tools:
        step = dialogue.next_step(task)
        return ToolCallPart(f"planner-{len(task.messages)}", step.tool, step.args)
    text = analysis.answer(task)
    if text is None:
        raise UnsupportedFeatureError("The built-in planner answers conversations and task analyses only.")
    return TextPart(text)
