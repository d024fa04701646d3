"""The planner's knowledge, kept as data beside it: intents, vocabulary, grammar, replies."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Intent:
    """One thing a person may want.

    Attributes:
        name: For instance `train` or `history.best`.
        tool: The tool that does it; None for talk.
        args: Arguments that the intent itself sets (for instance the action).
        cues: (pattern, strength 0..1): how it shows in words.
        needs: Arguments without which it cannot be done.
        offer: A request for it, as a quick reply where the planner is not sure.
    """

    name: str
    tool: str | None
    args: dict[str, Any]
    cues: tuple[tuple[re.Pattern[str], float], ...]
    needs: tuple[str, ...]
    offer: str = ""


@functools.cache
def data(name: str) -> Any:
    """The content of a data file."""
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))


@functools.cache
def intents() -> tuple[Intent, ...]:
    """All intents, in the order of the file."""
    found = []
    for name, facts in data("intents").items():
        cues = tuple((re.compile(pattern), float(strength)) for pattern, strength in facts.get("cues", ()))
        needs, offer = tuple(facts.get("needs", ())), str(facts.get("offer", ""))
        found.append(Intent(name, facts.get("tool"), facts.get("args", {}), cues, needs, offer))
    return tuple(found)


@functools.cache
def alternatives(section: str, key: str) -> re.Pattern[str]:
    """A pattern for any of the words listed under `section`, `key` in the lexicon."""
    words = sorted(data("lexicon")[section][key], key=len, reverse=True)
    return re.compile(r"\b(?:" + "|".join(words) + r")(?!\w)")
