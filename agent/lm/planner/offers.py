"""What an answer offered, and whether the next message takes it up: "yes, do that", "the second one"."""

from __future__ import annotations

import re
from typing import Any

from agent.lm.planner.knowledge import data
from agent.lm.planner.quantities import canonical
from agent.lm.planner.request import Call, Exchange
from tools.tracking.wording import quantity

MENDABLE = ("task", "bad_arguments", "resource", "optimization")
"""Codes of failures that another value may mend."""
_YES = r"yes|yeah|yep|yup|sure|ok(?:ay)?|fine|good|great|perfect|right|well|agreed|alright|please|then|now|thanks"
_THAT = r"(?:that|it|this|as you (?:say|suggest|propose)|your (?:suggestion|advice|proposal)|what you (?:said|suggest))"
_LEAD = rf"\W*(?:(?:{_YES}|sounds good|sounds fine|good idea|works for me)\W+)*"
_TAIL = r"(?:\W*(?:then|please|thanks|now))*\W*"
_TAKEN = re.compile(
    rf"{_LEAD}(?:please )?(?:(?:do|go (?:with|for)|let's do|let us do|follow|take) {_THAT}|go ahead|proceed|"
    rf"as you (?:say|suggest)){_TAIL}"
)
_AGREED = re.compile(
    rf"\W*(?:yes|yeah|yep|yup|sure|sounds (?:good|fine|great)|good idea|agreed|i agree|fine by me|works for me|ja|oui|"
    rf"s[ií])(?:\W+(?:{_YES}))*\W*"
)
"""Whole messages that say yes and nothing else; "ok" alone may mean that it was read."""
_FEASIBLE = re.compile(
    r"\b(?:what|how|which)\b.*\b(?:smallest|least|minimum|lowest|shortest|tightest|possible|feasible|realistic|"
    r"(?:could|would|can|will|does) work)\b"
)
_COST = re.compile(
    r"\b(?:how much|what|how many)\b.*\b(?:pay|paid|costs?|lost|lose|give up|gave up|given up|sacrific\w*|saved?)\b"
)
_PLACES = {"first": 0, "1st": 0, "second": 1, "2nd": 1, "third": 2, "3rd": 2, "last": -1, "former": 0, "latter": -1}
_PICK = re.compile(
    rf"\W*(?:(?:yes|ok(?:ay)?|please|then|do|try|take|use|go (?:with|for)|let's (?:do|take|try))\W+)*(?:the )?"
    rf"({'|'.join(_PLACES)})(?: (?:one|option|suggestion|of (?:them|those)))?{_TAIL}"
    rf"|\W*(?:(?:the )?(?:option|suggestion)|number) ([1-9])\W*"
)


def taken(message: str, before: Exchange | None) -> str | None:
    """The offer of the answer before that a message takes up; None when it takes up none.

    A pick by its place counts wherever nothing was done in that turn. "Do that" and a plain yes count where there was
    one thing to do: what would mend a failure, or the only offer.
    """
    if before is None or not before.options or before.answer is None:
        return None
    text = message.lower().replace("’", "'")
    mendable = bool(before.calls) and before.options == remedies(before.calls[-1])
    picked = None if before.options[0].startswith("Experiment ") else _PICK.fullmatch(text)  # they have numbers
    if picked and (mendable or not before.calls):
        place = _PLACES[picked[1]] if picked[1] else int(picked[2]) - 1
        return before.options[place] if place < len(before.options) else None
    single = mendable or (len(before.options) == 1 and bool(before.calls))
    agrees = _TAKEN.fullmatch(text) or _AGREED.fullmatch(text)
    return before.options[0] if single and agrees else None


def remedies(call: Call) -> tuple[str, ...]:
    """What to say after a failed training: the least that would do, and doing without the limit."""
    result = call.result or {}
    name = fault(str(result.get("message", "")), call.args)
    words = data("replies")["remedies"].get(name)
    if name is None or words is None or result.get("code") not in MENDABLE:
        return ()
    value = least(str(result.get("hint", "")), name)
    found = [words["allow"].format(value=quantity(name, value))] if value is not None else []
    return (*found, words["drop"]) if words.get("drop") else tuple(found)


def agrees(message: str) -> bool:
    """Whether a message asks for what was just spoken of to be done: "do that", "go ahead"."""
    return _TAKEN.fullmatch(message.lower().replace("’", "'")) is not None


def told_before(message: str, before: Exchange | None) -> str | None:
    """What the call before said already, for somebody who asks for it; None when that is not asked.

    After a failure that is what would do; after a conversion, what it cost.
    """
    call = before.calls[-1] if before is not None and before.calls else None
    result = (call.result or {}) if call is not None else {}
    if result.get("code") in MENDABLE and _FEASIBLE.search(message.lower()):
        return str(result.get("hint") or "") or None
    converted = call is not None and call.tool == "ModelConverter" and result.get("ok")
    return str(result.get("summary") or "") or None if converted and _COST.search(message.lower()) else None


def fault(message: str, args: dict[str, Any]) -> str | None:
    """The argument a complaint is about: one that was given, and whose words it uses."""
    faults = data("lexicon")["faults"]
    for name, words in faults.items():
        if name in args and re.search(words, message, re.I):
            return str(name)
    given = [name for name in faults if name in args and name not in ("dataset", "target")]
    return str(given[0]) if len(given) == 1 else None


def least(hint: str, name: str | None) -> float | int | None:
    """The value a hint names: "Allow a size of at least 1.5 kB"."""
    match = re.search(r"\b(?:at least|about|allow|for|to) (\d+(?:\.\d+)?) (bytes|s|ms|%)", canonical(hint.lower()))
    if match is None or name is None:
        return None
    value = float(match[1])
    return int(value) if match[2] == "bytes" else value / 100 if match[2] == "%" else value
