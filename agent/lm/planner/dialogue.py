"""The planner's step in a turn: the next call, a question, or the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agent.consent import said
from agent.lm.planner import compose
from agent.lm.planner.request import SUBMIT, Call, Exchange, Task
from agent.lm.planner.understand import Act, Understanding, understand
from agent.lm.planner.world import World, read_world

_MAX_CARRIED = 3
"""How many earlier messages an open question may reach back over."""


@dataclass
class Step:
    """A tool call to make; `submit` ends the turn."""

    tool: str
    args: dict[str, Any]


def next_step(task: Task) -> Step:
    """Decide from the dialogue so far; the same dialogue gives the same step."""
    world = read_world(task.fields.get("context", ""))
    if not task.exchanges:
        return _say(compose.unsure(world))
    turn = task.exchanges[-1]
    if any(not (call.result or {}).get("ok", False) for call in turn.calls):
        return _say(compose.answer(turn.calls, world))
    if world.waiting and world.waiting.get("user_said") and not turn.calls:
        return _confirmed(world)
    meant = _meaning(task.exchanges, world, task)
    open_acts = _remaining(meant.acts, turn.calls)
    if open_acts and task.tools.get(open_acts[0].tool):
        act = open_acts[0]
        return _say(compose.ask(act.missing, world, act.unknown)) if act.missing else Step(act.tool, act.args)
    if turn.calls:
        return _say(compose.answer(turn.calls, world))
    if meant.refused:
        return _say(compose.reply("no_job_done", world))
    if meant.talk:
        return _say(compose.reply(meant.talk, world))
    if said(turn.message):
        return _say(compose.reply("nothing_pending", world))
    return _say(compose.unsure(world))


def _say(said: compose.Said) -> Step:
    return Step(SUBMIT, {"answer": said.text, "options": list(said.options)})


def _confirmed(world: World) -> Step:
    waiting = world.waiting or {}
    if waiting.get("user_said") == "yes":
        return Step(str(waiting["tool"]), dict(waiting["args"]))
    return _say(compose.reply("refused", world))


def _meaning(exchanges: list[Exchange], world: World, task: Task) -> Understanding:
    """The present message; where it only answers an open question, together with the message that raised it."""
    message = exchanges[-1].message
    meant = understand(message, world, task.tools)
    fresh = bool(meant.acts) and not all(act.missing or act.intent == "follow-up" for act in meant.acts)
    if fresh or meant.talk or meant.refused or (world.waiting and world.waiting.get("user_said")):
        return meant
    carried = message
    for earlier in reversed(exchanges[-1 - _MAX_CARRIED : -1]):
        if not _open(earlier, world, task):
            break
        carried = f"{earlier.message}. {carried}"
        together = understand(carried, world, task.tools)
        if together.acts and not any(act.missing for act in together.acts):
            return together
    if not meant.acts and world.attached:
        return understand(f"what is in {world.attached[-1]}", world, task.tools)
    return meant


def _open(earlier: Exchange, world: World, task: Task) -> bool:
    """Whether a turn ended in a question of the planner's, or in a failed call that a detail may mend."""
    if earlier.calls:
        last = earlier.calls[-1].result or {}
        return not last.get("ok", False) and last.get("code") in ("task", "bad_arguments")
    return bool(understand(earlier.message, world, task.tools).acts) or "?" in (earlier.answer or "")


def _remaining(acts: list[Act], calls: list[Call]) -> list[Act]:
    """Acts that no call of this turn has served yet, in order."""
    left = list(acts)
    for call in calls:
        for act in left:
            if act.tool == call.tool and act.args.get("action") == call.args.get("action"):
                left.remove(act)
                break
    return left
