"""The dialogue as the language model sees it: saved with call ids, restored, and capped by whole turns."""

from __future__ import annotations

import json
from typing import Any

import dspy
from dspy.adapters import ToolCallResults

from agent.lm.planner.request import SUBMIT

MAX_CHARS = 24_000
"""About 6k tokens of earlier turns; what is dropped is still in the history and the session's file."""


def dump(history: dspy.History) -> list[dict[str, Any]]:
    """JSON form of a ReActV2 history (its own `model_dump` would lose the assistant's calls on reload)."""
    lines = []
    for message in history.messages:
        line = {key: value for key, value in message.items() if key != "tool_calls"}
        if "next_thought" in line:
            line["next_thought"] = str(line["next_thought"])
        calls = message.get("tool_calls")
        if calls is not None:
            results = calls.tool_call_results
            line["tool_calls"] = {
                "calls": [{"id": call.id, "name": call.name, "args": call.args} for call in calls.tool_calls],
                "results": results.model_dump(mode="json") if results else None,
            }
        lines.append(line)
    loaded: list[dict[str, Any]] = json.loads(json.dumps(lines, default=str))
    return loaded


def load(lines: list[dict[str, Any]]) -> dspy.History:
    """The inverse of `dump`."""
    messages = []
    for line in lines:
        message = {key: value for key, value in line.items() if key != "tool_calls"}
        calls = line.get("tool_calls")
        if calls is not None:
            results = calls["results"]
            message["tool_calls"] = dspy.ToolCalls(
                tool_calls=[dspy.ToolCalls.ToolCall(**call) for call in calls["calls"]],
                tool_call_results=ToolCallResults.model_validate(results) if results else None,
            )
        messages.append(message)
    return dspy.History(messages=messages)


def cap(lines: list[dict[str, Any]], max_chars: int = MAX_CHARS) -> list[dict[str, Any]]:
    """Drop the oldest whole turns until the rest fits; the state of old turns (`context`) goes first.

    A turn begins with the entry that holds the user's `message`; its calls and results stay together.
    """
    turns: list[list[dict[str, Any]]] = []
    for line in lines:
        if "message" in line or not turns:
            turns.append([])
        turns[-1].append({key: value for key, value in line.items() if key != "context"})
    kept: list[list[dict[str, Any]]] = []
    left = max_chars
    for turn in reversed(turns):
        left -= len(json.dumps(turn, default=str))
        if left < 0 and kept:
            break
        kept.insert(0, turn)
    return [line for turn in kept for line in turn]


def close_turn(lines: list[dict[str, Any]], message: str, answer: str) -> list[dict[str, Any]]:
    """Complete a turn that ended early (stopped, failed) so that the next one finds whole pairs."""
    results = {
        "tool_call_results": [{"call_id": "closed", "name": SUBMIT, "value": {"answer": answer}, "is_error": False}]
    }
    calls = {
        "calls": [{"id": "closed", "name": SUBMIT, "args": {"answer": answer, "options": []}}],
        "results": results,
    }
    start = max((index for index, line in enumerate(lines) if "message" in line), default=-1)
    begun = start >= 0 and lines[start]["message"] == message and "answer" not in lines[-1]
    head: dict[str, Any] = {} if begun else {"message": message}
    return [*lines, {**head, "tool_calls": calls, "answer": answer}]
