"""The ReAct agent: DSPy's ReActV2 over a chain of language models, with plain replies taken as answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

import dspy
from dspy.utils.exceptions import AdapterParseError

from agent.events import Event, Notice, Thought
from agent.lm.chain import Chain
from agent.signatures import Converse

logger = logging.getLogger(__name__)

MAX_ITERS = 12
_PARSE_ATTEMPTS = 2
_MARKER = "[[ ##"


class Steady(dspy.Module):  # type: ignore[misc]
    """One step of the agent that survives what language models do.

    A plain-text reply becomes the final answer; a malformed one is asked for again, then the next model is tried;
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
            chosen = await asyncio.to_thread(adapter, lm)  # may import a provider's client
            for attempt in range(_PARSE_ATTEMPTS):
                try:
                    with dspy.context(lm=lm, adapter=chosen):
                        return self._checked(await self.predict.acall(**inputs), forced)
                except AdapterParseError as error:
                    text = plain_text(error.lm_response)
                    if text:
                        return _submit(text)
                    if attempt + 1 == _PARSE_ATTEMPTS:
                        raise
                    logger.warning("%s gave a malformed reply; asking again", lm.model)
            raise AssertionError("the loop returns or raises")

        return await self._chain.run(ask, lambda text: self._emit(Notice(text=text)))

    def _checked(self, prediction: dspy.Prediction, forced: bool) -> dspy.Prediction:
        calls = getattr(prediction, "tool_calls", None)
        made = list(calls.tool_calls) if calls else []
        thought = str(getattr(prediction, "next_thought", None) or "").strip()
        if made:
            if thought:
                self._emit(Thought(text=thought))
            return prediction
        if thought and (forced or not calls):
            return _submit(thought)  # spoke instead of calling a tool: that is the answer
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

    def _make_submit_tool(self) -> dspy.Tool:
        """`submit` with optional quick replies, so that a model that leaves them out is understood."""

        def submit(answer: str = "", options: list[str] | None = None, **rest: Any) -> dict[str, Any]:
            return {"answer": str(answer), "options": [str(option) for option in options or []][:4]}

        args = {
            "answer": {"type": "string", "description": "the answer to the user, Markdown, a few sentences"},
            "options": {"type": "array", "items": {"type": "string"}, "default": [], "description": "quick replies"},
        }
        tool: dspy.Tool = _Lenient(
            submit, name="submit", desc="Answer the user and end the turn.", args=args, arg_types={}
        )
        return tool


class _Lenient(dspy.Tool):  # type: ignore[misc]
    def _validate_and_parse_args(self, **kwargs: Any) -> dict[str, Any]:
        return kwargs


def adapter(lm: dspy.LM) -> dspy.ChatAdapter:
    """Native tool calls where the model has them; otherwise text, with JSON as the second try."""
    native = bool(lm.supports_function_calling)
    return dspy.ChatAdapter(use_native_function_calling=True, use_json_adapter_fallback=not native)


def plain_text(response: Any) -> str:
    """The reply as prose, or "" when it is something else gone wrong (empty, field markers, broken JSON).

    >>> plain_text("Hello there."), plain_text('{"name": "Auto'), plain_text("")
    ('Hello there.', '', '')
    """
    text = str(response or "").strip()
    if not text or _MARKER in text or text[0] in "{[<" or text.startswith("```"):
        return ""
    return text


def _submit(text: str) -> dspy.Prediction:
    call = dspy.ToolCalls.ToolCall(id="plain", name="submit", args={"answer": text, "options": []})
    return dspy.Prediction(next_thought=None, tool_calls=dspy.ToolCalls(tool_calls=[call]))
