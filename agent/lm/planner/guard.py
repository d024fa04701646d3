"""What the planner declines in one sentence: shell commands, files outside, secrets, other people's data."""

from __future__ import annotations

import functools
import re

from agent.lm.planner.knowledge import data
from agent.lm.planner.spelling import mended
from agent.lm.planner.world import World


def refusal(message: str, world: World) -> str | None:
    """The sentence to decline with; None when there is nothing to decline. Names of columns are only names.

    >>> refusal("what is in /etc/passwd?", World()) is not None
    True
    """
    text = mended(message.lower().replace("’", "'"))
    for name in (*world.names, *world.datasets):
        if not re.fullmatch(r"\w{1,20}", name):
            text = text.replace(name.lower(), "column")
    for patterns, sentence in _rules():
        if any(pattern.search(text) for pattern in patterns):
            return sentence
    return None


@functools.cache
def _rules() -> tuple[tuple[tuple[re.Pattern[str], ...], str], ...]:
    return tuple(
        (tuple(re.compile(pattern) for pattern in entry["patterns"]), str(entry["text"]))
        for entry in data("refusals").values()
    )
