"""The typed request of an agent's step, read back into the dialogue it stands for."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from dspy.lm15 import FunctionTool, Request, ToolCallPart, ToolResultPart

SUBMIT = "submit"
"""The tool that ends a turn with its answer."""

_FIELD = re.compile(r"^\[\[ ## (\w+) ## \]\][ \t]*\n?", re.M)
_OUTPUTS = re.compile(r"Your output fields are:\n(.*?)(?:\n\S*All interactions|\Z)", re.S)
_OUTPUT = re.compile(r"^\d+\. `(\w+)`", re.M)
_REMINDER = re.compile(r"\n*Respond with the corresponding output fields, starting with the field .*\Z", re.S)


@dataclass
class Call:
    """A tool call and what came back (None: not yet)."""

    tool: str
    args: dict[str, Any]
    result: dict[str, Any] | None = None


@dataclass
class Exchange:
    """One turn: what the user said, the calls made, the answer (None: the turn is going on) and its quick replies."""

    message: str
    calls: list[Call] = field(default_factory=list)
    answer: str | None = None
    options: tuple[str, ...] = ()


@dataclass
class Task:
    """A request, understood as data.

    Attributes:
        fields: The input fields of the latest user message that has any.
        outputs: Names of the output fields asked for.
        exchanges: The dialogue; the last one is the present turn.
        tools: Tool name -> (description, schema of the arguments).
        messages: The raw messages.
    """

    fields: dict[str, str]
    outputs: tuple[str, ...]
    exchanges: list[Exchange]
    tools: dict[str, tuple[str, dict[str, Any]]]
    messages: tuple[Any, ...]


def read(request: Request) -> Task:
    """Read fields, dialogue and tools out of a request that DSPy's chat adapter wrote."""
    fields: dict[str, str] = {}
    exchanges: list[Exchange] = []
    calls: dict[str, Call] = {}
    for message in request.messages:
        if message.role == "user":
            found = split_fields(_text(message.parts))
            if found:
                fields = found
            if "message" in found:
                exchanges.append(Exchange(found["message"]))
            continue
        if not exchanges:
            continue
        for part in message.parts:
            if isinstance(part, ToolCallPart):
                calls[part.id] = Call(part.name, dict(part.input))
                if part.name == SUBMIT:
                    exchanges[-1].answer = str(part.input.get("answer", ""))
                    exchanges[-1].options = tuple(str(option) for option in part.input.get("options") or ())
                else:
                    exchanges[-1].calls.append(calls[part.id])
            elif isinstance(part, ToolResultPart) and part.id in calls:
                calls[part.id].result = _result(_text(part.content))
    functions = [tool for tool in request.tools if isinstance(tool, FunctionTool)]
    tools = {tool.name: (tool.description or "", dict(tool.parameters.get("properties") or {})) for tool in functions}
    return Task(fields, _outputs(request.system), exchanges, tools, tuple(request.messages))


def split_fields(text: str) -> dict[str, str]:
    """The input fields of one user message, by name."""
    text = _REMINDER.sub("", text)
    marks = list(_FIELD.finditer(text))
    ends = [*(mark.start() for mark in marks), len(text)][1:]
    return {mark[1]: text[mark.end() : end].strip() for mark, end in zip(marks, ends, strict=True)}


def _outputs(system: Any) -> tuple[str, ...]:
    text = system if isinstance(system, str) else _text(system or ())
    found = _OUTPUTS.search(text)
    return tuple(_OUTPUT.findall(found[1])) if found else ()


def _text(parts: Any) -> str:
    return "\n".join(part.text for part in parts if getattr(part, "text", None))


def _result(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {"ok": False, "message": text}
    return value if isinstance(value, dict) else {"ok": True, "summary": str(value)}
