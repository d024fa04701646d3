"""How a step of a conversation is written for a language model, and what its reply comes to.

DSPy's chat adapter asks for fields between markers even of a model that calls tools natively; a small one then writes
fields and calls nothing. It also puts tools that go as text behind the state of the conversation, so that a server
which keeps what it has read reads them anew in every step. Here everything that never changes comes first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import dspy
from dspy.adapters import ToolCallResults
from dspy.utils.exceptions import AdapterParseError

from agent.lm.planner.request import SUBMIT

_HOW_TO_CALL = (
    'Every reply is one call of a tool, a JSON object and nothing else: {{"name": "…", "arguments": {{…}}}}. '
    "Its result is the next message. These are the tools:\n{tools}"
)
_NEITHER = "That was neither the call of a tool nor an answer. Call one tool, or answer in plain words."
_NOT_REAL = "The dialogue begins with an example about digits and experiment 70. Nothing of it took place."
_SHOWN = "The user reads it."
_MOST_SHOWN = 300
_WRAPPERS = re.compile(r"</?(?:tool_calls?|tools?|function_calls?|functions?|response)>|```\w*|\[\[ ?##.*?## ?\]\]")
_ARGUMENTS = ("arguments", "args", "parameters")
_OPENING = re.compile(r"[{\[]")
_ANSWER = re.compile(r'"name":\s*"submit".*?"answer":\s*("(?:\\.|[^"\\])*")', re.S)
_PIECES = re.compile(r'"(?:\\.|[^"\\])*"|[{}\[\]]', re.S)


class Dialogue(dspy.ChatAdapter):  # type: ignore[misc]
    """The adapter of the agent's steps, for every language model but the planner.

    Instructions and tools come first and never change; a message of the user is the state as one line of JSON, then
    the words. A reply is either prose, which is the answer, or calls, in whatever way they are written.

    Args:
        example: Show a short dialogue first. Small models learn from it to leave out what was not asked for.
        malformed: What the model replied before, which was neither; it is told so.
    """

    def __init__(self, example: bool = False, malformed: str | None = None) -> None:
        super().__init__(use_native_function_calling=True, use_json_adapter_fallback=False)
        self._names: frozenset[str] = frozenset()
        self._example = example
        self._malformed = malformed

    def _call_preprocess(self, lm: Any, lm_kwargs: dict[str, Any], signature: Any, inputs: dict[str, Any]) -> Any:
        self._names = frozenset(tool.name for tool in inputs["tools"])
        return super()._call_preprocess(lm, lm_kwargs, signature, inputs)

    def format(self, signature: Any, demos: list[dict[str, Any]], inputs: dict[str, Any]) -> list[dict[str, Any]]:
        """The messages: system, the dialogue so far, and what the user says now where a turn begins."""
        as_text = "tools" in signature.input_fields  # else they go beside the messages
        system = str(signature.instructions).strip()
        if as_text:
            listed = (json.dumps(_function(tool), ensure_ascii=False) for tool in inputs["tools"])
            system += "\n\n" + _HOW_TO_CALL.format(tools="\n".join(listed))
        if self._example:
            system += "\n\n" + _NOT_REAL
        messages = [{"role": "system", "content": system}]
        for event in [*(_example() if self._example else ()), *inputs["history"].messages, inputs]:
            messages += _heard(event)
            messages += _done(event, as_text)
        if self._malformed is not None:
            messages.append({"role": "assistant", "content": self._malformed[:_MOST_SHOWN] or "…"})
            messages.append({"role": "user", "content": _NEITHER})
        return messages

    def _call_postprocess(
        self, processed_signature: Any, original_signature: Any, outputs: list[Any], lm: Any, lm_kwargs: dict[str, Any]
    ) -> list[dict[str, Any]]:
        return [self._read(output, original_signature) for output in outputs]

    def _read(self, output: Any, signature: Any) -> dict[str, Any]:
        reply = output if isinstance(output, dict) else {"text": output}
        text = str(reply.get("text") or "")
        calls = [_native(call) for call in reply.get("tool_calls") or ()]
        prose = text if calls else ""
        if not calls:
            calls, prose = written(text, self._names)
        if not calls and not prose:
            raise AdapterParseError(type(self).__name__, signature, text, message="neither an answer nor a call")
        thought = reply.get("reasoning_content") or (prose if calls else None)
        made = _each_once(calls) or [dspy.ToolCalls.ToolCall(name=SUBMIT, args={"answer": prose})]
        thought = _WRAPPERS.sub("", str(thought)).strip() if thought else None
        return {
            "next_thought": dspy.Reasoning(content=thought) if thought else None,
            "tool_calls": dspy.ToolCalls(tool_calls=made),
        }


def written(text: str, names: Iterable[str]) -> tuple[list[dspy.ToolCalls.ToolCall], str]:
    """The calls that a text holds, and its prose; both are empty for something else gone wrong, such as broken JSON.

    >>> written('{"name": "Predictor", "arguments": {"dataset": "iris"}}', {"Predictor"})[0][0].args
    {'dataset': 'iris'}
    >>> written("Hello there.", {"Predictor"})
    ([], 'Hello there.')
    """
    known, calls, rest, position = frozenset(names), [], [], 0
    for start, end, value in _json_values(text):
        found = [call for item in (value if isinstance(value, list) else [value]) for call in _calls(item, known)]
        if found:
            calls += found
            rest.append(text[position:start])
            position = end
    rest.append(text[position:])
    prose = _WRAPPERS.sub("", "".join(rest)).strip()
    if not calls and (prose[:1] in ("{", "[", "<") or text.lstrip().startswith("```")):
        return _cut_off(text), ""
    return calls, prose


def _cut_off(text: str) -> list[dspy.ToolCalls.ToolCall]:
    """The answer of a `submit` that was cut off behind it; any other call might lack what counts."""
    answer = _ANSWER.search(text)
    if answer is None:
        return []
    return [dspy.ToolCalls.ToolCall(name=SUBMIT, args={"answer": json.loads(answer[1], strict=False)})]


def _json_values(text: str) -> Iterator[tuple[int, int, Any]]:
    """Every JSON object or list in a text that is in no other: where it begins and ends, and its value."""
    decoder, position = json.JSONDecoder(strict=False), 0
    while (opening := _OPENING.search(text, position)) is not None:
        start = opening.start()
        try:
            value, position = decoder.raw_decode(text, start)
        except ValueError:
            try:
                value, position = json.loads(_closed(text[start:]), strict=False), len(text)
            except ValueError:
                position = opening.end()
                continue
        yield start, position, value


def _closed(text: str) -> str:
    """JSON with the brackets that are missing at its end, where some are there; without any, more than brackets may be
    missing, and the call would be a guess.

    >>> _closed('{"a": {"b": [1, 2]} ')
    '{"a": {"b": [1, 2]}}'
    """
    text = _WRAPPERS.sub("", text).rstrip()
    if not text.endswith(("}", "]")):
        return text
    missing: list[str] = []
    for piece in _PIECES.findall(text):
        if piece in ("{", "["):
            missing.append("}" if piece == "{" else "]")
        elif missing and piece == missing[-1]:
            missing.pop()
    return text + "".join(reversed(missing))


def _calls(value: Any, known: frozenset[str]) -> list[dspy.ToolCalls.ToolCall]:
    """The calls that a JSON value stands for: {name, arguments}, OpenAI's {function}, DSPy's {tool_calls: […]}, or the
    fields of an answer alone.
    """
    if not isinstance(value, dict):
        return []
    if isinstance(value.get("tool_calls"), list):
        return [call for item in value["tool_calls"] for call in _calls(item, known)]
    if "answer" in value and set(value) <= {"answer", "options"}:
        return [dspy.ToolCalls.ToolCall(name=SUBMIT, args=value)]
    inner = value["function"] if isinstance(value.get("function"), dict) else value
    name = next((inner[key] for key in ("name", "tool", "function") if isinstance(inner.get(key), str)), None)
    given = next((inner[key] for key in _ARGUMENTS if key in inner), None)
    if name is None or (name not in known and given is None):
        return []
    return [dspy.ToolCalls.ToolCall(name=name, args=_arguments(given))]


def _each_once(calls: list[dspy.ToolCalls.ToolCall]) -> list[dspy.ToolCalls.ToolCall]:
    """A small model in a loop writes one call again and again."""
    return [call for number, call in enumerate(calls) if not any(_same(call, other) for other in calls[:number])]


def _same(one: dspy.ToolCalls.ToolCall, other: dspy.ToolCalls.ToolCall) -> bool:
    return bool(one.name == other.name and one.args == other.args)


def _native(call: Any) -> dspy.ToolCalls.ToolCall:
    function = _part(call, "function") or call
    return dspy.ToolCalls.ToolCall(
        id=_part(call, "call_id") or _part(call, "id"),
        name=str(_part(function, "name") or ""),
        args=_arguments(_part(function, "arguments")),
    )


def _arguments(given: Any) -> dict[str, Any]:
    """Arguments as an object; what is none becomes an argument that no tool knows, so that the model is told."""
    if given is None or given == "":
        return {}
    if isinstance(given, str):
        try:
            given = json.loads(given, strict=False)
        except ValueError:
            return {"arguments": given}
    return given if isinstance(given, dict) else {"arguments": given}


def _part(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else getattr(value, key, None)


def _function(tool: dspy.Tool) -> dict[str, Any]:
    function: dict[str, Any] = tool.format_as_litellm_function_call()["function"]
    return function


def _heard(event: dict[str, Any]) -> list[dict[str, Any]]:
    """What the user said, after the state: one line of JSON, which nothing in it can break out of."""
    if event.get("message") is None:
        return []
    state = event.get("context")
    shown = f"State of the conversation: {state}\n\nUser: " if state else ""
    return [{"role": "user", "content": f"{shown}{event['message']}"}]


def _done(event: dict[str, Any], as_text: bool) -> list[dict[str, Any]]:
    """What the model called and what came back. An answer is a call too: a small model that sees prose in its place
    goes on in prose, with numbers of its own.
    """
    calls = event.get("tool_calls")
    if calls is None:
        return []
    answered = calls.tool_call_results
    results = {result.call_id: result.value for result in answered.tool_call_results} if answered else {}
    told = {call.id: _SHOWN if call.name == SUBMIT else results.get(call.id, "") for call in calls.tool_calls}
    thought = str(event.get("next_thought") or "")
    write = _as_text if as_text else _as_calls
    return write(calls.tool_calls, told, thought) if calls.tool_calls else []


def _as_calls(acts: list[Any], results: dict[str, Any], thought: str) -> list[dict[str, Any]]:
    made = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": _json(call.args)}}
        for call in acts
    ]
    said = {"role": "assistant", "content": thought or None, "tool_calls": made}
    told = [
        {"role": "tool", "tool_call_id": call.id, "name": call.name, "content": _json(results.get(call.id, ""))}
        for call in acts
    ]
    return [said, *told]


def _as_text(acts: list[Any], results: dict[str, Any], thought: str) -> list[dict[str, Any]]:
    made = "\n".join(_json({"name": call.name, "arguments": call.args}) for call in acts)
    said = {"role": "assistant", "content": f"{thought}\n{made}".strip()}
    told = "\n".join(f"Result of {call.name}: {_json(results[call.id])}" for call in acts if call.name != SUBMIT)
    return [said, {"role": "user", "content": told}] if told else [said]


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _example() -> list[dict[str, Any]]:
    """A dialogue that never took place: a look at data, a wish with limits, a deletion that needs a yes, thanks."""
    return [
        {"message": "What is in the digits data?", **_called("DatasetInspector", {"dataset": "digits"}, _READ)},
        _answered("digits has 1797 rows and 64 columns; `class` is what can be predicted."),
        {
            "message": "Train on it for 2 minutes, at most 1 MB",
            **_called("AutoMLWorkflow", {"dataset": "digits", "time_s": 120, "max_model_size": 1_000_000}, _TRAINED),
        },
        _answered("It reaches accuracy 0.97 on the test rows, with 300 kB of the 1 MB allowed."),
        {
            "message": "Delete experiment 70",
            **_called("ExperimentTracker", {"action": "delete", "experiments": [70]}, _DELETION),
        },
        _answered("Delete experiment 70 for good?"),
        {"message": "No, thanks", **_answered("Experiment 70 stays. What shall I train next?")},
    ]


_READ = {"ok": True, "summary": "digits: 1797 rows, 64 columns. Likely target: `class`."}
_TRAINED = {"ok": True, "summary": "Accuracy 0.97 on the test rows; 300 kB (at most 1 MB): met."}
_DELETION = {"ok": False, "code": "needs_confirmation", "message": "Delete experiment 70 for good?"}


def _called(name: str, args: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    call = dspy.ToolCalls.ToolCall(id=f"example-{name}", name=name, args=args)
    results = ToolCallResults.from_tool_calls_and_values([call], [json.dumps(result)])
    return {"tool_calls": dspy.ToolCalls(tool_calls=[call], tool_call_results=results)}


def _answered(text: str) -> dict[str, Any]:
    return _called(SUBMIT, {"answer": text}, {})
