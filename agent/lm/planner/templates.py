"""Utterance templates spelled out: `(a|b)` is a choice, `[x]` may be left out."""

from __future__ import annotations

import random
import re

_GROUP = re.compile(r"\(([^()\[\]]*)\)|\[([^()\[\]]*)\]")


def spell_out(template: str, least: int, seed: int = 0) -> list[str]:
    """Different sentences of a template, the same ones every time; every choice appears at least once.

    Args:
        template: The template.
        least: How many sentences to make where the template has as many.
        seed: Of the order in which choices meet.

    >>> spell_out("(train|fit) it [now]", 9)
    ['fit it', 'fit it now', 'train it', 'train it now']
    """
    draw = random.Random(f"{template}{seed}")
    groups = [_choices(match) for match in _GROUP.finditer(template)]
    rounds = max([least, *(2 * len(choices) for choices in groups)])
    orders = [_cycle(choices, rounds * 2, draw) for choices in groups]
    found: dict[str, None] = {}
    for number in range(rounds * 2):
        picks = iter([order[number] for order in orders])
        found[" ".join(_GROUP.sub(lambda match, picks=picks: next(picks), template).split())] = None  # type: ignore[misc]
        if len(found) >= rounds:
            break
    return sorted(found)


def _choices(match: re.Match[str]) -> list[str]:
    return match[1].split("|") if match[1] is not None else ["", *match[2].split("|")]


def _cycle(choices: list[str], length: int, draw: random.Random) -> list[str]:
    """Every choice once, in a drawn order, again and again."""
    picks: list[str] = []
    while len(picks) < length:
        picks += draw.sample(choices, len(choices))
    return picks[:length]
