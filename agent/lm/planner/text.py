"""A user's words made regular: lower case, plain quotes, number words as digits. Names in quotes or with dots stay."""

from __future__ import annotations

import re

_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "´": "'", "\u00a0": " ", "–": "-", "—": "-"})
_UNITS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17,
    "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fourty": 40, "fifty": 50, "sixty": 60, "seventy": 70,
    "eighty": 80, "ninety": 90,
}  # fmt: skip
_COUNTED = (
    r"(?:seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|trials?|attempts?|folds?|megs?|gigs?|[kmg]i?b|kilobytes?|"
    r"megabytes?|gigabytes?|bytes?|percent|per cent|points?|milliseconds?|ms|tokens?|characters?|"
    r"words|experiments?|runs?|"
    r"models?|ones?|candidates?|tries|configurations?)"
)
_PROTECTED = re.compile(r"(`[^`]*`|\"[^\"]*\"|(?<!\w)'[^']*'(?!\w)|\S+\.[a-z]\w{1,6}\b)", re.I)
_NUMBER = re.compile(
    rf"\b(?:({'|'.join(_TENS)})[- ]({'|'.join(list(_UNITS)[1:10])})|({'|'.join(_TENS)})|({'|'.join(_UNITS)}))\b"
)
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(?:a |an )?half (?:an |a )?hour\b"), "30 minutes"),
    (re.compile(r"\b(?:a |an )?half (?:a )?minute\b"), "30 seconds"),
    (re.compile(r"\b(?:a )?quarter (?:of )?an hour\b"), "15 minutes"),
    (re.compile(r"\b(?:an|1|one) hour and (?:a|1|one) half\b"), "90 minutes"),
    (re.compile(r"\b(?:an|one) and a half hours?\b"), "90 minutes"),
    (re.compile(r"\bone and a half\b"), "1.5"),
    (re.compile(r"\ba couple of (?=" + _COUNTED + r")"), "2 "),
    (re.compile(r"\ba few (?=" + _COUNTED + r")"), "3 "),
    (re.compile(r"\b(?:half a|a half) (?=meg|gig|[kmg]b|point|percent|second)"), "0.5 "),
    (re.compile(r"\b(?:half a|a half) dozen\b"), "6"),
    (re.compile(r"\b(?:a|1|one) dozen\b"), "12"),
    (re.compile(r"\b(?:a|1|one) hundred\b"), "100"),
    (
        re.compile(
            r"\b(?:a|an) (?=(?:second|sec|minute|min|hour|day|meg|gig|megabyte|gigabyte|kilobyte|[kmg]b|percent)\b)"
        ),
        "1 ",
    ),
    (re.compile(r"\b(\d+) hundred\b"), r"\g<1>00"),
    (re.compile(r"\b(\d+) thousand\b"), r"\g<1>000"),
    (re.compile(r"\b(\d+) and a half\b"), r"\1.5"),
)
_ONE_OF = re.compile(r"\bone\b(?! (?:" + _COUNTED[3:-1] + r")\b)")


def regular(text: str) -> str:
    """The text in regular form; protected parts (quoted, file names) keep their case.

    >>> regular("Half an hour at most, under TWO megs")
    '30 minutes at most, under 2 megs'
    >>> regular("twenty-five trials on `One Two`")
    '25 trials on `One Two`'
    """
    pieces = _PROTECTED.split(" ".join(text.translate(_QUOTES).split()))
    return "".join(piece if index % 2 else _numbers(piece.lower()) for index, piece in enumerate(pieces))


def _numbers(text: str) -> str:
    for pattern, replacement in _RULES[:6]:
        text = pattern.sub(replacement, text)
    text = _ONE_OF.sub("\x00", text)  # "which one": a pronoun, not a number
    text = _NUMBER.sub(_digits, text)
    for pattern, replacement in _RULES[6:]:
        text = pattern.sub(replacement, text)
    return text.replace("\x00", "one")


def _digits(match: re.Match[str]) -> str:
    if match[1]:
        return str(_TENS[match[1]] + _UNITS[match[2]])
    return str(_TENS[match[3]] if match[3] else _UNITS[match[4]])
