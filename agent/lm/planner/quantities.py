"""One grammar for quantities: (number | number word | fraction | article) x one table of units.

Every number in a text is rewritten in digits, every unit in its base unit, before any slot is read.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from rapidfuzz.distance import OSA

from agent.lm.planner.knowledge import data

_TOKEN = re.compile(
    r"§\w+§|(?<![\d.,])[^\W\d_]+\d[\w]*|\d{1,3}(?:,\d{3})+(?![\d,])|\d+(?:[.,]\d+)?|[^\W\d_]+(?:'[^\W\d_]+)*|%|\S"
)
_TYPO_LENGTH = 5
_FINE = 1.0
"""Units below a second stay apart ("0.25 ms"): they speak of a model's latency."""


@dataclass(frozen=True)
class Token:
    """A word, number or mark with its place in the text."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Quantity:
    """A number with a unit: `value` in s, bytes or as a share; `unit` is the kind, "" for a bare number."""

    value: float
    unit: str
    start: int
    end: int
    fine: bool = False

    def __str__(self) -> str:
        if self.unit == "time":
            return f"{_digits(self.value * 1000)} ms" if self.fine else f"{_digits(self.value)} s"
        if self.unit == "size":
            return f"{round(self.value)} bytes"
        if self.unit in ("percent", "points"):
            return f"{_digits(self.value * 100)} " + ("%" if self.unit == "percent" else "points")
        return _digits(self.value)


QUANTITIES = ("time_s", "max_latency_ms", "max_model_size", "max_memory", "max_gpu_memory", "max_disk", "min_accuracy")
"""Arguments whose values have a unit."""


def in_unit_of(name: str, value: float, message: str) -> float | int:
    """A number without a unit, in the one that the message uses for this argument: "ten" after "zero minutes" is 600 s.

    >>> in_unit_of("time_s", 10, "train for zero minutes"), in_unit_of("max_model_size", 40, "under 30 kB")
    (600, 40000)
    """
    if name in ("min_accuracy", "max_accuracy_drop"):
        return value / 100 if value > 1 else value
    kind = {"time_s": "time", "max_latency_ms": "time"}.get(name, "size" if name.startswith("max_") else "")
    words = {word.lower() for word in re.findall(r"[^\W\d_]+", message)}
    for factor, units in data("units")["units"].get(kind, {}).items():
        if words & {unit for unit in units if len(unit) > 1}:
            value *= float(factor) * (1000 if name == "max_latency_ms" else 1)
            break
    return int(value) if kind == "size" or float(value).is_integer() else value


def canonical(text: str) -> str:
    """The text with every quantity in digits and base units.

    >>> canonical("three quarters of an hour, under half a MiB, no more than twenty-five trials")
    '2700 s, under 524288 bytes, no more than 25 trials'
    >>> canonical("1h15 and 250 microseconds; which one?")
    '4500 s and 0.25 ms; which one?'
    """
    parts, position = [], 0
    for found in quantities(text):
        parts += [text[position : found.start], str(found)]
        if found.end < len(text) and text[found.end].isalnum():
            parts.append(" ")
        position = found.end
    return "".join(parts) + text[position:]


def quantities(text: str) -> list[Quantity]:
    """All quantities, left to right, none overlapping."""
    tokens = [Token(m[0].lower(), m.start(), m.end()) for m in _TOKEN.finditer(text)]
    found: list[Quantity] = []
    index = 0
    while index < len(tokens):
        read = _quantity(tokens, index)
        if read is None:
            index += 1
            continue
        quantity, index = read
        if quantity is not None:
            found.append(quantity)
    return found


def _quantity(tokens: list[Token], index: int) -> tuple[Quantity | None, int] | None:
    """A number and, if there is one, its unit. (None, next): a number that stays as it is written."""
    number = _number(tokens, index)
    if number is None:
        return None
    value, after = number
    unit, end = _unit(tokens, after)
    article = tokens[index].text in data("units")["articles"] and after == index + 1
    if unit is None:
        digits = tokens[index].text.replace(".", "").isdecimal() and after == index + 1
        if digits or (article and not _one(tokens, index)):
            return None if article else (None, after)
        return Quantity(value, "", tokens[index].start, tokens[after - 1].end), after
    kind, factor = unit
    if article and tokens[end - 1].text == "second" and _word(tokens, end) in data("units")["not_after_second"]:
        return None
    value, fine = value * factor, kind == "time" and factor < _FINE
    while kind == "time":
        more = _more_time(tokens, end, factor)
        if more is None:
            break
        extra, factor, end = more
        value += extra
    return Quantity(value, kind, tokens[index].start, tokens[end - 1].end, fine), end


def _more_time(tokens: list[Token], index: int, above: float) -> tuple[float, float, int] | None:
    """What is added to a time: "and a half", "30 min", "15" right after "1h"."""
    if above < _FINE:
        return None
    joined = index + 1 if _word(tokens, index) in ("and", ",") else index
    if (
        _word(tokens, index) == "and"
        and _word(tokens, index + 1) in ("a", "one")
        and _word(tokens, index + 2) == "half"
    ):
        return above / 2, 0.0, index + 3
    if _word(tokens, index) == "and" and _word(tokens, index + 1) == "half":
        return above / 2, 0.0, index + 2
    number = _number(tokens, joined)
    if number is None:
        return None
    value, after = number
    unit, end = _unit(tokens, after)
    if unit is not None and unit[0] == "time" and _FINE <= unit[1] < above:
        return value * unit[1], unit[1], end
    adjacent = joined == index and index < len(tokens) and tokens[index].start <= tokens[index - 1].end + 1
    said = index < len(tokens) and (tokens[index].text.isdecimal() or tokens[index].text in data("units")["tens"])
    if unit is None and adjacent and above > _FINE and said and value < 60:
        joint = tokens[index].start == tokens[index - 1].end  # "1h15 and …"; but not "1 h 15 trials"
        if joint or not _word(tokens, after)[:1].isalpha():
            return value * above / 60, above / 60, after
    return None


def _number(tokens: list[Token], index: int) -> tuple[float, int] | None:
    """The number that begins at a token, and the token after it."""
    table = data("units")
    word = _word(tokens, index)
    if not word:
        return None
    if word[0].isdecimal():
        return _scaled(_written(word), tokens, index + 1)
    if word in ("a", "one", "the") and _word(tokens, index + 1) in table["fractions"]:
        inner = _number(tokens, index + 1)
        return inner if inner and inner[1] > index + 1 else None
    if word in table["fractions"]:
        return _of(table["fractions"][word], tokens, index + 1)
    if word in ("a", "an") and _word(tokens, index + 1) in (*table["scales"], *table["vague"]):
        return _named(tokens, index + 1)
    if word in table["numbers"] or word in table["tens"]:
        return _spelled(tokens, index)
    if word in table["scales"]:
        return _named(tokens, index)
    if word in table["articles"] and _unit(tokens, index + 1)[0] is not None:
        return 1.0, index + 1
    return None


def _named(tokens: list[Token], index: int) -> tuple[float, int] | None:
    table = data("units")
    word = _word(tokens, index)
    if word in table["scales"]:
        return _scaled(1.0, tokens, index)
    after = index + 2 if _word(tokens, index + 1) == "of" else index + 1
    counted = _word(tokens, after) in table["counted"] or _unit(tokens, after)[0] is not None
    return (float(table["vague"][word]), after) if counted else None


def _of(value: float, tokens: list[Token], index: int) -> tuple[float, int] | None:
    """What a fraction is of: "half a dozen", "quarter of an hour"; the unit itself stays for the caller."""
    after = index + 1 if _word(tokens, index) == "of" else index
    if _word(tokens, after) in ("a", "an", "one", "-"):
        after += 1
    if _word(tokens, after) in data("units")["scales"]:
        return value * data("units")["scales"][_word(tokens, after)], after + 1
    return (value, after) if _unit(tokens, after)[0] is not None else None


def _spelled(tokens: list[Token], index: int) -> tuple[float, int]:
    """A number in words: "twenty-five", "two hundred and ten", "one and a half", "three quarters of"."""
    table = data("units")
    word, after = _word(tokens, index), index + 1
    if word in table["tens"]:
        value = float(table["tens"][word])
        skip = after + 1 if _word(tokens, after) in ("-", "and") else after
        unit = table["numbers"].get(_word(tokens, skip), 0)
        if 0 < unit < 10:
            value, after = value + unit, skip + 1
    else:
        value = float(table["numbers"][word])
    if _word(tokens, after) in ("point", "comma") and _digit(tokens, after + 1) is not None:
        return _decimals(value, tokens, after + 1)
    if _word(tokens, after) in table["fractions"] and _word(tokens, after).endswith("s"):
        fraction = _of(table["fractions"][_word(tokens, after)], tokens, after + 1)
        if fraction is not None:
            return value * fraction[0], fraction[1]
    return _scaled(value, tokens, after)


def _decimals(value: float, tokens: list[Token], index: int) -> tuple[float, int]:
    """The digits after "point": "zero point nine six"."""
    place = 0.1
    while (digit := _digit(tokens, index)) is not None:
        value, place, index = value + digit * place, place / 10, index + 1
    return round(value, 9), index


def _digit(tokens: list[Token], index: int) -> int | None:
    value = data("units")["numbers"].get(_word(tokens, index))
    return int(value) if value is not None and value < 10 else None


def _scaled(value: float, tokens: list[Token], after: int) -> tuple[float, int]:
    """What may follow a number: "hundred", "dozen", "and a half"."""
    table = data("units")
    scale = table["scales"].get(_word(tokens, after))
    if scale:
        value, after = value * scale, after + 1
        more = after + 1 if _word(tokens, after) == "and" else after
        if scale > 12 and (more > after or _word(tokens, more) in (*table["tens"], *table["numbers"])):
            rest = _number(tokens, more)
            if rest is not None and rest[0] < scale and _word(tokens, more)[0].isalpha():
                value, after = value + rest[0], rest[1]
    fraction = table["fractions"].get(_word(tokens, after + 2))
    if _word(tokens, after) == "and" and _word(tokens, after + 1) in ("a", "one") and fraction:
        value, after = value + fraction, after + 3
    return value, after


def _unit(tokens: list[Token], index: int) -> tuple[tuple[str, float] | None, int]:
    """The unit at a token as (kind, factor), and the token after it."""
    index = index + 1 if _word(tokens, index) == "-" and _word(tokens, index + 1)[:1].isalpha() else index
    if _word(tokens, index) in data("units")["between"]:
        index += 1
    pair = f"{_word(tokens, index)} {_word(tokens, index + 1)}"
    if pair in _units():
        return _units()[pair], index + 2
    word = _word(tokens, index)
    found = _units().get(word)
    if found is None and len(word) >= _TYPO_LENGTH and word.isalpha():
        found = _typing_error(word)
    if found is not None and len(word) == 1 and word.isalpha():
        digit = index > 0 and tokens[index - 1].text[0].isdecimal()
        found = found if digit else None
    return found, index + 1


@functools.lru_cache(maxsize=512)
def _typing_error(word: str) -> tuple[str, float] | None:
    if word in data("units")["counted"] or word in data("units")["not_after_second"]:
        return None
    for name, unit in _units().items():
        near = sorted(name) == sorted(word) and OSA.distance(word, name) <= 2
        if len(name) >= _TYPO_LENGTH and (near or OSA.distance(word, name) <= 1):
            return unit
    return None


@functools.cache
def _units() -> dict[str, tuple[str, float]]:
    return {
        word: (kind, float(factor))
        for kind, factors in data("units")["units"].items()
        for factor, words in factors.items()
        for word in words
    }


def _one(tokens: list[Token], index: int) -> bool:
    """Whether "one" counts something ("one trial", "number one") and is no pronoun ("which one")."""
    if tokens[index].text != "one":
        return False
    before = _word(tokens, index - 1) if index else ""
    following = _word(tokens, index + 1)
    return following in data("units")["counted"] or before in data("units")["numbering"]


def _word(tokens: list[Token], index: int) -> str:
    return tokens[index].text if 0 <= index < len(tokens) else ""


def _written(text: str) -> float:
    """Digits with either decimal mark, or with thousands apart.

    >>> _written("1,5"), _written("10,000"), _written("0.25")
    (1.5, 10000.0, 0.25)
    """
    if re.fullmatch(r"[1-9]\d{0,2}(,\d{3})+", text):
        return float(text.replace(",", ""))
    return float(text.replace(",", "."))


def _digits(value: float) -> str:
    text = f"{value:.9f}".rstrip("0").rstrip(".")
    return text or "0"
