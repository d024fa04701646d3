"""The ten tools as the agent's language model may call them: checked, gated by the user's yes, watched, stoppable."""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import dspy
from pydantic import BaseModel, ValidationError

from agent.events import ArtifactReady, Event, ToolFinished, ToolProgress, ToolStarted
from agent.memory import Memory, Pending
from agent.observation import observation
from tools.contract import TOOLS, Tool, ToolArgs, ToolContext, ToolResult
from tools.core.errors import AutoMLError
from tools.core.frozen import explain

logger = logging.getLogger(__name__)

_NOT_ASKED_FOR = frozenset({"request"})
"""Arguments that a model need not write: the tool finds the user's words in its context."""

_FIRST = "AutoMLWorkflow"

TRAINING_TOOLS = frozenset({"AutoMLWorkflow", "ArchitectureSearch", "HyperparameterOptimizer"})


class AgentTool(dspy.Tool):  # type: ignore[misc]
    """A tool whose arguments are checked by its own pydantic model, with messages a person understands."""

    def _validate_and_parse_args(self, **kwargs: Any) -> dict[str, Any]:
        return kwargs  # dspy's own check would put a traceback into what the model reads

    def format_as_litellm_function_call(self) -> dict[str, Any]:
        """No argument is required, as far as a model is told: a tool asks for what it misses, in words."""
        parameters = {"type": "object", "properties": self.args}
        return {"type": "function", "function": {"name": self.name, "description": self.desc, "parameters": parameters}}


class Toolbox:
    """The tools of one turn.

    Args:
        context: What surrounds the calls (shared with the session, which sets `stopped` and `detached`).
        memory: The conversation's memory; the toolbox keeps its current ids and what waits for a yes.
        emit: Takes events; called from the tools' threads too.
        approved: The user's message of this turn said yes to what `memory.pending` asks.
        tools: Default: all registered.
    """

    def __init__(
        self,
        context: ToolContext,
        memory: Memory,
        emit: Callable[[Event], None],
        approved: bool = False,
        tools: Iterable[Tool[Any]] | None = None,
    ) -> None:
        self.context = context
        self.memory = memory
        self.running = 0
        self._emit = emit
        self._approved, memory.pending = (memory.pending if approved else None), None
        self._tools = {tool.name: tool for tool in (TOOLS if tools is None else tools)}
        self._numbers = itertools.count(1)

    def dspy_tools(self) -> list[AgentTool]:
        """The tools with their JSON schemas given explicitly, always in the same order and words.

        The one that takes the most arguments comes first; those that it shares with others are described there only.
        """
        described: dict[str, Any] = {}
        ordered = sorted(self._tools.values(), key=lambda tool: (tool.name != _FIRST, tool.name))
        return [self._wrap(tool, described) for tool in ordered]

    def _wrap(self, tool: Tool[Any], described: dict[str, Any]) -> AgentTool:
        async def call(**args: Any) -> str:
            return await self.call(tool, args)

        args = {}
        for name, schema in properties(tool.Args).items():
            if name in _NOT_ASKED_FOR:
                continue
            told = described.get(name) == schema
            args[name] = {key: value for key, value in schema.items() if not (told and key == "description")}
            described.setdefault(name, schema)
        return AgentTool(call, name=tool.name, desc=description(tool), args=args, arg_types={})

    async def call(self, tool: Tool[Any], raw: dict[str, Any]) -> str:
        """Check and run one call.

        Returns:
            What the language model reads: {ok, summary, data, …} or {ok: false, code, message, hint}.

        Raises:
            asyncio.CancelledError: the user stopped the turn while the tool ran.
        """
        given = {key: value for key, value in raw.items() if value is not None and value != ""}  # both: left out
        try:
            args = tool.Args.model_validate(given)
        except ValidationError as error:
            hint = "Correct the arguments and call the tool again, or ask the user."
            return observation(ok=False, code="bad_arguments", message=explain(error, tool.Args), hint=hint)
        shown = args.model_dump(mode="json", exclude_unset=True)
        try:
            question = await asyncio.to_thread(tool.confirm, args, self.context)
        except AutoMLError as error:  # for instance: what is to be deleted is not there; `run` says it properly
            return self._failed_early(tool, shown, error)
        if question and not self._may_run(tool, shown):
            self.memory.pending = Pending(tool=tool.name, args=shown, question=question)
            hint = "Ask the user exactly this question and end the turn; call again only after the user's yes."
            return observation(ok=False, code="needs_confirmation", message=question, hint=hint)
        return await self._run(tool, args, shown)

    def _may_run(self, tool: Tool[Any], args: dict[str, Any]) -> bool:
        """The user's yes holds for exactly the call that was asked about, once."""
        granted = self._approved
        if granted is None or granted.tool != tool.name or granted.args != args:
            return False
        self._approved = None
        return True

    def _failed_early(self, tool: Tool[Any], shown: dict[str, Any], error: AutoMLError) -> str:
        call = f"call-{next(self._numbers)}"
        self._emit(ToolStarted(call=call, name=tool.name, args=shown))
        return self._fail(call, tool, error.as_dict(), 0.0)

    async def _run(self, tool: Tool[Any], args: ToolArgs, shown: dict[str, Any]) -> str:
        call = f"call-{next(self._numbers)}"
        context = replace(
            self.context,
            emit=lambda event: self._emit(ToolProgress(call=call, event=event)),
            datasets={name: note.path for name, note in self.memory.datasets.items()},
            current_dataset=self.memory.current_dataset,
            current_experiment=self.memory.current_experiment,
        )
        self._emit(ToolStarted(call=call, name=tool.name, args=shown))
        began = time.monotonic()
        self.running += 1
        try:
            result = await asyncio.to_thread(tool.run, args, context)
        except AutoMLError as error:
            if tool.name in TRAINING_TOOLS and error.type in ("resource", "optimization"):
                self.memory.last_training = {"tool": tool.name, "args": shown}  # "allow 5 kB, then": the same again
            return self._fail(call, tool, error.as_dict(), time.monotonic() - began)
        except asyncio.CancelledError:
            raise
        except Exception:  # the model and the user read a sentence; the log keeps the traceback
            logger.exception("Tool %s failed unexpectedly", tool.name)
            fault = {"type": "internal", "message": f"{tool.name} failed with an internal error."}
            return self._fail(
                call, tool, {**fault, "hint": "The log has the details; try something else meanwhile."}, 0.0
            )
        finally:
            self.running -= 1
        return self._finish(call, tool, shown, result, time.monotonic() - began)

    def _fail(self, call: str, tool: Tool[Any], error: dict[str, str], seconds: float) -> str:
        summary = f"{error['message']} {error['hint']}".strip()
        self._emit(
            ToolFinished(
                call=call, name=tool.name, ok=False, summary=summary, result=dict(error), seconds=round(seconds, 3)
            )
        )
        self._end_if_stopped()
        return observation(ok=False, code=error["type"], message=error["message"], hint=error["hint"])

    def _finish(self, call: str, tool: Tool[Any], args: dict[str, Any], result: ToolResult, seconds: float) -> str:
        running = result.status == "running"
        self._remember(tool, args, result, running)
        self._emit(
            ToolFinished(
                call=call, name=tool.name, ok=True, summary=result.summary, result=result.data,
                seconds=round(seconds, 3), experiment=result.experiment, running=running,
            )
        )  # fmt: skip
        for artifact in result.artifacts:
            self._emit(ArtifactReady(call=call, artifact=artifact))
        self._end_if_stopped()
        return observation(
            ok=True, status=result.status, experiment=result.experiment, dataset=result.dataset, summary=result.summary,
            next_step=result.next_step, options=list(result.options), data=result.data,
        )  # fmt: skip

    def _remember(self, tool: Tool[Any], args: dict[str, Any], result: ToolResult, running: bool) -> None:
        memory = self.memory
        if result.experiment is not None:
            memory.current_experiment = result.experiment
            if running and result.experiment not in memory.watched:
                memory.watched.append(result.experiment)
        if result.dataset is not None:
            memory.current_dataset = result.dataset
        if tool.name in TRAINING_TOOLS:
            memory.last_training = {"tool": tool.name, "args": args}

    def _end_if_stopped(self) -> None:
        if self.context.stopped.is_set() or self.context.detached.is_set():
            raise asyncio.CancelledError


