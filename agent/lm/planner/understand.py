"""From words to tool calls: every wish with its arguments, bound to the tool's own schema."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from agent.lm.planner.clauses import Heard, Wish, hear
from agent.lm.planner.followups import follow_up
from agent.lm.planner.slots import (
    datasets,
    durations,
    experiments,
    inputs,
    numbers,
    objectives,
    sizes,
    target,
    vocabulary,
)
from agent.lm.planner.slots.reading import Reading
from agent.lm.planner.world import World

Tools = dict[str, tuple[str, dict[str, Any]]]

_TEXT_READERS = (inputs, datasets, target)  # names first: their numbers are not quantities
_READERS = (sizes, numbers, durations, objectives, vocabulary, experiments)
_THIS_DATA = re.compile(
    r"\b(this|that|the|my|these|those|attached)\b ?\w* ?\b(file|data|dataset|csv|table|attachment|"
    r"sample|rows?|images?)\b|\bin (it|here)\b|\bon it\b"
)
_HERE = re.compile(r"\bhere (is|are|'s)\b|\battached\b")
_ALIASES = {"experiments": ("experiments", "experiment", "job"), "tag": ("tag", "text"), "note": ("note", "text")}
_ONLY = {"tag": "history.tag", "note": "history.note", "plot": "history.plot"}
"""Slots whose words are ordinary speech anywhere but under one intent."""

_BARE_INTENTS = ("history.", "jobs.", "evaluate", "convert", "constraints")


@dataclass
class Act:
    """One call to make. `missing` names an argument that the user must be asked for first.

    `unknown` is a name that was said for data, and that nothing here has.
    """

    intent: str
    tool: str
    args: dict[str, Any] = field(default_factory=dict)
    missing: str | None = None
    unknown: str | None = None


@dataclass
class Understanding:
    """What a message asks for: calls in order, or talk."""

    acts: list[Act]
    talk: str | None = None
    refused: bool = False
    slots: dict[str, Any] = field(default_factory=dict)


def understand(message: str, world: World, tools: Tools) -> Understanding:
    """Read a message in the light of the conversation's state."""
    heard = hear(message)
    acts = [act for wish in heard.wishes if wish.intent and wish.intent.tool and (act := _act(wish, world, tools))]
    for before, act in pairwise(acts):
        if act.missing == "dataset" and before.args.get("dataset"):
            act.args["dataset"], act.missing = before.args["dataset"], None
    for act in acts:
        if "inputs" in act.args:
            act.args["inputs"] = _as_written(act.args["inputs"], message)
    if acts:
        return Understanding(acts)
    slots = _read(heard.text, world)
    talk = _talk(heard)
    again = None if heard.refused else follow_up(heard.text, slots, world, repeat=talk is None)
    if again is not None and again[0] in tools:
        tool, args = again
        return Understanding([Act("follow-up", tool, _bind(args, tools[tool][1]))], slots=slots)
    return Understanding([], talk, bool(heard.refused), slots)


def _as_written(inputs: list[Any], message: str) -> list[Any]:
    """Texts with the capitals the user gave them: a text model sees the difference."""
    plain = " ".join(message.split())
    places = [plain.lower().find(text.lower()) if isinstance(text, str) else -1 for text in inputs]
    return [
        plain[place : place + len(text)] if place >= 0 else text for place, text in zip(places, inputs, strict=True)
    ]


def _act(wish: Wish, world: World, tools: Tools) -> Act | None:
    intent = wish.intent
    if intent is None or intent.tool is None or intent.tool not in tools:
        return None
    schema = tools[intent.tool][1]
    slots = _read(wish.text, world)
    if intent.name == "train":
        again = follow_up(wish.text, slots, world)
        if (
            again is not None
            and again[0] == intent.tool
            and "reproduce" not in slots
            and "dataset" not in slots
            and "target" not in slots
        ):
            return Act(intent.name, intent.tool, _bind(again[1], schema))
    if "dataset" not in slots and "reproduce" not in slots:
        pointed = _THIS_DATA.search(wish.text) or _HERE.search(wish.text) or world.attached
        other = not pointed and datasets.elsewhere(wish.text)
        if (
            world.current_dataset
            and not other
            and ("dataset" in intent.needs or (pointed and intent.name == "predict"))
        ):
            slots["dataset"] = world.attached[-1] if world.attached else world.current_dataset
        elif world.attached and pointed and intent.name == "evaluate":
            slots["dataset"] = world.attached[-1]
    _experiments(slots, intent.name, world)
    slots = {name: value for name, value in slots.items() if _ONLY.get(name, intent.name) == intent.name}
    act = Act(intent.name, intent.tool, {**_bind(slots, schema), **intent.args})
    for needed in intent.needs:
        if (
            needed in schema
            and needed not in act.args
            and not (needed == "dataset" and {"experiment", "reproduce"} & set(act.args))
        ):
            act.missing = needed
            act.unknown = datasets.unknown(wish.text) if needed == "dataset" else None
    return act


def _read(text: str, world: World) -> dict[str, Any]:
    reading = Reading(text, world)
    for module in _TEXT_READERS:
        module.read(reading)
    reading.text = reading.text.lower()
    for module in _READERS:
        module.read(reading)
    return reading.found


def _experiments(slots: dict[str, Any], intent: str, world: World) -> None:
    """Settle which experiments are meant: named, by dataset, "all", or a number that stands alone."""
    if "experiments" in slots:
        return
    if "experiment_of_dataset" in slots and intent not in ("train", "architecture", "inspect", "predict"):
        slots["experiments"] = [slots["experiment_of_dataset"]]
        slots.pop("dataset", None)
    elif "all_experiments" in slots and intent in ("history.delete", "history.compare"):
        slots["experiments"] = slots["all_experiments"]
    elif "bare" in slots and intent.startswith(_BARE_INTENTS):
        slots["experiments"] = slots["bare"]
    elif intent == "history.delete" and world.current_experiment is not None:
        slots["experiments"] = [world.current_experiment]
    elif intent == "history.compare" and len(world.ids) >= 2:
        slots["experiments"] = list(world.ids[-2:])


def _bind(slots: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Keep what the tool takes, under the name it takes it by."""
    args: dict[str, Any] = {}
    for name, value in slots.items():
        for alias in _ALIASES.get(name, (name,)):
            if alias in schema:
                args[alias] = _shape(value, schema[alias])
                break
    return {name: value for name, value in args.items() if value is not None}


def _shape(value: Any, schema: dict[str, Any]) -> Any:
    """A list where the tool wants a list, one value where it wants one, a choice only if it is among the choices."""
    kinds = [schema, *schema.get("anyOf", [])]
    types = {kind.get("type") for kind in kinds}
    choices = [choice for kind in kinds for choice in kind.get("enum", [])]
    if choices and not isinstance(value, list) and value not in choices:
        return None
    if isinstance(value, list) and types & {"integer", "string", "number"} and "array" not in types:
        return value[0] if value else None
    if not isinstance(value, list) and "array" in types and not types & {"integer", "string", "number"}:
        return [value]
    return value


def _talk(heard: Heard) -> str | None:
    named = [wish.intent.name.removeprefix("talk.") for wish in heard.wishes if wish.intent and not wish.intent.tool]
    return "abilities" if "abilities" in named else (named[0] if named else None)
