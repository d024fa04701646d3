"""What the conversation stands at: the last act, what was asked for, and which argument a tool complained about."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent.lm.planner.acts import TRAINING, Act, bind
from agent.lm.planner.knowledge import data
from agent.lm.planner.offers import MENDABLE, fault, least
from agent.lm.planner.quantities import in_unit_of
from agent.lm.planner.ranking import Tools
from agent.lm.planner.request import Exchange
from agent.lm.planner.slots import target
from agent.lm.planner.world import World

_BACK = 4
"""How many earlier messages an open question may reach back over."""

_FILLERS = re.compile(
    r"^(?:\W|\b(?:ok(?:ay)?|well|fine|then|no|yes|sorry|wait|oh|hm+|i meant?|make it|use|take|the|it is|it's|is|"
    r"please|let's|go for|go with|say|with|rather|actually|instead|column|target|and|maybe|should be|that|"
    r"would be)\b)+|\W+$|\b(?:then|please|instead|column|target|thanks|i mean|i meant)\b\W*"
)


_ONCE_MORE = re.compile(
    r"^\W*(?:(?:ok(?:ay)?|please|well|then|so|just|can you|could you|let's)\W+)*(?:try|do|run|give)?"
    r"(?: (?:it|that|this))? ?(?:again|once more|one more time|a(?:nother| second) (?:try|go|time))"
    r"\W*(?:please|then|now)?\W*$"
)
_AND_NOW = re.compile(r"^\W*(?:and |so |what about |how about )*(?:now|by now|meanwhile|in the meantime|yet)\W*$")
_HOW_SURE = re.compile(
    r"\W*(?:and |so |but |ok(?:ay)?,? |hm+,? )*(?:how (?:sure|certain|confident|likely|safe|probable)|with what "
    r"(?:probability|confidence|certainty)|what(?:'s| is) the (?:probability|confidence|chance|likelihood))\b"
    r"(?! (?:can|should|may|could) (?:i|we)\b)(?:(?!\bin general\b|\bpercentages\b|\banswers\b).){0,40}$"
)
_TIMES = re.compile(
    r"\b(?:(\d+(?:\.\d+)?) times|double|triple|twice|half|ten(?:fold)?)\b(?: of)? ?"
    r"(?:that|it|this|as much|as many|the limit)\b"
)
_FACTORS = {"double": 2.0, "triple": 3.0, "twice": 2.0, "half": 0.5, "ten": 10.0, "tenfold": 10.0}


_OF_A_MODEL = ("history.show", "history.plot", "history.tag", "history.note", "evaluate", "convert", "constraints")
"""Acts on one experiment, for which a dataset's name means its newest."""


@dataclass
class State:
    """Where the conversation stands.

    Attributes:
        act: What was last done, or asked about.
        asked: The argument that the user was asked for.
        fault: The argument that the last call failed on.
        least: What the tool said would do for it.
        message: The words the act came from.
    """

    act: Act | None = None
    asked: str | None = None
    fault: str | None = None
    least: float | int | None = None
    message: str = ""


def follow(exchanges: list[Exchange], world: World, read: Callable[[str, State], Act | None]) -> State:
    """The state after the turns before the present one.

    Args:
        exchanges: The dialogue; the last one is the present turn and is left out.
        world: The conversation's state.
        read: The act of a message that made no call, in the light of the state before it.
    """
    state = State()
    for turn in exchanges[-1 - _BACK : -1]:
        if turn.calls:
            last = turn.calls[-1]
            intent = _intent_of(last.tool, last.args)
            state = State(Act(intent, last.tool, dict(last.args)), message=turn.message)
            result = last.result or {}
            if not result.get("ok", False) and result.get("code") in MENDABLE:
                state.fault = fault(str(result.get("message", "")), last.args)
                state.least = least(str(result.get("hint", "")), state.fault)
            continue
        asked = "?" in (turn.answer or "")
        act = read(turn.message, state) if asked else None
        here = act is not None and act.args.get("dataset") in world.attached  # the data it waited for came just now
        asked_for = act.missing or ("dataset" if here else None) if act else None
        if asked_for or not state.fault:  # a failure stays what the talk is about until something else is done
            state = State(act, asked_for, message=turn.message) if asked_for else State()
    return state


