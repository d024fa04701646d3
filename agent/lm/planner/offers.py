"""What an answer offered, and whether the next message takes it up: "yes, do that", "the second one"."""

from __future__ import annotations

import re
from typing import Any

from agent.consent import said
from agent.lm.planner.knowledge import data
from agent.lm.planner.quantities import canonical
from agent.lm.planner.request import Call, Exchange
from tools.tracking.wording import quantity

MENDABLE = ("task", "bad_arguments", "resource", "optimization")
"""Codes of failures that another value may mend."""
_DO = r"(?:do|try|take|use|go (?:with|for)|let's do|let us do|make it|run)"
_THAT = (
    r"(?:that|it|this|so|as you (?:say|suggest|propose)|your (?:suggestion|advice|proposal)|what you (?:said|suggest))"
)
_TAKEN = re.compile(
    rf"\W*(?:(?:yes|yeah|yep|ok(?:ay)?|sure|fine|good|great|right|well|then|please|sounds good|sounds fine|agreed|"
    rf"perfect|alright|all right|good idea)\W*)*(?:(?:please )?{_DO}(?: {_THAT})?|i agree|as you (?:say|suggest)|"
    rf"(?:follow|take) your (?:advice|suggestion))(?:\W*(?:then|please|thanks|now))*\W*"
)
_AGREED = re.compile(
    r"\W*(?:sounds (?:good|fine|great)|good idea|agreed|i agree|fine by me|works for me)\W*(?:then)?\W*"
)
_PLAIN = re.compile(r"\W*(?:[^\W\d]+\W*){1,3}")
"""A plain yes is short and without a number; others have a wish of their own."""
_HEARD = re.compile(r"\W*(?:ok(?:ay)?)\W*")
"""May mean that it was read, and no more."""
_PLACES = {"first": 0, "1st": 0, "second": 1, "2nd": 1, "third": 2, "3rd": 2, "last": -1, "former": 0, "latter": -1}
_PICK = re.compile(
    rf"\W*(?:(?:yes|ok(?:ay)?|please|then|{_DO})\W+)*(?:the )?({'|'.join(_PLACES)})"
    rf"(?: (?:one|option|suggestion|of (?:them|those)))?(?:\W*(?:please|then|thanks))*\W*"
    rf"|\W*(?:(?:the )?(?:option|suggestion)|number) (\d)\W*"
)


def taken(message: str, before: Exchange | None) -> str | None:
    """The offer of the answer before that a message takes up; None when it takes up none.

    A pick by its place counts wherever nothing was done in that turn, and "do that" where there was one thing to do:
    what would mend a failure, or the only offer.
    """
    if before is None or not before.options or before.answer is None:
        return None
    text = message.lower().replace("’", "'")
    failed = bool(before.calls) and not (before.calls[-1].result or {}).get("ok", False)
    picked = None if before.options[0].startswith("Experiment ") else _PICK.fullmatch(text)  # they have numbers
    if picked and (failed or not before.calls):
        place = _PLACES[picked[1]] if picked[1] else int(picked[2]) - 1
        return before.options[place] if -1 <= place < len(before.options) else None
    single = failed or (len(before.options) == 1 and bool(before.calls))
    says_yes = said(message) == "yes" and _HEARD.fullmatch(text) is None and _PLAIN.fullmatch(text) is not None
    agrees = _TAKEN.fullmatch(text) or says_yes or (failed and _AGREED.fullmatch(text))
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
