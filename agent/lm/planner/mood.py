"""Sentence mood: is something asked, ordered, or refused?"""

from __future__ import annotations

import functools
import re
from itertools import pairwise

from agent.lm.planner.knowledge import data

_ASKS = re.compile(
    r"^\W*(?:(?:and|so|but|ok(?:ay)?|well|hm+|oh|hey|hi|please|now|then|also|"
    r"eli5|btw|by the way|"
    r"(?:one|a|quick|silly|dumb|stupid|another|last) question|question|sorry|interesting|remind me)[,:\s]+)*"
    r"(?:what|what's|whats|which|who|"
    r"whose|when|where|why|why's|how|how's|is|are|was|were|does|"
    r"do(?= (?:you|i|we|they|these|those|any|both|all)\b)|did|has|have|am|should|would|"
    r"will|may|might|can|could)\b"
)
_POLITE = re.compile(
    r"^\W*(?:(?:and|so|but|ok(?:ay)?|well|hm+|oh|hey|hi|hello|please|now|then|also)[,\s]+)*(?:(?:can|could|would|will)"
    r" (?:you|u|ya|we|i)\b(?! (?:believe|trust|rely|predict here))|may i|would you mind|shall we|how about|what about|"
    r"why not|why don't (?:we|you)|do me|have a|i want|i need|i'd|is it possible to)"
)
_WONDERS = re.compile(
    r"\b(?:wanted|want|like) to (?:ask|hear) |\b(?:ask(?:s|ing)?|wonder(?:s|ed|ing)?|any idea|do you know|curious) "
    r"(?:\w+ )?(?:what|how|why|when|whether|if)\b|\bexplain\b"
)
_TELL = re.compile(r"\W*(?:and |then |please |but )*(?:tell me|let me know|remind me)\b")
_NOTHING = re.compile(
    r"\W*(?:and |but |please )*(?:delete|remove|train|build|change|touch|start|cancel|stop|convert|export|erase|do) "
    r"(?:nothing|none)\b"
)
_NEAR = 3
"""Words before a finding in which a negation counts."""


def question(text: str) -> bool:
    """Whether the words ask for information; a polite request is an order.

    >>> question("how good is it?"), question("can you train on wine?"), question("train on wine")
    (True, False, False)
    """
    if _WONDERS.search(text):
        return True
    if _POLITE.search(text):
        return False
    return _ASKS.search(text) is not None or _TELL.match(text) is not None or text.rstrip().endswith("?")


def refuses(text: str) -> bool:
    """Whether a clause says what is not to be done ("don't train yet")."""
    return re.search(data("lexicon")["refusing"], text) is not None or _NOTHING.match(text) is not None


def repair(text: str) -> str | None:
    """What is said instead, in a part of a message that takes back what went before it; None in any other part.

    >>> repair("no wait, make that two minutes"), repair("no, thanks")
    ('make that two minutes', None)
    """
    match = _repairs().match(text)
    rest = text[match.end() :].strip(" ,.-") if match else ""
    return rest or None


def versions(text: str) -> list[str]:
    """The text cut where the speaker corrects himself: what a later piece says counts before the earlier ones."""
    cuts = [match.start() for match in _repairs().finditer(text) if text[: match.start()].strip(" ,.-")]
    return [text[left:right] for left, right in pairwise([0, *cuts, len(text)])]


def narrates(text: str) -> bool:
    """Whether a part tells how things stand or what others say, and asks for nothing by itself."""
    return re.search(data("lexicon")["narrating"], text) is not None and (
        re.search(data("lexicon")["wishing"], text) is None
    )


def states(text: str) -> bool:
    """Whether the words only say how something is: "something went wrong with wine".

    >>> states("each comment has several topics"), states("iris, please"), states("it is what i want to predict")
    (True, False, False)
    """
    wish = re.search(data("lexicon")["wishing"], text) or re.search(r"\btargets?\b|\blabels?\b", text)
    return re.search(data("lexicon")["stating"], text) is not None and wish is None


def negated(text: str, start: int) -> bool:
    """Whether what stands at `start` is denied by a word just before it ("no ensembling")."""
    if re.search(r"\bwithout (?:[\w-]+ ){1,3}(?:and|or) $", text[:start]):
        return True  # "without cross-validation and ensembling" denies both
    before = re.split(r"[,;.]| but | and (?!no\b)", text[:start])[-1].split()
    tail = " ".join(before[-_NEAR - 1 :])
    return _negation().search(tail) is not None


@functools.cache
def _repairs() -> re.Pattern[str]:
    return re.compile(rf"(?<![\w'])(?:{data('lexicon')['repairs']})(?![\w'])")


@functools.cache
def _negation() -> re.Pattern[str]:
    words = "|".join(data("lexicon")["negations"])
    return re.compile(rf"\b(?:{words})\b(?: [\w'-]+){{0,{_NEAR}}}$")
