"""A user's words made regular: plain marks, protected parts set aside, other languages in English terms, digits."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from agent.lm.planner.knowledge import data
from agent.lm.planner.language import gloss, language
from agent.lm.planner.quantities import canonical
from agent.lm.planner.spelling import mended

_MARKS = str.maketrans({
    "’": "'", "‘": "'", "´": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "–": "-", "—": "-", "\u00a0": " ",
    "¿": " ", "¡": " ", "≤": "<=", "≥": ">=", "§": " ", "\0": " ",
})  # fmt: skip
_JSON = re.compile(r"[\[{].*[\]}]", re.S)
_QUOTED = re.compile(r"`([^`]+)`|\"([^\"]+)\"|(?<![\w'])'([^']+)'(?!\w)")
_FILE = re.compile(
    r"(?:~|\.{1,2})?(?:/?[\w~.-]+/)*[\w-][\w.-]*\.(?:csv|tsv|parquet|jsonl?|xlsx?|zip|npz|txt|data|dat)\b", re.I
)
_HELD = re.compile(r"§(\d+)([a-z])§")
_MASKS = {"q": "<quoted>", "p": "<quoted>", "j": "<quoted>", "f": "<dataset>", "c": "<column>"}
_NUMBERS = (
    (re.compile(r"(?<![\w.])\d+(?:\.\d+)? (?:s|ms)\b"), "<time>"),
    (re.compile(r"(?<![\w.])\d+(?:\.\d+)? bytes\b"), "<size>"),
    (re.compile(r"(?<![\w.])\d+(?:\.\d+)? (?:%|points\b)"), "<pct>"),
    (re.compile(r"(?<![\w.<])#?\d+(?:\.\d+)?(?![\w>])"), "<n>"),
)
_SHORT = {"w/o": "without", "w/": "with ", "e.g.": "for instance", "approx.": "about", "max.": "max", "min.": "min"}
_WITH = re.compile(r"(?<![\w/])(?:w/o\b|w/(?=[ \w])|e\.g\.|approx\.|max\.|min\.(?= ?\d))", re.I)
_BARE_DECIMAL = re.compile(r"(?<![\w.])\.(?=\d)")
_COMPARED = re.compile(r"(?<=\w)\s*(<=|>=|<|>)\s*(?=[\d.])")
_ORDINALS = {"1st": "first", "2nd": "second", "3rd": "third", "4th": "fourth", "5th": "fifth"}
_FOLDS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10}
_SPOKEN = (
    (re.compile(r"^\W*y(?= (?:tho|though|did|is|was|does|not|so)\b)"), "why"),
    (re.compile(r"\bsame 4(?= [a-z])"), "same for"),
    (
        re.compile(
            r"\bbefore (?:we|you|i) (?:start|train|do|build|begin|touch)\w*(?: (?:anything|it|training|something))?"
        ),
        "first",
    ),
    *((re.compile(rf"\b{word}[- ]?fold\b"), f"{number} fold") for word, number in _FOLDS.items()),
)
"""Ways of saying something, and the plain one."""

_ORDINAL = re.compile(rf"(?<![\w.])({'|'.join(_ORDINALS)})(?![\w])")
_BULLET = re.compile(r"[:;,]?[ \t]*\n\s*(?:[-*•]|\d+[.)])[ \t]+")
_LONGEST = 4000


@dataclass
class Text:
    """A message in regular form.

    Attributes:
        plain: Lower case, digits and base units; protected parts stand in it as marks like `§0q§`.
        held: What the marks stand for, as it was written: quoted text, files, columns, dictated text, JSON.
    """

    plain: str
    held: list[str] = field(default_factory=list)
    raw: str = ""

    def spelled(self, words: str) -> str:
        """The words with the capitals the user gave them."""
        match = re.search(rf"(?<!\w){re.escape(words)}(?!\w)", self.raw, re.I)
        return match[0] if match else words

    def original(self, text: str) -> str:
        """A piece of `plain` with its protected parts as they were written."""
        return _HELD.sub(lambda match: self.held[int(match[1])], text)


@functools.lru_cache(maxsize=256)
def regular(message: str, columns: tuple[str, ...] = ()) -> Text:
    """Read a message; `columns` are names that may hold any words, and are only names.

    >>> regular("Train on `My Data`, Half an hour").plain
    'train on §0q§, 1800 s'
    """
    held: list[str] = []

    def hold(kind: str, text: str) -> str:
        held.append(text)
        return f" §{len(held) - 1}{kind}§ "

    def quoted(text: str) -> str:
        return hold("c" if text in columns else "q", text)

    text = _BULLET.sub("; ", message[:_LONGEST].translate(_MARKS))
    text = _JSON.sub(lambda m: hold("j", m[0]) if re.search(r"[:\"]", m[0]) else m[0], text)
    text = _QUOTED.sub(lambda m: quoted(next(part for part in m.groups() if part is not None).strip()), text)
    text = _BARE_DECIMAL.sub("0.", " ".join(_WITH.sub(lambda m: _SHORT[m[0].lower()], text).split()))
    for name in sorted((c for c in columns if not re.fullmatch(r"\w+", c)), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", lambda m: hold("c", m[0]), text, flags=re.I)
    text = _dictated(text, hold)
    text = _FILE.sub(lambda m: hold("f", m[0]), text)
    text = gloss(" ".join(_COMPARED.sub(r" \1 ", text).split()).lower())
    for pattern, plain in _SPOKEN:
        text = pattern.sub(plain, text)
    if language(text) is None:
        text = mended(text, _words_of(columns))
    text = canonical(_ORDINAL.sub(lambda match: _ORDINALS[match[1]], text))
    text = re.sub(r"\bminus (?=\d)", "-", text)
    for pattern, replacement in _comparisons():
        text = pattern.sub(replacement, text)
    return Text(re.sub(r" (?=[,.;:?!](?:\s|$))", "", text), held, message[:_LONGEST])


def mask_numbers(text: str) -> str:
    """Numbers, times, sizes and shares as placeholders, as the intent model sees them.

    >>> mask_numbers("experiment 2 for 60 s under 5000 bytes")
    'experiment <n> for <time> under <size>'
    """
    for pattern, mask in _NUMBERS:
        text = pattern.sub(mask, text)
    return text


def mask(text: str) -> str:
    """The same, with protected parts as placeholders too."""
    return mask_numbers(_HELD.sub(lambda match: _MASKS[match[2]], text))


@functools.lru_cache(maxsize=64)
def _words_of(columns: tuple[str, ...]) -> frozenset[str]:
    return frozenset(word for name in columns for word in re.findall(r"[^\W\d_]+", name.lower()))


def _dictated(text: str, hold: Callable[[str, str], str]) -> str:
    """What follows "note that", "tag:", "classify this:" is text to keep or to judge, never a wish."""
    for pattern in _heads():
        match = pattern.search(text)
        if match and match[1].strip() and "§" not in match[1]:
            return text[: match.start(1)] + hold("p", match[1].strip()) + text[match.end(1) :]
    return text


@functools.cache
def _heads() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern, re.I) for pattern in data("lexicon")["dictation"])


@functools.cache
def _comparisons() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple(
        (re.compile(rf"(?<![\w])(?:{'|'.join(patterns)})(?!\w)"), plain)
        for plain, patterns in data("lexicon")["comparisons"].items()
    )
