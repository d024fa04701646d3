"""Short answers to domain questions, from `glossary.yaml`."""

from __future__ import annotations

import functools
import re

from agent.lm.planner.knowledge import data

_MOST = 2


def terms(text: str) -> tuple[str, ...]:
    """Terms of the glossary in a text, in its order; a longer term hides the shorter ones inside it.

    >>> terms("should I look at precision or recall?")
    ('precision and recall',)
    """
    pattern, names = _patterns()
    return tuple(dict.fromkeys(names[match[0]] for match in pattern.finditer(text.lower())))


def answer(text: str) -> str | None:
    """What the glossary says about the terms of a question; None when it knows none."""
    named = terms(text)
    if {"precision", "recall"} <= set(named):
        named = ("precision and recall",)
    asked = [name for name in named if name != "accuracy"] or list(named)
    entries = [data("glossary")[name]["text"].strip() for name in asked[:_MOST]]
    return " ".join(entries) or None


@functools.cache
def _patterns() -> tuple[re.Pattern[str], dict[str, str]]:
    names = {form: name for name, entry in data("glossary").items() for form in (name, *entry["also"])}
    forms = "|".join(re.escape(form) for form in sorted(names, key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?:{forms})(?!\w)"), names
