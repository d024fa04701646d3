"""A clause under reading: what has been understood is blanked out, so that no number is used twice."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from agent.lm.planner.text import Text
from agent.lm.planner.world import World

HELD = r"§(\d+)[{kinds}]§"


@dataclass
class Reading:
    """The text of one wish (in regular form) and what was found in it.

    Attributes:
        text: The text; spans that were understood are replaced by spaces, so positions stay.
        whole: The message the text is of, with what its marks stand for.
        world: The conversation's state.
        found: Argument -> value. The first finding of an argument stays.
    """

    text: str
    whole: Text
    world: World
    found: dict[str, Any] = field(default_factory=dict)
    spans: list[tuple[int, int, str]] = field(default_factory=list)
    """Where datasets and columns are named, for the intent model's masks."""

    def take(self, start: int, end: int) -> None:
        """Blank out what was understood."""
        self.text = self.text[:start] + " " * (end - start) + self.text[end:]

    def put(self, arg: str, value: Any) -> None:
        """Keep a finding unless the argument has one already."""
        self.found.setdefault(arg, value)

    def search(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """The first match in what is left."""
        return pattern.search(self.text)

    def held(self, kinds: str) -> list[tuple[str, int, int]]:
        """Protected parts of these kinds as (what was written, start, end)."""
        pattern = re.compile(HELD.replace("{kinds}", kinds))
        return [(self.whole.held[int(m[1])], m.start(), m.end()) for m in pattern.finditer(self.text)]


def number(text: str) -> float:
    """A decimal number with either mark."""
    return float(text.replace(",", "."))
