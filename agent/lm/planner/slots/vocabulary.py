"""Arguments whose values are words: task, strategy, metric, precision, report, plot, status, families, yes or no."""

from __future__ import annotations

import functools
import re
from typing import Any

from agent.lm.planner import mood
from agent.lm.planner.knowledge import alternatives, data
from agent.lm.planner.slots.reading import Reading

_OPPOSITE: dict[str, dict[Any, Any]] = {
    "validation": {"cross_validation": "holdout"},
    "ensemble": {True: False},
    "transfer": {True: False},
}
"""What a denied value means where it means anything: "no ensembling", "without cross-validation"."""

_OFF = re.compile(r"\s*[=:]?\s*(?:off|disabled|false|switched off|turned off)\b|.*\bwithout (?:it|that|this|them)\b")
"""After a word: it is not wanted ("ensembling off")."""

_BESIDE = re.compile(r"(?:,? ?(?:and|plus|as well as|with|or|&|,|then)(?: (?:also|the|a|its|an))* ?)")
"""Between two reports that are both wanted."""

_TAKEN = frozenset({"precision"})
"""Values whose digits ("8-bit") must not be read as anything else."""


def read(reading: Reading) -> None:
    """Look every argument's words up in what is left of the text; a value that is denied is not wanted."""
    for arg, values in data("lexicon")["vocabulary"].items():
        if arg == "family":
            _families(reading, list(values))
            continue
        guard, guarded = _guard(arg), data("lexicon")["guarded_values"]
        for value in values:
            match = _words(arg, value).search(reading.text)
            if match is None:
                continue
            if guard is not None and value in guarded and not guard.search(reading.text[: match.start()]):
                continue
            if mood.negated(reading.text, match.start()) or _OFF.match(reading.text[match.end() :]):
                opposite = _OPPOSITE.get(arg, {}).get(value)
                if opposite is None:
                    continue
                value = opposite
            reading.put(arg, value)
            if arg in _TAKEN:
                reading.take(*match.span())
            break


def _families(reading: Reading, names: list[str]) -> None:
    wanted: list[tuple[int, str]] = []
    denied: list[tuple[int, str]] = []
    for name in names:
        match = _words("family", name).search(reading.text)
        if match is not None:
            out = mood.negated(reading.text, match.start()) or _left_out(reading.text, *match.span())
            (denied if out else wanted).append((match.start(), name))
    if wanted:
        reading.put("families", [name for _, name in sorted(wanted)])
        return
    for group in data("lexicon")["excluded"].values():
        match = re.search(rf"\b{group['words']}\b", reading.text)
        if match and mood.negated(reading.text, match.start()):
            reading.put("families", list(group["families"]))


def _left_out(text: str, start: int, end: int) -> bool:
    """Whether a name stands within "leave … out"."""
    return re.search(r"\bleav(?:e|ing) (?:the |any |all )?$", text[:start]) is not None and bool(
        re.match(r"\w*(?: \w+)? out\b", text[end:])
    )


def reports_in(text: str) -> list[str]:
    """The reports of a model that the words name one beside the other: "ROC and calibration"."""
    hits = [
        (match.span(), report)
        for report in data("lexicon")["vocabulary"]["report"]
        for match in _words("report", report).finditer(text)
        if not mood.negated(text, match.start())
    ]
    found: list[tuple[tuple[int, int], str]] = []
    for span, report in sorted(hits):
        if report in (name for _, name in found):
            continue
        if found and not _BESIDE.fullmatch(text[found[-1][0][1] : span[0]]):
            continue
        found.append((span, report))
    return [report for _, report in found]


@functools.cache
def _words(arg: str, value: str) -> re.Pattern[str]:
    words = sorted(data("lexicon")["vocabulary"][arg][value], key=len, reverse=True)
    return re.compile(r"\b(?:" + "|".join(words) + r")(?!\w)")


@functools.cache
def _guard(arg: str) -> re.Pattern[str] | None:
    if arg not in data("lexicon")["guarded"]:
        return None
    pattern = alternatives("guarded", arg).pattern.removesuffix(r"(?!\w)")
    return re.compile(pattern + r"(?:the |an? |its )?$")
