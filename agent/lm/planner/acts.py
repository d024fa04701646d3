"""Calls put together: a wish's arguments settled against the conversation, and bound to the tool's own schema."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from agent.lm.planner import mood
from agent.lm.planner.clauses import Wish
from agent.lm.planner.knowledge import Intent, data
from agent.lm.planner.quantities import QUANTITIES, in_unit_of
from agent.lm.planner.ranking import Tools
from agent.lm.planner.slots import datasets, read_all, target
from agent.lm.planner.slots.reading import Reading
from agent.lm.planner.text import Text
from agent.lm.planner.world import World

TRAINING = ("train", "architecture")
OF_TRAINING = frozenset(
    {
        *("time_s", "max_model_size", "max_latency_ms", "min_accuracy", "max_trials", "patience", "strategy", "folds"),
        *("target", "families", "primary", "metric", "seed", "ensemble", "max_memory", "ignore_columns"),
    }
)
"""Arguments that, with data at hand, ask for a training where nothing else is asked for."""

_THIS_DATA = re.compile(
    r"\b(this|that|the|my|these|those|attached)\b ?\w* ?\b(file|data|dataset|csv|table|attachment|spreadsheet|"
    r"sample|rows?|images?)\b|\bin (it|here)\b|\bon (it|this)\b"
)
_HERE = re.compile(r"\bhere (is|are|'s)\b|\battach(ed|ing)\b|\bthis\b")
_ALIASES = {"experiments": ("experiments", "experiment", "job"), "tag": ("tag", "text"), "note": ("note", "text"),
            "texts": ("inputs",)}  # fmt: skip
_ONLY = {"tag": "history.tag", "note": "history.note", "plot": "history.plot"}
"""Slots whose words are ordinary speech anywhere but under one intent."""

_NEVER = {"inspect": ("target",), "history.list": ("experiments",), "history.best": ("experiments",),
          "history.export": ("experiments",), "architecture": ("reproduce",),
          "history.delete": ("dataset",)}  # fmt: skip
_BARE_INTENTS = ("history.", "jobs.", "evaluate", "convert", "constraints", "tune", "predict")
_VAGUE = re.compile(
    r"\b(?:the|that|my) (?!last|first|latest|newest|previous|current|other)([a-z-]+) (?:one|run|experiment|model)s?\b"
)
POINTED = re.compile(r"\b(?:it|this|that|them|these|those|this one|that one|another (?:go|try|shot))\b")
_OF_DATA = ("train", "architecture", "inspect", "history.best", "history.list")
"""Intents for which a dataset's name means the data, not its newest experiment."""

_FEW = 3
"""Data of fewer columns leaves no choice of a target."""


@dataclass
class Act:
    """One call to make. `missing` names an argument that the user must be asked for first.

    `unknown` is a name that was said for it, and that nothing here has.
    """

    intent: str
    tool: str
    args: dict[str, Any] = field(default_factory=dict)
    missing: str | None = None
    unknown: str | None = None


def read(text: str, whole: Text, world: World) -> dict[str, Any]:
    """The arguments that a text names."""
    found: dict[str, Any] = {}
    for piece in mood.versions(text):
        reading = Reading(piece, whole, world)
        read_all(reading)
        found |= _in_the_same_unit(reading.found, found, whole)
    return found


def _in_the_same_unit(later: dict[str, Any], before: dict[str, Any], whole: Text) -> dict[str, Any]:
    """A correction by a number alone ("four minutes, no, better six") is of the quantity before it."""
    named = [name for name in QUANTITIES if name in before]
    if len(named) != 1 or len(later.get("bare", ())) != 1 or set(later) & set(QUANTITIES):
        return later
    rest = {name: value for name, value in later.items() if name != "bare"}
    return {**rest, named[0]: in_unit_of(named[0], float(later["bare"][0]), whole.raw)}


def make(wish: Wish, whole: Text, world: World, tools: Tools) -> Act:
    """The call for a wish."""
    intent = wish.intent
    assert intent is not None
    assert intent.tool is not None
    schema = tools[intent.tool][1]
    slots = read(wish.text, whole, world)
    _experiments(slots, wish.text, intent, world)
    _second(slots, intent, world)
    _data(slots, wish.text, intent, world)
    _failed(slots, intent, world)
    _fitting(slots, intent, world)
    if intent.name == "history.list" and "min_accuracy" in slots:
        slots.setdefault("min_value", slots["min_accuracy"])
        slots.setdefault("metric", "accuracy")
    if intent.name != "predict" and intent.name != "history.note":
        slots.pop("texts", None)
    slots = {name: value for name, value in slots.items() if _ONLY.get(name, intent.name) == intent.name}
    for name in _NEVER.get(intent.name, ()):
        slots.pop(name, None)
    if intent.name == "evaluate":
        slots.setdefault("report", "metrics")
    act = Act(intent.name, intent.tool, {**bind(slots, schema), **intent.args})
    complete(act, intent, wish.text, slots, world, schema)
    return act


def complete(act: Act, intent: Intent, text: str, slots: dict[str, Any], world: World, schema: dict[str, Any]) -> None:
    """See what is missing, and add what the user wants of every training."""
    act.missing = act.unknown = None
    for needed in intent.needs:
        absent = needed in schema and needed not in act.args
        if absent and not (needed == "dataset" and {"experiment", "reproduce"} & set(act.args)):
            act.missing = needed
            act.unknown = datasets.unknown(text) if needed == "dataset" else None
    if act.intent in TRAINING and act.missing is None and "target" in schema and "reproduce" not in act.args:
        _target(act, slots, world)
    if act.intent == "history.delete" and "experiments" not in act.args:
        act.missing = "experiments"
    if act.intent in (*TRAINING, "tune"):
        for name, value in world.preferences.items():
            if name in schema:
                act.args.setdefault(name, value)


