"""Reading an answer: is it a question, a refusal, an admission that it was not understood? In four languages."""

from __future__ import annotations

import re
from typing import Any

_REFUSAL = re.compile(
    r"\b(?:can ?not|can't|won't|will not|do not|don't|am not able|not (?:allowed|permitted|possible)|unable|refuse|"
    r"never do|only read|"
    r"kann (?:\w+ ){0,4}nicht|darf (?:\w+ ){0,4}nicht|werde (?:\w+ ){0,4}nicht|nicht (?:erlaubt|möglich)|lehne|"
    r"(?:tue|mache|führe|lese|öffne) (?:\w+ ){0,4}nicht|"
    r"ne (?:peux|vais|dois|fais|lis|suis) (?:\w+ ){0,3}pas|refuse|pas (?:autorisé|permis|possible)|"
    r"no (?:puedo|voy a|debo|hago|leo|está permitido|es posible)|me niego)\b",
    re.I,
)
_UNSURE = re.compile(
    r"\b(?:(?:did not|didn't|do not|don't|could not|couldn't|cannot|can't) (?:quite |really |fully )?"
    r"(?:understand|follow|get that|catch that|make sense of)|not sure (?:what|how) you mean|"
    r"(?:habe|hab) (?:ich )?(?:\w+ ){0,3}nicht verstanden|verstehe (?:\w+ ){0,2}nicht|"
    r"n'ai pas (?:\w+ )?compris|ne comprends pas|no (?:lo |te )?(?:he )?(?:entendí|entendido|entiendo))\b",
    re.I,
)
_TOPIC = {
    "data": re.compile(
        r"\b(?:data|dataset|file|attach|csv|sample|table|daten|datei|tabelle|anhäng\w*|données|fichier|jeu|datos|"
        r"archivo|fichero|tabla)\w*",
        re.I,
    ),
    "target": re.compile(
        r"\b(?:target|column|predict|label|spalte|ziel|vorher\w*|colonne|cible|prédire|columna|objetivo|predecir)\w*",
        re.I,
    ),
}
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?")


def refuses(answer: str) -> bool:
    """Whether the answer says that this is not done."""
    return bool(_REFUSAL.search(_plain(answer))) and understood(answer)


def understood(answer: str) -> bool:
    """Whether the answer does not admit that the message was not understood."""
    return bool(answer.strip()) and not _UNSURE.search(_plain(answer))


def is_question(answer: str, options: tuple[str, ...] = ()) -> bool:
    """Whether the answer puts a question to the user, in words or as replies to choose from."""
    return understood(answer) and ("?" in answer or len(options) >= 2)


def is_about(topic: str, answer: str, options: tuple[str, ...]) -> bool:
    """Whether a question is about data or a target; a choice may be about anything."""
    return topic not in _TOPIC or bool(_TOPIC[topic].search(f"{answer} {' '.join(options)}"))


def says(fact: str | float, text: str) -> bool:
    """Whether a text holds a fact: words without regard to case, a number within 1 % or as a percentage."""
    if isinstance(fact, str):
        return _plain(fact).casefold() in _plain(text).casefold()
    found = [float(number.replace(",", ".")) for number in _NUMBER.findall(text)]
    return any(same(fact, number) or same(fact * 100, number) for number in found)


_SETS = frozenset({"experiments", "families"})


def same_argument(name: str, want: Any, got: Any) -> bool:
    """As `same`; lists in which the order says nothing are compared as sets, data by its name."""
    if name in _SETS and isinstance(want, (list, tuple)) and isinstance(got, (list, tuple)):
        rest = list(got)
        for item in want:
            match = next((other for other in rest if same(item, other)), None)
            if match is None:
                return False
            rest.remove(match)
        return not rest
    if name == "dataset" and isinstance(want, str) and isinstance(got, str):
        want, got = (text.removeprefix("sample:").rsplit("/", 1)[-1] for text in (want, got))
    return same(want, got)


def same(want: Any, got: Any) -> bool:
    """Equal: numbers within 1 %, words without regard to case, lists item by item, rows column by column.

    A column is the same with or without its unit: "sepal length (cm)" is `sepal_length`.
    """
    if isinstance(want, bool) or isinstance(got, bool) or want is None:
        return want is got
    if isinstance(want, (int, float)) and isinstance(got, (int, float)):
        return abs(want - got) <= 0.01 * max(abs(want), abs(got))
    if isinstance(want, str) and isinstance(got, str):
        return _folded(want) == _folded(got)
    if isinstance(want, (list, tuple)) and isinstance(got, (list, tuple)):
        return len(want) == len(got) and all(same(left, right) for left, right in zip(want, got, strict=True))
    if isinstance(want, dict) and isinstance(got, dict):
        left, right = ({_column(key): value for key, value in row.items()} for row in (want, got))
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return bool(want == got)


def _column(name: Any) -> str:
    return " ".join(re.sub(r"\s*\([^)]*\)|[_\W]+", " ", str(name)).split()).casefold()


def _folded(text: str) -> str:
    return " ".join(_plain(text).split()).strip(" .").casefold()


def _plain(text: str) -> str:
    return text.replace("’", "'").replace("\u00a0", " ").replace("\u202f", " ")
