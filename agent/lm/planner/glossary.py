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
    found: list[tuple[int, int, str]] = []
    for pattern, name in _patterns():
        for match in pattern.finditer(text.lower()):
            if not any(start < match.end() and match.start() < end for start, end, _ in found):
                found.append((*match.span(), name))
    return tuple(dict.fromkeys(name for _, _, name in sorted(found)))


def answer(text: str) -> str | None:
    """What the glossary says about the terms of a question; None when it knows none."""
    named = terms(text)
    if {"precision", "recall"} <= set(named):
        named = ("precision and recall",)
    asked = [name for name in named if name != "accuracy"] or list(named)
    entries = [data("glossary")[name]["text"].strip() for name in asked[:_MOST]]
    return " ".join(entries) or None


@functools.cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    forms = [(form, name) for name, entry in data("glossary").items() for form in (name, *entry["also"])]
    forms.sort(key=lambda pair: -len(pair[0]))
    return tuple((re.compile(rf"(?<!\w){re.escape(form)}(?!\w)"), name) for form, name in forms)