def _target(act: Act, slots: dict[str, Any], world: World) -> None:
    """An unknown column, or a choice that only the user can make, is asked about; a clear guess is left to the tool."""
    name = str(act.args["dataset"])
    columns = world.columns.get(name, ())
    said = act.args.get("target")
    if said is not None and columns and said not in columns and not set(str(said).split(", ")) <= set(columns):
        near = target.close(str(said), columns)
        if near:
            act.args["target"] = near
        else:
            act.missing, act.unknown = "target", str(act.args.pop("target"))
    elif said is None and "unknown_target" in slots:
        act.missing, act.unknown = "target", str(slots["unknown_target"])
    elif said is None and len(columns) >= _FEW and not _clear(world.targets.get(name)):
        act.missing = "target" if name in world.targets else None


def _clear(guess: str | None) -> bool:
    """Whether a column's name says that it is what one predicts."""
    words = set(re.split(r"[\W_]+", (guess or "").lower()))
    return guess is None or bool(words & set(data("lexicon")["target_names"]))


def _data(slots: dict[str, Any], text: str, intent: Intent, world: World) -> None:
    """Settle which data is meant where none is named."""
    if "dataset" in slots or "reproduce" in slots:
        return
    pointed = _THIS_DATA.search(text) or _HERE.search(text) or world.attached
    other = not pointed and datasets.elsewhere(text)
    needs = "dataset" in intent.needs
    if world.current_dataset and not other and (needs or (pointed and intent.name == "predict" and not _given(slots))):
        slots["dataset"] = world.attached[-1] if world.attached else world.current_dataset
    elif world.attached and _THIS_DATA.search(text) and intent.name == "evaluate":
        slots["dataset"] = world.attached[-1]
    if intent.name == "predict" and not world.attached and not _THIS_DATA.search(text) and "dataset" in slots:
        slots.pop("dataset")


def _given(slots: dict[str, Any]) -> bool:
    return "inputs" in slots or "texts" in slots or "max_new_tokens" in slots


def _experiments(slots: dict[str, Any], text: str, intent: Intent, world: World) -> None:
    """Settle which experiments are meant: named, by dataset, "all", a number alone, or what is current."""
    name = intent.name
    if "experiments" in slots or "_unclear" in slots:
        return
    if "experiment_of_dataset" in slots and name not in (
        "train",
        "architecture",
        "inspect",
        "history.best",
        "history.list",
    ):
        slots["experiments"] = [slots["experiment_of_dataset"]]
        slots.pop("dataset", None)
    elif name == "history.delete" and "status" in slots:
        having = [int(r["id"]) for r in world.experiments if r.get("status") == slots["status"]]
        if having:
            slots["experiments"] = having
    elif "all_experiments" in slots and name in ("history.delete", "history.compare"):
        slots["experiments"] = slots["all_experiments"]
    elif "bare" in slots and name.startswith(_BARE_INTENTS) and "inputs" not in slots:
        known = [number for number in slots["bare"] if number in world.ids]
        if known or name.startswith(("history.", "jobs.")):
            slots["experiments"] = known or slots["bare"]
    elif name == "history.delete":
        vague = _VAGUE.search(text)
        if not vague and POINTED.search(text) and world.current_experiment is not None:
            slots["experiments"] = [world.current_experiment]
        elif len(world.ids) == 1 and not vague:
            slots["experiments"] = list(world.ids)
    elif name == "history.compare" and len(world.ids) >= 2:
        current, before = world.experiment() or {}, world.before()
        made = before is not None and current.get("made_from") == before
        slots["experiments"] = [before, current["id"]] if made else list(world.ids[-2:])


def _second(slots: dict[str, Any], intent: Intent, world: World) -> None:
    """A comparison that names one experiment is with the current one, else with the newest other; it needs no data."""
    if intent.name == "history.compare" and len(slots.get("experiments", ())) == 1 and len(world.ids) >= 2:
        only = slots["experiments"][0]
        current = world.current_experiment
        other = current if current not in (None, only) else next((n for n in reversed(world.ids) if n != only), None)
        slots["experiments"] = [only, other] if other is not None else [only]
    if intent.name == "history.compare" and "experiments" in slots:
        slots.pop("dataset", None)


def _failed(slots: dict[str, Any], intent: Intent, world: World) -> None:
    """Words about failures ("what went wrong there?") speak of the experiment that failed."""
    failed = [int(record["id"]) for record in world.experiments if record.get("status") == "failed"]
    if failed and "experiments" not in slots and slots.get("status") == "failed" and intent.name == "history.show":
        slots["experiments"] = failed[-1:]


def _fitting(slots: dict[str, Any], intent: Intent, world: World) -> None:
    """Values and rows go to the model that knows their names, where the current one does not."""
    if intent.name != "predict" or "experiments" in slots or not world.models:
        return
    rows = slots.get("inputs") or [{}]
    names = rows[0].keys() if isinstance(rows[0], dict) else ()
    model = world.used_with(names) or (world.new_rows if slots.get("dataset") in world.attached else None)
    current = world.current_experiment or (world.ids[-1] if world.ids else None)
    if model is not None and model.experiment != current:
        slots["experiments"] = [model.experiment]


def bind(slots: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Keep what the tool takes, under the name it takes it by."""
    args: dict[str, Any] = {}
    for name, value in slots.items():
        for alias in _ALIASES.get(name, (name,)):
            if alias in schema and alias not in args:
                args[alias] = shape(value, schema[alias])
                break
    return {name: value for name, value in args.items() if value is not None}


def shape(value: Any, schema: dict[str, Any]) -> Any:
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
