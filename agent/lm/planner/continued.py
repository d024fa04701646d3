"""Messages that go on with what was done last, and need no intent of their own to be understood."""

from __future__ import annotations

import re

from agent.lm.planner import offers
from agent.lm.planner.acts import OF_TRAINING, TRAINING, Act
from agent.lm.planner.clauses import intent_named
from agent.lm.planner.followups import lifted
from agent.lm.planner.knowledge import data
from agent.lm.planner.ranking import Tools
from agent.lm.planner.slots import read_all
from agent.lm.planner.slots.reading import Reading
from agent.lm.planner.state import State, mend, repeated
from agent.lm.planner.text import Text, mask
from agent.lm.planner.world import World

_LIFTS = re.compile(
    r"\W*(?:ok(?:ay)?|well|then|so|please|now|and|fine|,|\s)*(?:drop|lift|remove|ignore|forget|scrap|without|no)\b"
)
_WHATEVER = re.compile(
    r"\b(?:whatever|anything|as (?:small|little|low|short|fast|much) as)\b.*\b(?:feasible|possible|works?|fits?|takes|"
    r"can|needed|goes)\b|\bthe (?:least|minimum|smallest) (?:possible|feasible|you (?:can|need)|that works)\b"
    r"|\bwhat is feasible\b"
)


def continued(message: str, whole: Text, world: World, tools: Tools, state: State) -> Act | None:
    """The last act once more, freed of a limit, made to meet one, or with a new value; None for other messages."""
    return (
        repeated(whole.plain, state, world)
        or _freed(whole.plain, state, world, tools)
        or _made_to_fit(message, state, world, tools)
        or _elliptic(whole, world, tools, state)
    )


def _freed(text: str, state: State, world: World, tools: Tools) -> Act | None:
    """The last training without a limit that the words take back, or with what the tool said is the least it needs."""
    act = state.act
    if act is None or act.intent not in TRAINING or act.tool not in tools:
        return None
    if state.fault and state.least is not None and _WHATEVER.search(text):
        return Act(act.intent, act.tool, {**act.args, state.fault: state.least})
    gone = lifted(text, act.args)
    if not gone or not (_LIFTS.match(text) or re.search(data("lexicon")["again"], text)):
        return None
    return Act(act.intent, act.tool, {name: value for name, value in act.args.items() if name not in gone})


def _made_to_fit(message: str, state: State, world: World, tools: Tools) -> Act | None:
    """A model within the limits that were just checked: "do that" after "it does not fit"."""
    act, intent = state.act, intent_named("train")
    limits = {name: value for name, value in (act.args if act else {}).items() if name.startswith(("max_", "min_"))}
    record = world.experiment(act.args.get("experiment")) if act else None
    if act is None or act.intent != "constraints" or not limits or record is None or intent.tool not in tools:
        return None
    dataset = record.get("dataset")
    agreed = offers.agrees(message)
    return Act(intent.name, intent.tool, {"dataset": dataset, **limits}) if agreed and dataset else None


def _elliptic(whole: Text, world: World, tools: Tools, state: State) -> Act | None:
    """The last act with what is new, where nothing but that is said: "what if it were 20?", "and the second?"."""
    if state.act is None or state.asked or world.attached or state.act.intent in TRAINING:
        return None
    reading = Reading(whole.plain, whole, world)
    read_all(reading)
    for start, end, _ in reading.spans:
        reading.take(start, end)
    if set(re.findall(r"[a-z']+", re.sub(r"<\w+>", " ", mask(reading.text)))) - set(data("lexicon")["elliptic"]):
        return None
    if state.act.intent == "inspect" and OF_TRAINING & set(reading.found):
        return None  # a look at data was meant for a training
    return mend(whole.plain, reading.found, state, world, tools)
