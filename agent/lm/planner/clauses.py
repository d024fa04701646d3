"""A message cut into wishes: each stretch of text with the intent it shows and the arguments it holds."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field

from agent.lm.planner import mood
from agent.lm.planner.knowledge import Intent, data, intents
from agent.lm.planner.ranking import Ranking, Tools, rank
from agent.lm.planner.slots import grouping, ignored, read_all
from agent.lm.planner.slots.reading import Reading
from agent.lm.planner.text import Text, mask_numbers, regular
from agent.lm.planner.world import World

SURE = 0.45
"""Probability from which an intent is acted upon."""

_AHEAD = 2.2
_LEAST = 0.27
"""Or a smaller one that leads by so much."""

_BARE = re.compile(
    r"(?:\W|<\w+>|\b(?:at most|at least|max|min|under|over|in|for|within|about|tops|only|please|and|trials?|folds?|of|"
    r"ram|memory|disk|budget|limit|time|size|total|thanks|ta|pls|maximum|minimum)\b)+"
)
"""A part that only names quantities belongs to its neighbour, whatever it looks like."""

_LEAD = 9
"""Commas before that belong to the opening of a refusal ("no, don't …")."""

_BOUND = re.compile(r"\b(?:over|more than|exceed|above|longer than|past|beyond)\b(?: \w+){0,2}? \d")

_PART_SURE = 0.55
"""A part of a sentence must be a little surer to be a wish of its own."""

_ASIDE = re.compile(
    r"\W*(?:(?:and|but|so|or)\W+)?(?:why|how come|when|where|which(?: one)?|who|how)(?: not| exactly| though)?\W*"
)
"""A question word alone asks about what was said just before: "which one crashed, and why?"."""

_NOD = re.compile(
    r"[^\w?]*(?:good|great|nice|fine|ok(?:ay)?|cool|perfect|alright|all right|very well|lovely|right|super|i see)"
    r"[^\w?]*"
)
_METRICS = re.compile(r"\bhow (?:good|well|accurate|bad)\b|\b(?:scores?|accuracy|metrics)\b")
_CHECKS = re.compile(r"\b(?:check|verify|whether|tell me|see if)\b")
_FEW_WORDS = 5
_ONE_MORE = re.compile(
    r"\b(?:another|again|one more|once more)\b|"
    r"\b(?:second|also|too|as well)\b.{0,20}\b(?:model|run|training|experiment|classifier|regressor|one)\b|"
    r"\bboth (?:models|runs|experiments|classifiers|regressors)\b"
)
_TARGET_TOLD = re.compile(
    r"\b(?:column|target|label|variable)(?: (?:to predict|i mean|i want|in question))?(?:'s| is)"
    r"(?: (?:called|named))?\b"
)
"""After a wish to train, the words for its target: "…, the column is called readmitted"."""

_SETTINGS = frozenset(
    {
        *("metric", "strategy", "time_s", "folds", "validation", "max_trials", "patience", "seed", "families"),
        *(
            "ensemble",
            "transfer",
            "primary",
            "group_column",
            "time_column",
            "ignore_columns",
            "max_model_size",
            "max_latency_ms",
            "max_memory",
            "min_accuracy",
        ),
    }
)
_WHAT_IS_IT = re.compile(
    r"\W*(?:so |and )*(?:which|what|who)\b.{0,30}\b(?:is|can|could|would|might|will) (?:it|that|this|they|those)\b"
)
"""After values, the question that they are given for: "… Which species can it be?"."""
_BOTH_TRAIN = {"train", "architecture"}
TALK = "talk."
_CONTENT = re.compile(r"[\d§]")
"""A greeting that holds a number or a name says something beside."""
_POLITE = ("talk.greeting", "talk.thanks", "talk.bye")
FRAGMENT = "fragment"


@dataclass
class Wish:
    """One thing asked for. `intent` is None when the words name no intent (arguments only, or out of depth)."""

    text: str
    intent: Intent | None
    ranking: Ranking

    def joined(self, text: str) -> Wish:
        """The same wish with more words."""
        return Wish(f"{self.text}, {text}", self.intent, self.ranking)


@dataclass
class Heard:
    """All wishes of a message, in order; `refused` are intents the user said not to do."""

    whole: Text
    wishes: list[Wish]
    refused: list[Intent] = field(default_factory=list)
    ranking: Ranking | None = None
    """Of the whole message, where it holds no wish."""


def hear(message: str, world: World, tools: Tools) -> Heard:
    """Cut a message into wishes; stretches without an intent of their own join their neighbour."""
    whole = regular(message, world.names)
    parts = [part.strip(" ,") for part in _split().split(whole.plain) if part and part.strip(" ,.;!?")]
    refused: list[Intent] = []
    wishes: list[Wish] = []
    polite: list[Wish] = []
    pending, alone = "", len(parts) == 1
    while parts:
        part = parts.pop(0)
        repair = mood.repair(part) if wishes else None
        if repair is not None:
            _repaired(wishes, part, repair, whole, world, tools)
            continue
        if mood.refuses(part) and not _limits(part) and not _about_columns(Reading(part, whole, world)):
            denied, _, rest = _refusal(part)
            refused.append(_rank(denied, whole, world, tools).best)
            parts = [rest, *parts] if rest else parts
            continue
        if not alone and _NOD.fullmatch(part):
            continue
        ranking = _rank(part, whole, world, tools)
        if not alone and _BARE.fullmatch(mask_numbers(part)):
            certain = False
        else:
            certain = sure(ranking) if alone else ranking.sure >= _PART_SURE and not mood.narrates(part)
        if (wishes or pending) and _ASIDE.fullmatch(part):
            certain = False
        if ranking.best.name in _BOTH_TRAIN and mood.states(part):
            certain = False
        intent = ranking.best if certain else None
        if intent is None or intent.name == FRAGMENT:
            if wishes and not wishes[-1].text.startswith("§"):
                wishes[-1] = wishes[-1].joined(part)
            else:
                pending = f"{pending}, {part}" if pending else part
        elif intent.name in _POLITE and not alone and not _CONTENT.search(part):
            polite.append(Wish(part, intent, ranking))  # the thanks at the end of a letter are not what it is about
        elif wishes and _belongs(wishes[-1], intent, part, whole, world):
            wishes[-1] = wishes[-1].joined(part)
        else:
            wishes.append(Wish(f"{pending}, {part}" if pending else part, intent, ranking))
            pending = ""
    wishes = _without_talk(wishes)
    if pending and wishes:
        wishes[-1] = wishes[-1].joined(pending)
    if wishes or not pending:
        return Heard(whole, wishes or polite, refused)
    heard = _as_one(whole, world, tools, refused, pending)
    return heard if heard.wishes or not polite else Heard(whole, polite, refused, heard.ranking)


def _limits(part: str) -> bool:
    """Whether a denial only bounds something: "don't take more than 60 s"."""
    return _BOUND.search(part) is not None


def _about_columns(reading: Reading) -> bool:
    """Whether a denial says how rows are split, or what the model must not use."""
    return bool(grouping.named(reading) or ignored.named(reading))


def _repaired(wishes: list[Wish], part: str, rest: str, whole: Text, world: World, tools: Tools) -> None:
    """What the user takes back in mid-sentence: "…, no wait, make that two minutes" changes the wish before it."""
    ranking = _rank(rest, whole, world, tools)
    before = wishes[-1].intent
    other = ranking.best.tool not in (None, before.tool if before else None) and ranking.sure >= _PART_SURE
    if other and _verb().match(rest):
        wishes[-1] = Wish(rest, ranking.best, ranking)
    else:
        wishes[-1] = wishes[-1].joined(part)


def _refusal(part: str) -> tuple[str, str, str]:
    """What is refused, and what follows it: "don't build anything, I only want to look"."""
    cut = re.search(r",| but | - |;", part[_LEAD:])
    if cut is None:
        return part, "", ""
    return part[: _LEAD + cut.start()], cut[0], part[_LEAD + cut.end() :].strip(" ,")


def sure(ranking: Ranking) -> bool:
    """Whether the likeliest intent is acted upon, rather than asked about."""
    second = ranking.scores[1][1] if len(ranking.scores) > 1 else 0.0
    if len(ranking.scores) > 1 and {intent.name for intent, _ in ranking.scores[:2]} == _BOTH_TRAIN:
        return ranking.sure + second >= SURE  # a training either way
    return ranking.sure >= SURE or (ranking.sure >= _LEAST and ranking.sure >= _AHEAD * second)


def _as_one(whole: Text, world: World, tools: Tools, refused: list[Intent], text: str) -> Heard:
    """No part is a wish by itself: perhaps the message is one as a whole."""
    if not text:
        return Heard(whole, [], refused)
    ranking = _rank(text, whole, world, tools)
    wish = sure(ranking) and ranking.best.name != FRAGMENT
    wishes = [Wish(text, ranking.best, ranking)] if wish else []
    return Heard(whole, wishes, refused, ranking)


def _rank(part: str, whole: Text, world: World, tools: Tools) -> Ranking:
    reading = Reading(part, whole, world)
    read_all(reading)
    return rank(reading, part, tools)


def _without_talk(wishes: list[Wish]) -> list[Wish]:
    """Greetings and small talk beside a real wish are politeness; what they say may still matter."""
    real = [wish for wish in wishes if wish.intent and not wish.intent.name.startswith((TALK, "explain"))]
    if not real or len(real) == len(wishes):
        return wishes
    kept: list[Wish] = []
    lead = ""
    for wish in wishes:
        if wish not in real:
            lead = f"{lead}{wish.text}, "
            continue
        kept.append(Wish(lead + wish.text, wish.intent, wish.ranking))
        lead = ""
    kept[-1] = kept[-1].joined(lead.strip(" ,")) if lead else kept[-1]
    return kept


def _same(left: Intent | None, right: Intent) -> bool:
    """Two parts speak of one act."""
    return left is not None and left.tool == right.tool and left.args == right.args and left.tool is not None


def _belongs(before: Wish, intent: Intent, part: str, whole: Text, world: World) -> bool:
    """Whether a part that could be a wish by itself only says more of the one before."""
    if _limits_it(before.intent, intent, part) or _setting(before.intent, part, whole, world):
        return True
    if before.intent is not None and before.intent.name in _BOTH_TRAIN and _TARGET_TOLD.search(part):
        return not mood.question(part)
    if before.intent is not None and {before.intent.name, intent.name} <= _BOTH_TRAIN:
        return not _another(part, whole, world)
    if before.intent is not None and before.intent.name == "predict" and _WHAT_IS_IT.match(part):
        return True
    if not _same(before.intent, intent):
        return False
    return intent.name != "evaluate" or not _other_report(before, part, whole, world)


def _another(part: str, whole: Text, world: World) -> bool:
    """Whether a part that follows a training is one more, rather than settings of it: other data, or "another one"."""
    if _ONE_MORE.search(part):
        return True
    reading = Reading(part, whole, world)
    read_all(reading)
    return "dataset" in reading.found


def _limits_it(before: Intent | None, intent: Intent, part: str) -> bool:
    """After a wish to train, what a model is to keep to is a limit of that training, and no check of an old one."""
    return (
        before is not None
        and before.name in _BOTH_TRAIN
        and intent.name == "constraints"
        and not mood.question(part)
        and _CHECKS.search(part) is None
    )


def _setting(before: Intent | None, part: str, whole: Text, world: World) -> bool:
    """After a wish to train, a few words without a verb that name a setting: "…; rmse; 75 s"."""
    if before is None or before.name not in _BOTH_TRAIN or mood.question(part):
        return False
    reading = Reading(part, whole, world)
    read_all(reading)
    if "patience" in reading.found:
        return True  # "stop after 6 without improvement" stops no job
    if len(part.split()) > _FEW_WORDS:
        return False
    named = _SETTINGS & set(reading.found)
    return bool(named) and "report" not in reading.found and ("metric" in named or not _verb().match(part))


@functools.cache
def _verb() -> re.Pattern[str]:
    return re.compile(rf"\W*(?:and |then |please )*(?:{'|'.join(data('lexicon')['openers'])})\b")


def _other_report(before: Wish, part: str, whole: Text, world: World) -> bool:
    """Two parts ask for different reports of a model: two wishes."""
    reports = []
    for text in (before.text, part):
        reading = Reading(text, whole, world)
        read_all(reading)
        reports.append(reading.found.get("report", "metrics" if _METRICS.search(text) else None))
    return None not in reports and reports[0] != reports[1]


def intent_named(name: str) -> Intent:
    """The intent of that name."""
    return next(intent for intent in intents() if intent.name == name)


@functools.cache
def _split() -> re.Pattern[str]:
    openers = "|".join(data("lexicon")["openers"])
    return re.compile(
        r"(?<=[.;?!])\s+|\s*[;\n]\s*|,?\s+(?:and\s+)?(?:then|afterwards|after that|finally|next)\b,?\s+"
        r"(?!on\b|to\b|(?:the )?(?:accuracy|speed|latency|size|quality|precision)\b)"
        r"|,?\s+(?:and\s+)?(?:when|once|as soon as|after)\s+(?:you're|you are|you have|it's|it is|it has|that's|"
        r"that is|this is|training is|the (?:training|model|run) is)\s+(?:all |been )?"
        r"(?:done|finished|ready|trained|through|over|complete)\b,?\s+"
        rf"|(?:,\s*(?:and\s+)?(?:please\s+)?|\s+and\s+(?:please\s+)?|\s+but\s+)(?=(?:{openers})\b)"
    )
