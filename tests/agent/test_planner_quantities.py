"""Any phrasing of a number, a duration or a size means the same value."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.lm.planner.language import gloss, language
from agent.lm.planner.quantities import canonical, quantities

ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
TIMES = {"s": 1, "sec": 1, "seconds": 1, "min": 60, "minutes": 60, "hours": 3600, "h": 3600}
SIZES = {
    "kB": 10**3,
    "kilobytes": 10**3,
    "MB": 10**6,
    "megs": 10**6,
    "GB": 10**9,
    "gigs": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
}


def spelled(number: int, joint: str = "-") -> str:
    if number < 20:
        return ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return TENS[tens - 2] + (joint + ONES[ones] if ones else "")
    hundreds, rest = divmod(number, 100)
    return f"{ONES[hundreds]} hundred" + (f" and {spelled(rest, joint)}" if rest else "")


def only(text: str) -> tuple[str, float]:
    (found,) = [quantity for quantity in quantities(text) if quantity.unit]
    return found.unit, found.value


@settings(deadline=None)
@given(st.integers(2, 999), st.sampled_from(sorted(TIMES)), st.sampled_from(["-", " "]))
def test_a_time_in_words_or_digits_is_the_same(number: int, unit: str, joint: str) -> None:
    assert only(f"at most {number} {unit} please") == ("time", number * TIMES[unit])
    if len(unit) > 1:
        assert only(f"at most {spelled(number, joint)} {unit} please") == ("time", number * TIMES[unit])


@settings(deadline=None)
@given(st.integers(1, 999), st.sampled_from(sorted(SIZES)), st.sampled_from(["", " "]))
def test_a_size_with_or_without_a_space_in_words_or_digits_is_the_same(number: int, unit: str, space: str) -> None:
    assert only(f"under {number}{space}{unit}") == ("size", number * SIZES[unit])
    assert only(f"under {number}.5{space}{unit}") == ("size", (number + 0.5) * SIZES[unit])
    assert only(f"under {number},5{space}{unit}") == ("size", (number + 0.5) * SIZES[unit])


@settings(deadline=None)
@given(st.integers(1, 23), st.integers(1, 59))
def test_hours_and_minutes_add_up_however_they_are_joined(hours: int, minutes: int) -> None:
    whole = hours * 3600 + minutes * 60
    for text in (f"{hours}h{minutes}", f"{hours} h {minutes} min", f"{hours} hours and {minutes} minutes"):
        assert only(text) == ("time", whole)


@settings(deadline=None)
@given(st.integers(2, 999))
def test_a_number_in_words_is_written_in_digits(number: int) -> None:
    assert canonical(f"try {spelled(number)} trials") == f"try {number} trials"


@settings(deadline=None)
@given(st.text(max_size=200))
def test_no_text_breaks_the_grammar(text: str) -> None:
    canonical(text)
    gloss(text)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("half an hour", "1800 s"),
        ("three quarters of an hour", "2700 s"),
        ("a minute and a half", "90 s"),
        ("one and a half minutes", "90 s"),
        ("half a MiB", "524288 bytes"),
        ("a third of a megabyte", "333333 bytes"),
        ("20 sceonds", "20 s"),
        ("five minuets", "300 s"),
        ("a quarter of an hour", "900 s"),
        ("a dozen trials", "12 trials"),
        ("half a dozen tries", "6 tries"),
        ("two more minutes", "120 s"),
        ("250 microseconds", "0.25 ms"),
        ("under a millisecond", "under 1 ms"),
        ("half a percentage point", "0.5 points"),
        ("ninety-five percent", "95 %"),
        ("the second one", "the second one"),
        ("a second model", "a second model"),
        ("which one", "which one"),
        ("run number one", "run number 1"),
        ("eight-bit", "8-bit"),
        ("sixty-forty", "60-40"),
        ("90 s, 30 trials", "90 s, 30 trials"),
    ],
)
def test_phrasings(text: str, plain: str) -> None:
    assert canonical(text) == plain


@pytest.mark.parametrize(
    ("text", "name", "plain"),
    [
        ("höchstens fünfundvierzig Sekunden auf iris", "de", "at most 45 s on iris"),
        ("en moins de trente-cinq secondes sur iris", "fr", "in under 35 s on iris"),
        ("máximo cuarenta y cinco segundos con iris", "es", "at most 45 s with iris"),
        ("train on iris for a minute", None, "train on iris for 60 s"),
    ],
)
def test_numbers_of_other_languages(text: str, name: str | None, plain: str) -> None:
    assert language(text.lower()) == name
    assert canonical(gloss(text.lower())) == plain
