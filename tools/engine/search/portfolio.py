"""The measured portfolio: configurations that did well on development tables, in the order worth trying them.

An entry is one of a family's defaults, with some of its parameters replaced; the defaults follow the size of the data,
so an entry does too. `portfolio.json` is written by `python -m evals.portfolio`, which measures and chooses.

Source: Feurer et al. (2022), "Auto-sklearn 2.0", section 3.1 (portfolios built greedily, without meta-features).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tools.engine.families.family import Params
from tools.engine.search.space import Space

FILE = Path(__file__).with_name("portfolio.json")


@dataclass(frozen=True)
class Entry:
    """One configuration.

    Attributes:
        family: Name of the family.
        default: Which of its defaults it starts from; 0 is the first.
        params: What replaces that default's parameters.
    """

    family: str
    default: int = 0
    params: Params = field(default_factory=dict)

    def within(self, space: Space) -> Params | None:
        """The whole configuration for the data at hand; None where the family takes no part or has no such default."""
        if self.family not in space.families:
            return None
        defaults = space.families[self.family].defaults(space.spec)
        if self.default >= len(defaults):
            return None
        return space.complete(self.family, {**defaults[self.default], **self.params})


@cache
def portfolio(modality: str, kind: str) -> tuple[Entry, ...]:
    """The entries for a kind of data and task, best value for their time first; () where none were measured."""
    entries = json.loads(FILE.read_text(encoding="utf-8"))["entries"].get(f"{modality}-{kind}", [])
    return tuple(Entry(**entry) for entry in entries)