def description(tool: Tool[Any]) -> str:
    """What the language model reads about a tool: its docstring and a few requests it answers."""
    text = " ".join((tool.__doc__ or tool.name).split())
    asked = "; ".join(f'"{example}"' for example in tool.examples[:2])
    return f"{text} For example: {asked}." if asked else text


def properties(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of every argument, references resolved (some providers accept none); made once, not to change.

    Short, since a language model reads it in every step: whatever may be null may be left out instead, and the tool
    itself tells when a number is out of its range.
    """
    return _properties(model)  # pydantic's metaclass hides from the type checker that classes are hashable


@functools.cache
def _properties(model: Any) -> dict[str, Any]:
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    return {name: _resolve(part, definitions) for name, part in schema.get("properties", {}).items()}


_BOUNDS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
_NULL = {"type": "null"}


def _resolve(part: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(part, list):
        return [_resolve(item, definitions) for item in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _resolve(
            {**definitions[part["$ref"].rsplit("/", 1)[-1]], **{k: v for k, v in part.items() if k != "$ref"}},
            definitions,
        )
    if _NULL in part.get("anyOf", ()):
        kinds = [kind for kind in part["anyOf"] if kind != _NULL]
        rest = {key: value for key, value in part.items() if key != "anyOf"}
        return _resolve({**(kinds[0] if len(kinds) == 1 else {"anyOf": kinds}), **rest}, definitions)
    return {key: _resolve(value, definitions) for key, value in part.items() if not _needless(key, value)}


def _needless(key: str, value: Any) -> bool:
    if key == "title":
        return isinstance(value, str)
    return (key == "default" and value is None) or (key in _BOUNDS and isinstance(value, (int, float)))
