"""A message cut into wishes: each stretch of text with the intent it shows."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from agent.lm.planner.knowledge import Intent, data, intents
from agent.lm.planner.text import regular

THRESHOLD = 0.5
_TALK = "talk."
_NEAR = 22
"""Characters before a cue in which a negation counts."""


@dataclass
class Wish:
    """One thing asked for. `intent` is None when the words name no intent (slots only, or out of depth)."""

    text: str
    intent: Intent | None
    strength: float = 0.0


@dataclass
class Heard:
    """All wishes of a message, in order; `refused` are intents the user said not to do."""

    text: str
    wishes: list[Wish]
    refused: list[Intent]


def hear(message: str) -> Heard:
    """Cut a message into wishes; stretches without an intent of their own join their neighbour."""
    text = regular(message)
    refused: list[Intent] = []
    wishes: list[Wish] = []
    pending = ""
    for part in _split().split(text):
        part = part.strip(" ,") if part else ""
        if not part:
            continue
        intent, strength = strongest(part, refused)
        if intent is None:
            if wishes:
                wishes[-1].text += f", {part}"
            else:
                pending = f"{pending}, {part}" if pending else part
            continue
        if wishes and _same(wishes[-1].intent, intent):
            wishes[-1].text += f", {part}"
            continue
        wishes.append(Wish(f"{pending}, {part}" if pending else part, intent, strength))
        pending = ""
    if pending:
        wishes.append(Wish(pending, None))
    if any(wish.intent and not wish.intent.name.startswith(_TALK) for wish in wishes):
        wishes = _without_talk(wishes)
    return Heard(text, wishes, refused)


def strongest(part: str, refused: list[Intent] | None = None) -> tuple[Intent | None, float]:
    """The intent with the strongest cue; negated cues do not count and are noted in `refused`."""
    best: tuple[Intent | None, float] = (None, 0.0)
    denied: tuple[Intent | None, float] = (None, 0.0)
    for intent in intents():
        for pattern, strength in intent.cues:
            match = pattern.search(part)
            if match is None:
                continue
            if _negated(part[max(0, match.start() - _NEAR) : match.start()]):
                denied = max(denied, (intent, strength), key=lambda pair: pair[1])
            elif strength > best[1]:
                best = (intent, strength)
    if denied[0] is not None and denied[1] >= best[1]:
        if refused is not None:
            refused.append(denied[0])
        return None, 0.0
    return best if best[1] >= THRESHOLD else (None, 0.0)


def _without_talk(wishes: list[Wish]) -> list[Wish]:
    """Greetings and thanks beside a real wish are politeness; their slots still count."""
    kept: list[Wish] = []
    lead = ""
    for wish in wishes:
        if wish.intent and wish.intent.name.startswith(_TALK):
            lead = f"{lead}{wish.text}, "
            continue
        wish.text, lead = lead + wish.text, ""
        kept.append(wish)
    return kept


def _same(left: Intent | None, right: Intent) -> bool:
    return left is not None and left.tool == right.tool and left.args == right.args and left.tool is not None


def _negated(before: str) -> bool:
    return (
        re.search(
            _negations() + r"(?: (?:yet|ever|just|want(?: to)?|need(?: to)?|to|please|again|you|me|any|start))* ?$",
            before,
        )
        is not None
    )


@functools.cache
def _negations() -> str:
    return r"\b(?:" + "|".join(data("lexicon")["negations"]) + r")\b"


@functools.cache
def _split() -> re.Pattern[str]:
    openers = "|".join(data("lexicon")["openers"])
    return re.compile(
        r"(?<=[.;?!])\s+|\s*[;\n]\s*|,?\s+(?:and\s+)?(?:then|afterwards|after that|finally|next)\b,?\s+"
        rf"|(?:,\s*(?:and\s+)?(?:please\s+)?|\s+and\s+(?:please\s+)?|\s+but\s+)(?=(?:{openers})\b)"
    )
