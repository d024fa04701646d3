"""The planner's step in a turn: the next call, a question, or the answer."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from agent.consent import said
from agent.lm.planner import compose, glossary, guard, offers, preferences
from agent.lm.planner.acts import Act
from agent.lm.planner.clauses import FRAGMENT
from agent.lm.planner.request import SUBMIT, Call, Task
from agent.lm.planner.state import State, follow
from agent.lm.planner.understand import Understanding, understand
from agent.lm.planner.world import World, read_world

_POINTER = re.compile(
    r"\W*(?:(?:here|this|that|these|those|see|look|attached|file|data|my|the|is|are|it|please|hi|hello|hey|at|"
    r"have a look|a|for you|check|take|and|voila|voilà|what|what's|whats|about|tell me|about|i have|we have|got|one|"
    r"new|of|do you (?:make|think)|say)\b\W*)*"
)


_PICTURE = re.compile(r"\.(?:png|jpe?g|bmp|gif|webp)$", re.I)
"""One picture, where there are models: a question about it is one to a model."""

_HARMLESS = ("evaluate", "constraints", "inspect", "history.show", "history.list", "history.best", "history.compare",
             "history.plot", "jobs.status", "jobs.list")  # fmt: skip
"""What may be done for somebody who has just said no."""

_CORRECTED = re.compile(r"\d|\b(?:i meant?|rather|instead)\b", re.I)


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
        return _confirmed(task, world)
    declined = guard.refusal(turn.message, world)
    if declined and not turn.calls:
        return _say(compose.Said(declined))
    if world.changed_preferences and not turn.calls:
        return _say(compose.Said(preferences.told(world.changed_preferences)))
    before = task.exchanges[-2] if len(task.exchanges) > 1 else None
    known = offers.told_before(turn.message, before)
    if known and before is not None and not turn.calls:
        return _say(compose.Said(known, offers.remedies(before.calls[-1])))
    rules = preferences.asked(turn.message, world.preferences)
    if rules and not turn.calls:
        return _say(compose.Said(rules))
    confirmed = bool(turn.calls) and (world.waiting or {}).get("user_said") == "yes"
    meant = _meaning(task, world, turn.calls)
    open_acts = _unfinished(task, world) if confirmed else _remaining(meant.acts, turn.calls)
    if open_acts and task.tools.get(open_acts[0].tool):
        act = open_acts[0]
        return _say(compose.ask(act, world)) if act.missing else Step(act.tool, act.args)
    if turn.calls:
        return _say(compose.answer(turn.calls, world))
    return _say(_words(meant, turn.message, world))


def _words(meant: Understanding, message: str, world: World) -> compose.Said:
    """The planner's own reply where no tool is called."""
    if meant.talk == "explain":
        text = glossary.answer(meant.text) or glossary.answer(message)
        return compose.Said(text) if text else compose.unsure(world, meant.ranking)
    if meant.refused:
        return compose.reply("no_job_done", world)
    if meant.talk:
        return compose.reply(meant.talk, world)
    if said(message):
        return compose.reply("nothing_pending", world)
    return compose.unsure(world, meant.ranking)


def _say(said: compose.Said) -> Step:
    return Step(SUBMIT, {"answer": said.text, "options": list(said.options)})


def _confirmed(task: Task, world: World) -> Step:
    """The call that the user said yes to; after "no, 3" the same call on the other one, which is asked about anew."""
    waiting = world.waiting or {}
    if waiting.get("user_said") == "yes":
        return Step(str(waiting["tool"]), dict(waiting["args"]))
    for act in _meaning(task, world, []).acts[:1]:
        if (
            act.tool == waiting["tool"]
            and not act.missing
            and act.args != waiting["args"]
            and _CORRECTED.search(task.exchanges[-1].message)
        ):
            return Step(act.tool, act.args)
    asked = _asked_instead(task, world)
    return Step(asked.tool, asked.args) if asked else _say(compose.reply("refused", world))


def _asked_instead(task: Task, world: World) -> Act | None:
    """What a message that says no asks for beside it: "hold on, how good was it?" is about what the no spares."""
    waiting = world.waiting or {}
    args = waiting.get("args", {})
    spared = args.get("experiments") or [args.get("experiment") or args.get("job")]
    about = replace(world, current_experiment=spared[0]) if len(spared) == 1 and spared[0] else world
    meant = _meaning(task, about, [])
    for act in meant.acts[:1]:
        other = (act.tool, act.args.get("action")) != (waiting.get("tool"), args.get("action"))
        if other and not act.missing and act.tool in task.tools and act.intent in _HARMLESS:
            schema = task.tools[act.tool][1]
            points = "experiment" in schema and "experiment" not in act.args and about.current_experiment is not None
            return replace(act, args={**act.args, "experiment": about.current_experiment}) if points else act
    return None


def _meaning(task: Task, world: World, calls: list[Call]) -> Understanding:
    """The present message, in the light of the turns before and of the calls already made in this one."""
    before = task.exchanges[-2] if len(task.exchanges) > 1 else None
    message = offers.taken(task.exchanges[-1].message, before) or task.exchanges[-1].message
    state = _state(task, world)
    meant = understand(message, world, task.tools, state)
    if calls:
        later = understand(message, world.after(calls), task.tools, state)
        alike = [act.tool for act in later.acts] == [act.tool for act in meant.acts]
        return later if alike else meant
    pointing = _POINTER.fullmatch(message.lower()) or (
        meant.ranking is not None
        and meant.ranking.best.name == FRAGMENT
        and not set(meant.slots) - {"dataset"}
        and not meant.talk
    )
    looks = not meant.acts or [act.intent for act in meant.acts] == ["inspect"]
    if looks and not meant.refused and world.experiments and _PICTURE.search(" ".join(world.attached[-1:])):
        return Understanding([Act("predict", "Predictor", {"dataset": world.attached[-1]})])
    if not meant.acts and not meant.refused and pointing and world.new_rows:
        args = {"dataset": world.attached[-1], "experiment": world.new_rows.experiment}
        return Understanding([Act("predict", "Predictor", args)])
    if not meant.acts and not meant.refused and world.attached and pointing:
        return understand(f"what is in {world.attached[-1]}", world, task.tools)
    return meant


def _unfinished(task: Task, world: World) -> list[Act]:
    """What else was asked for in the message that a question interrupted: "stop this run and start it with 20 kB"."""
    before, turn = task.exchanges[-2], task.exchanges[-1]
    if not before.calls or (before.calls[-1].result or {}).get("code") != "needs_confirmation":
        return []
    done = [*(call for call in before.calls if (call.result or {}).get("ok", False)), *turn.calls]
    meant = understand(before.message, world.after(turn.calls), task.tools)
    return [act for act in _remaining(meant.acts, done) if not act.missing]


def _state(task: Task, world: World) -> State:
    def read(message: str, before: State) -> Act | None:
        acts = understand(message, world, task.tools, before).acts
        return acts[0] if acts else None

    return follow(task.exchanges, world, read)


def _remaining(acts: list[Act], calls: list[Call]) -> list[Act]:
    """Acts that no call of this turn has served yet, in order."""
    left = list(acts)
    for call in calls:
        for act in left:
            if act.tool == call.tool and act.args.get("action") == call.args.get("action"):
                left.remove(act)
                break
    return left
