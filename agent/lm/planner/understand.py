"""From words to tool calls: every wish with its arguments, in the light of where the conversation stands."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from agent.lm.planner import acts as acting
from agent.lm.planner import mood
from agent.lm.planner.acts import OF_TRAINING, TRAINING, Act
from agent.lm.planner.clauses import FRAGMENT, TALK, Heard, Wish, hear, intent_named
from agent.lm.planner.continued import continued
from agent.lm.planner.followups import SAME, changed, follow_up
from agent.lm.planner.knowledge import data
from agent.lm.planner.ranking import Ranking, Tools
from agent.lm.planner.slots import datasets
from agent.lm.planner.slots.reading import Reading
from agent.lm.planner.slots.vocabulary import reports_in
from agent.lm.planner.state import State, mend
from agent.lm.planner.text import Text
from agent.lm.planner.world import World

__all__ = ["Act", "Tools", "Understanding", "understand"]

_CORRECTS = re.compile(
    r"^\W*(?:no|nope|wait|sorry|oh|oops|hm+|actually|rather|ok(?:ay)?|fine|well|alright|then|but|and|make it|instead|"
    r"i meant?|what about|how about|now|allow|take|use|try|give it|change|set|limit|raise|lower|increase|decrease|"
    r"keep it)\b|\b(?:instead|rather|i meant?|then)\W*$"
)


_EACH_TAG = re.compile(r",? and (?=(?:(?:the )?(?:run|experiment|model|number) ?)?#?\d+ (?:as|to be) )")
_SWAPPED = re.compile(r"^\W*(?:and |ok(?:ay)?,? |now )*(?:with|on|for|try|take|use) [^,;]{1,40}\binstead\W*$")
"""The last training on other data: "now with digits instead"."""

_CORRECTION = re.compile(r"^\W*(?:no|nope|wait|sorry|oops|actually|rather|i meant?)\b")
_WHY = re.compile(r"\bwhy\b|\bhow come\b|\bwhat for\b|\b(?:the|what) (?:reason|cause)\b")
_THAT_FITS = re.compile(
    r"\b(?:that|which|one|to|it|and|would|does|will|within|inside|meeting|under|for) (?:\w+ ){0,2}?"
    r"(?:fits?|meets?|goes on|goes in|stays? (?:within|under|below)|keeps? to|runs? (?:on|there)|works? (?:on|there)|"
    r"does|is (?:small|fast|light|quick) enough|"
    r"(?:that|those|these|the) (?:limits?|size|budget|specs?|requirements?|constraints?))\b"
)
"""A model that is to meet what was just asked about: "then make me one that does fit"."""

_NOT_ASKED = ("off", "thanks", "greeting", "bye", "abilities", "identity")
"""Talk that a name of data and a limit beside it show to be no talk."""
_SAMPLING = frozenset({"temperature", "top_p", "max_new_tokens"})
"""Arguments of a prediction that say how, and not on what."""
_MOST_CALLS = 5
_BRIEF = 7
"""Words of a message in which "again" alone means the last training; a longer one says something else by it."""


@dataclass
class Understanding:
    """What a message asks for: calls in order, or talk; `ranking` holds the guesses where nothing was sure."""

    acts: list[Act]
    talk: str | None = None
    refused: bool = False
    text: str = ""
    ranking: Ranking | None = None
    slots: dict[str, Any] = field(default_factory=dict)


def understand(message: str, world: World, tools: Tools, state: State | None = None) -> Understanding:
    """Read a message."""
    state = state or State()
    world = replace(world, given=tuple(_given(state)))
    heard = hear(message, world, tools)
    whole = heard.whole
    if state.asked:
        answered = _answer(heard, state, world, tools)
        if answered is not None:
            return Understanding([answered])
    act = continued(message, whole, world, tools, state)
    if act is not None:
        return Understanding([act], text=whole.plain)
    calls = _calls(heard, world, tools, state)
    if calls:
        return Understanding(calls, text=whole.plain)
    talk = _talk(heard)
    slots = acting.read(whole.plain, whole, world)
    about_it = state.act is not None and bool(
        talk == "off" or (talk in ("thanks", "greeting") and set(slots) - {"_size"})
    )
    data_named = "dataset" in slots or (bool(world.attached) and talk != "off")
    about_it = about_it or bool(
        talk in _NOT_ASKED and not mood.question(whole.plain) and data_named and OF_TRAINING & set(slots)
    )
    if talk and not about_it:
        return Understanding([], talk, bool(heard.refused), whole.plain)
    started = None if heard.refused or (talk and not about_it) else _training(heard, slots, world, tools, state)
    if started is not None:
        return Understanding([started], slots=slots)
    mended = None if heard.refused else _fragment(whole.plain, slots, world, tools, state)
    if mended is not None:
        return Understanding([mended], slots=slots)
    return Understanding([], talk, bool(heard.refused), whole.plain, heard.ranking, slots)


def _calls(heard: Heard, world: World, tools: Tools, state: State) -> list[Act]:
    """The calls of all wishes in order, each in the light of those before it and of what was done last."""
    whole = heard.whole
    calls: list[Act] = []
    for wish in heard.wishes:
        if _callable(wish, tools):
            calls += _with_time(_acts(wish, whole, world, tools), calls, wish, whole, world, tools)
    calls = [_carried(act, whole.plain, state, tools) for act in calls]
    whole_training = any(act.intent in TRAINING and not act.missing for act in calls)
    calls = [act for act in calls if not (whole_training and act.intent in TRAINING and act.missing and not act.args)]
    for before, act in pairwise(calls):
        if act.missing == "dataset" and before.args.get("dataset"):
            act.args["dataset"], act.missing = before.args["dataset"], None
    for act in calls:
        _resumed(act, state)
        dataset = (world.experiment() or {}).get("dataset")
        if act.missing == "dataset" and act.intent in TRAINING and dataset and acting.POINTED.search(whole.plain):
            act.args["dataset"], act.missing = dataset, None  # "give that one another go"
    return calls


def _resumed(act: Act, state: State) -> None:
    """A training without data, right after one that failed, is that one with changes."""
    last = state.act
    if act.missing == "dataset" and act.intent in TRAINING and last and last.tool == act.tool:
        act.args, act.missing = {**last.args, **act.args}, None


def _given(state: State) -> dict[str, Any]:
    """The values that the last prediction was made from, if they were given by name."""
    rows = state.act.args.get("inputs") if state.act is not None and state.act.intent == "predict" else None
    return dict(rows[0]) if isinstance(rows, list) and len(rows) == 1 and isinstance(rows[0], dict) else {}


def _with_time(acts: list[Act], before: list[Act], wish: Wish, whole: Text, world: World, tools: Tools) -> list[Act]:
    """Acts of a wish; a time that they have no use for is that of the training before: "train it and …, 15 s"."""
    trained = next((act for act in reversed(before) if act.intent in (*TRAINING, "tune")), None)
    if trained is not None and acts and "time_s" not in trained.args and "time_s" not in tools[acts[0].tool][1]:
        late = acting.read(wish.text, whole, world).get("time_s")
        if late is not None:
            trained.args["time_s"] = late
    return acts


def _carried(act: Act, text: str, state: State, tools: Tools) -> Act:
    """What an act takes over from the one before: values that were not said anew, limits that are to be met."""
    before, rows = _given(state), act.args.get("inputs")
    row = rows[0] if isinstance(rows, list) and len(rows) == 1 and isinstance(rows[0], dict) else {}
    if act.intent == "predict" and row and set(row) < set(before):
        return replace(act, args={**act.args, "inputs": [{**before, **row}]})
    if act.intent == "predict" and not set(act.args) - _SAMPLING and state.act is not None:
        earlier = state.act.args if state.act.intent in ("predict", "evaluate") else {}
        kept = {name: value for name, value in earlier.items() if name in ("inputs", "dataset", "experiment")}
        return replace(act, args={**kept, **act.args})
    checked = state.act is not None and state.act.intent == "constraints"
    if checked and state.act is not None and act.intent in (*TRAINING, "tune") and _THAT_FITS.search(text):
        limits = {name: value for name, value in state.act.args.items() if name.startswith(("max_", "min_"))}
        return replace(act, args={**limits, **act.args})
    return act


def _callable(wish: Wish, tools: Tools) -> bool:
    return wish.intent is not None and wish.intent.tool is not None and wish.intent.tool in tools


def _training(heard: Heard, slots: dict[str, Any], world: World, tools: Tools, state: State) -> Act | None:
    """Data and what only a training takes, with no other wish: a training."""
    looked = state.act is not None and state.act.intent == "inspect" and not state.asked and "dataset" in state.act.args
    named = "dataset" in slots or bool(world.attached) or looked
    busy = state.asked or state.fault or (world.last_training and not world.attached and not looked)
    corrects = _CORRECTS.search(heard.whole.plain) and not looked
    if not named or not (OF_TRAINING & set(slots) or world.preferences) or busy or corrects or "inputs" in slots:
        return None
    intent = intent_named("train")
    ranking = heard.ranking or (heard.wishes[0].ranking if heard.wishes else None)
    if intent.tool not in tools or ranking is None or mood.question(heard.whole.plain):
        return None
    return acting.make(Wish(heard.whole.plain, intent, ranking), heard.whole, world, tools)


def _answer(heard: Heard, state: State, world: World, tools: Tools) -> Act | None:
    """The act that was asked about, with the answer; None when the message says something else."""
    sure = next((wish for wish in heard.wishes if wish.intent and wish.intent.tool), None)
    if sure is not None and sure.intent is not None and state.act and sure.intent.name != state.act.intent:
        short = len(heard.whole.plain.split()) <= 3
        delivered = state.asked == "dataset" and world.attached and not mood.question(heard.whole.plain)
        if not short and not delivered:
            return None
    text = heard.whole.plain
    slots = acting.read(text, heard.whole, world)
    act = mend(text, slots, state, world, tools)
    if act is None or state.asked not in act.args:
        return None
    _check(act, text, slots, world, tools)
    return act


def _acts(wish: Wish, whole: Text, world: World, tools: Tools) -> list[Act]:
    """The calls of a wish; a training that names several datasets is one for each."""
    intent = wish.intent
    assert intent is not None
    if intent.name in TRAINING:
        again = _again(wish, whole, world, tools)
        if again is not None:
            return [again]
        parts = _by_dataset(wish.text, whole, world)
        made = [acting.make(replace(wish, text=part), whole, world, tools) for part in parts]
        shared = {name: value for act in made for name, value in act.args.items() if name not in ("dataset", "target")}
        if len(made) > 1 and not all(set(act.args) - {"dataset", "target"} for act in made):
            for act in made:
                act.args = {**shared, **act.args}
        return made
    if intent.name == "inspect":
        named = list(dict.fromkeys(m.name for m in datasets.mentions(Reading(wish.text, whole, world))))
        if 1 < len(named) <= _MOST_CALLS:
            act = acting.make(wish, whole, world, tools)
            return [replace(act, args={**act.args, "dataset": name}) for name in named]
    if intent.name == "history.list" and _WHY.search(wish.text):
        act = acting.make(wish, whole, world, tools)
        having = [int(r["id"]) for r in world.experiments if r.get("status") == act.args.get("status", "failed")]
        if 0 < len(having) <= _MOST_CALLS:
            shown = intent_named("history.show")
            return [Act("history.show", act.tool, {**shown.args, "experiments": [number]}) for number in having]
    reports = reports_in(wish.text) if intent.name == "evaluate" else []
    if 1 < len(reports) <= _MOST_CALLS:
        act = acting.make(wish, whole, world, tools)
        if "report" in act.args:
            return [replace(act, args={**act.args, "report": report}) for report in reports]
    if intent.name == "history.tag":
        several = len(re.findall(r"\bas\b", wish.text)) > 1
        parts = [f"tag {part}" for part in _EACH_TAG.split(wish.text)] if several else [wish.text]
        return [acting.make(replace(wish, text=part), whole, world, tools) for part in parts]
    return _for_each(acting.make(wish, whole, world, tools), wish, whole, world, tools)


def _for_each(act: Act, wish: Wish, whole: Text, world: World, tools: Tools) -> list[Act]:
    """A tool that takes one experiment is called for each of those named."""
    name = next((name for name in ("experiment", "job") if name in tools[act.tool][1]), None)
    several = acting.read(wish.text, whole, world).get("experiments", ())
    if name is None or len(several) < 2 or len(several) > _MOST_CALLS or act.args.get(name) != several[0]:
        return [act]
    return [replace(act, args={**act.args, name: number}) for number in several]


def _again(wish: Wish, whole: Text, world: World, tools: Tools) -> Act | None:
    """The last training with changes: "again with random search", "the same on wine"."""
    intent = wish.intent
    slots = acting.read(wish.text, whole, world)
    if intent is None or not world.last_training or "reproduce" in slots:
        return None
    same = SAME.search(wish.text) is not None
    again = re.search(data("lexicon")["again"], wish.text) is not None
    corrects = _CORRECTION.search(whole.plain) is not None and not world.attached
    swapped = _SWAPPED.search(wish.text) is not None and not world.attached
    if not same and not corrects and not swapped and (not again or "dataset" in slots or "target" in slots):
        return None
    found = follow_up(wish.text, slots, world)
    if found is None or found[0] not in tools or (found[0] != intent.tool and not same):
        return None
    act = Act("train", found[0], acting.bind(found[1], tools[found[0]][1]))
    _check(act, wish.text, slots, world, tools)
    return act


def _wonders(text: str) -> bool:
    """A question, not a wish in the form of one: it never starts a training."""
    return mood.question(text) and re.search(r"\b(?:what|how) about\b|^\W*and\b", text) is None


def _by_dataset(text: str, whole: Text, world: World) -> list[str]:
    """The words for each dataset that a training names, or the words as they are."""
    if len(mood.versions(text)) > 1:
        return [text]  # "iris, no wait, wine" is one wish
    named = datasets.mentions(Reading(text, whole, world))
    if len({mention.name for mention in named}) < 2:
        return [text]
    cuts = [0, *(mention.start for mention in named[1:]), len(text)]
    return [text[left:right] for left, right in pairwise(cuts)]


def _fragment(text: str, slots: dict[str, Any], world: World, tools: Tools, state: State) -> Act | None:
    """Words without a wish of their own: they change what was last done or asked about."""
    corrects = _CORRECTS.search(text) is not None
    act = None
    if state.act is not None and (state.asked or state.fault or corrects or state.act.intent not in TRAINING):
        relative = {} if state.act.intent != "train" else changed(text, slots, world)
        act = mend(text, {**slots, **relative}, state, world, tools)
    elif state.act is not None and state.act.intent in TRAINING:
        act = mend(text, {**slots, **changed(text, slots, world)}, state, world, tools)
    if (
        act is None
        and not _wonders(text)
        and (corrects or changed(text, {}, world) or re.search(data("lexicon")["again"], text))
    ):
        found = follow_up(text, slots, world, repeat=len(text.split()) <= _BRIEF)
        if found is not None and found[0] in tools:
            act = Act("follow-up", found[0], acting.bind(found[1], tools[found[0]][1]))
    if act is not None:
        _check(act, text, slots, world, tools)
    return act


def _check(act: Act, text: str, slots: dict[str, Any], world: World, tools: Tools) -> None:
    """Look again for what is missing, now that the act has changed."""
    if act.intent in data("intents"):
        acting.complete(act, intent_named(act.intent), text, slots, world, tools[act.tool][1])


def _talk(heard: Heard) -> str | None:
    named = [wish.intent.name for wish in heard.wishes if wish.intent and not wish.intent.tool]
    named = [name for name in named if name != FRAGMENT]
    order = ("explain", "talk.abilities", "talk.identity")
    best = next((name for name in order if name in named), named[-1] if named else None)
    return best.removeprefix(TALK) if best else None
