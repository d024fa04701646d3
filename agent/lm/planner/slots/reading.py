"""A clause under reading: what has been understood is blanked out, so that no number is used twice."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from agent.lm.planner.world import World


@dataclass
class Reading:
    """The text of one wish (in regular form) and what was found in it.

    Attributes:
        text: The text; spans that were understood are replaced by spaces, so positions stay.
        world: The conversation's state.
        found: Argument -> value. The first finding of an argument stays.
    """

    text: str
    world: World
    found: dict[str, Any] = field(default_factory=dict)

    def take(self, start: int, end: int) -> None:
        """Blank out what was understood."""
        self.text = self.text[:start] + " " * (end - start) + self.text[end:]

    def put(self, arg: str, value: Any) -> None:
        """Keep a finding unless the argument has one already."""
        self.found.setdefault(arg, value)

    def search(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """The first match in what is left."""
        return pattern.search(self.text)


def number(text: str) -> float:
    """A decimal number with either mark."""
    return float(text.replace(",", "."))
