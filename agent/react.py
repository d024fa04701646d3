"""The ReAct agent: DSPy's ReActV2 over a chain of language models."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from typing import Any

import dspy
from dspy.utils.exceptions import AdapterParseError, ContextWindowExceededError

from agent.adapter import Dialogue
from agent.events import Event, Notice, Thought
from agent.lm.chain import BUILT_IN, Chain
from agent.lm.planner.request import SUBMIT
from agent.signatures import Converse

logger = logging.getLogger(__name__)

MAX_ITERS = 12
_ATTEMPTS = 3
"""Of one step with one model: as it is, after a reply that could not be read, without the turns before."""


class Steady(dspy.Module):  # type: ignore[misc]
    """One step of the agent that survives what language models do.

    A plain-text reply is the answer (see `Dialogue`); a malformed one is asked for again, then the next model is tried;
    a model that fails is retried and then replaced (see `Chain`).
    """

    def __init__(self, predict: dspy.Predict, chain: Chain, emit: Callable[[Event], None]) -> None:
        super().__init__()
        self.predict = predict
        self._chain = chain
        self._emit = emit

    async def aforward(self, **inputs: Any) -> dspy.Prediction:
        """Predict the next thought and tool calls."""
        forced = "tool_choice" in (inputs.get("config") or {})

        async def ask(lm: dspy.LM) -> dspy.Prediction:
            asked, malformed = inputs, None
            for attempt in range(_ATTEMPTS):
                chosen = await asyncio.to_thread(adapter, lm, malformed)  # may import a provider's client
                try:
                    with dspy.context(lm=lm, adapter=chosen):
                        return self._checked(await self.predict.acall(**asked), forced, inputs["history"])
                except AdapterParseError as error:
                    if malformed is not None or attempt + 1 == _ATTEMPTS:
                        raise
                    malformed = str(error.lm_response)
                    logger.warning("%s gave a malformed reply; asking again", lm.model)
                except ContextWindowExceededError:
                    shorter = {**inputs, "history": _this_turn(inputs)}
                    if asked is not inputs or len(shorter["history"].messages) == len(inputs["history"].messages):
                        raise
                    asked = shorter
                    logger.warning("The conversation is too long for %s; asking without earlier turns", lm.model)
            raise AssertionError("the loop returns or raises")

        return await self._chain.run(ask, lambda text: self._emit(Notice(text=text)))

    def _checked(self, prediction: dspy.Prediction, forced: bool, history: dspy.History) -> dspy.Prediction:
        calls = getattr(prediction, "tool_calls", None)
        made = list(calls.tool_calls) if calls else []
        thought = str(getattr(prediction, "next_thought", None) or "").strip()
        if forced and not any(call.name == SUBMIT for call in made):
            return _submit(thought or _last_word(history))
        if made and thought:
            self._emit(Thought(text=thought))
        return prediction


class Agent(dspy.ReActV2):  # type: ignore[misc]
    """The conversational agent of one turn.

    Args:
        tools: What it may call.
        chain: The language models.
        emit: Takes thoughts and notices.
        max_iters: Steps at most.
        instructions: In place of those of `Converse` (see `agent.program`).
    """

    def __init__(
        self,
        tools: Sequence[dspy.Tool],
        chain: Chain,
        emit: Callable[[Event], None],
        max_iters: int = MAX_ITERS,
        instructions: str | None = None,
    ) -> None:
        signature = Converse.with_instructions(instructions) if instructions else Converse
        super().__init__(signature, tools=list(tools), max_iters=max_iters)
        predict: dspy.Predict = self.react
        self.react: Steady = Steady(predict, chain, emit)

    def _make_react_signature(self) -> type[dspy.Signature]:
        """Without the lines that DSPy adds to the instructions: they say again what `Converse` says."""
        signature: type[dspy.Signature] = super()._make_react_signature()
        signature = signature.with_instructions(self.signature.instructions)
        return signature

    def _make_submit_tool(self) -> dspy.Tool:
        """`submit` with optional quick replies, so that a model that leaves them out is understood."""

        def submit(answer: str = "", options: list[str] | None = None, **rest: Any) -> dict[str, Any]:
            return {"answer": str(answer), "options": [str(option) for option in options or []][:4]}

        args = {
            "answer": {"type": "string", "description": "the answer to the user, Markdown, a few sentences"},
            "options": {"type": "array", "items": {"type": "string"}, "default": [], "description": "quick replies"},
        }
        tool: dspy.Tool = _Lenient(
            submit, name=SUBMIT, desc="Answer the user and end the turn.", args=args, arg_types={}
        )
        return tool


class _Lenient(dspy.Tool):  # type: ignore[misc]
    def _validate_and_parse_args(self, **kwargs: Any) -> dict[str, Any]:
        return kwargs


def adapter(lm: dspy.LM, malformed: str | None = None) -> dspy.ChatAdapter:
    """The planner reads DSPy's own form; every other model is spoken to as `Dialogue` does.

    A model on a server of one's own is likely to be a small one, and is shown an example first.
    """
    if str(lm.model).startswith(BUILT_IN):
        return dspy.ChatAdapter(use_native_function_calling=True, use_json_adapter_fallback=False)
    return Dialogue(example=bool(lm.kwargs.get("api_base")), malformed=malformed)


def _this_turn(inputs: dict[str, Any]) -> dspy.History:
    """The dialogue since the user's last message."""
    messages = inputs["history"].messages
    if inputs.get("message") is not None:
        return dspy.History(messages=[])
    start = max((number for number, event in enumerate(messages) if "message" in event), default=0)
    return dspy.History(messages=messages[start:])


def _last_word(history: dspy.History) -> str:
    """What the last tool of this turn said, for a model that goes on calling when it is to answer."""
    for event in reversed(history.messages):
        calls = event.get("tool_calls")
        results = calls.tool_call_results.tool_call_results if calls and calls.tool_call_results else ()
        for result in reversed(results):
            if (text := _words(result.value)) is not None:
                return text
        if "message" in event:
            break
    return ""


def _words(value: Any) -> str | None:
    try:
        told = json.loads(value)
    except (TypeError, ValueError):
        return None
    text = (told.get("summary") or told.get("message")) if isinstance(told, dict) else None
    return str(text) if text else None


def _submit(text: str) -> dspy.Prediction:
    call = dspy.ToolCalls.ToolCall(id="plain", name=SUBMIT, args={"answer": text, "options": []})
    return dspy.Prediction(next_thought=None, tool_calls=dspy.ToolCalls(tool_calls=[call]))