def mend(text: str, slots: dict[str, Any], state: State, world: World, tools: Tools) -> Act | None:
    """The state's act with what a fragment says about it; None when it says nothing about it."""
    act = state.act
    if act is None or act.tool not in tools:
        return None
    schema = tools[act.tool][1]
    wanted = state.asked or state.fault or _only_limit(act, slots, world)
    slots = _for_fault(slots, wanted)
    changes = bind(_with_experiments(slots, act, world, wanted), schema)
    if wanted == "dataset" and "dataset" not in changes and world.attached:
        changes["dataset"] = world.attached[-1]
        wanted = None
    if not changes and (factor := _factor(text)) and (name := wanted or _last_limit(act)):
        changes[name] = _times(act.args[name], factor)
    if wanted == "target" and "target" not in changes:
        columns = world.columns.get(str(act.args.get("dataset")), ())
        name = target.close(_FILLERS.sub("", text).strip(), columns)
        if name:
            changes["target"] = name
    if wanted == "experiments" and slots.get("bare") and "experiments" in schema:
        changes["experiments"] = [int(number) for number in slots["bare"]]
    elif wanted and wanted not in changes and wanted != "target" and (said := _said(slots)) is not None:
        changes[wanted] = in_unit_of(wanted, said, state.message)
    changes.pop("action", None)
    if not changes:
        return None
    kept = dict(act.args)
    if act.intent == "history.compare" and len(changes.get("experiments", ())) == 1:
        return None  # one alone is not compared, it is looked at
    if "min_value" in changes and "status" not in changes:
        kept.pop("status", None)  # what failed has no score
    if "dataset" in kept and "dataset" in changes and changes["dataset"] != kept["dataset"]:
        kept.pop("target", None)
    return Act(act.intent, act.tool, {**kept, **changes})


def repeated(text: str, state: State, world: World) -> Act | None:
    """The last act once more: "try again" after a failure, "and now?" after a look at a job."""
    act = state.act
    if act is not None and act.intent == "predict" and "inputs" in act.args and _HOW_SURE.match(text):
        return Act(act.intent, act.tool, dict(act.args))  # its answer comes with the probability
    if (
        act is None
        and _AND_NOW.match(text)
        and (world.news or any(r.get("status") == "running" for r in world.experiments))
    ):
        return Act("jobs.status", "JobControl", {"action": "status"})
    if act is None or act.intent in TRAINING or not (_ONCE_MORE.match(text) or _AND_NOW.match(text)):
        return None
    if _AND_NOW.match(text) and not act.intent.startswith("jobs."):
        return None
    return Act(act.intent, act.tool, dict(act.args))


def _for_fault(slots: dict[str, Any], wanted: str | None) -> dict[str, Any]:
    """A size that does not say what it limits, after a complaint about a limit: that limit."""
    if "_size" not in slots or wanted not in ("max_memory", "max_gpu_memory", "max_disk"):
        return slots
    return {**{name: value for name, value in slots.items() if name != "max_model_size"}, wanted: slots["_size"]}


def _factor(text: str) -> float | None:
    """What "ten times that", "half of that", "double" multiply by."""
    match = _TIMES.search(text)
    if match is None:
        return None
    return float(match[1]) if match[1] else _FACTORS[match[0].split()[0]]


def _last_limit(act: Act) -> str | None:
    limits = [name for name in act.args if name.startswith(("max_", "time_"))]
    return limits[0] if len(limits) == 1 else None


def _times(value: float, factor: float) -> float | int:
    product = value * factor
    return int(product) if isinstance(value, int) else float(f"{product:.6g}")


def _with_experiments(slots: dict[str, Any], act: Act, world: World, wanted: str | None) -> dict[str, Any]:
    """A number or a dataset that means an experiment: "and 3?", "and the wine one?"."""
    if "experiments" in slots or act.intent in TRAINING or wanted not in (None, "experiments"):
        return slots
    named = [int(record["id"]) for record in world.experiments if record.get("dataset") == slots.get("dataset")]
    if named and act.intent in _OF_A_MODEL and wanted is None:
        return {**{k: v for k, v in slots.items() if k != "dataset"}, "experiments": named[-1:]}
    if "experiment_of_dataset" in slots:
        return {**{k: v for k, v in slots.items() if k != "dataset"}, "experiments": [slots["experiment_of_dataset"]]}
    known = [number for number in slots.get("bare", ()) if number in world.ids]
    return {**slots, "experiments": known} if known else slots


def _only_limit(act: Act, slots: dict[str, Any], world: World) -> str | None:
    """The one limit of an act that a bare number must mean: "and 60?" after "does it fit 30 kB?"."""
    limits = [name for name in act.args if name.startswith(("max_", "min_", "time_"))]
    known = "_number" not in slots and all(number in world.ids for number in slots.get("bare", (0,)))
    return limits[0] if len(limits) == 1 and _said(slots) is not None and not known else None


def _said(slots: dict[str, Any]) -> float | None:
    """A number without a unit."""
    return float(slots["bare"][0]) if slots.get("bare") else slots.get("_number")


def _intent_of(tool: str, args: dict[str, Any]) -> str:
    for name, facts in data("intents").items():
        if facts.get("tool") == tool and facts.get("args", {}).get("action") == args.get("action"):
            return str(name)
    return "follow-up"
