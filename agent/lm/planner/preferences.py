"""Wishes for every later training ("always keep it under 5 MB"), and their end ("forget the size rule")."""

from __future__ import annotations

import re
from typing import Any

from agent.lm.planner import acts
from agent.lm.planner.clauses import hear
from agent.lm.planner.knowledge import data
from agent.lm.planner.text import Text
from agent.lm.planner.world import World
from tools.core.units import format_size

_STANDING = frozenset(
    {
        *("max_model_size", "max_latency_ms", "min_accuracy", "max_memory", "max_gpu_memory", "max_disk", "time_s"),
        *("validation", "folds", "strategy", "max_trials", "patience", "metric", "primary", "secondary", "weights"),
        *("ensemble", "transfer", "families", "seed"),
    }
)
_RULES_ASKED = re.compile(
    r"\b(?:what|which)\b.{0,20}\b(?:did i (?:tell|say|ask|want)|have i (?:told|said|asked)|do i (?:always )?want)\b"
    r".{0,30}\balways\b|"
    r"\b(?:what|which|show|list|tell me)\b.{0,25}"
    r"\b(?:(?:standing |house |my |our |the )+rules?|(?:my |the |standing )+preferences)\b"
)
_WITHDRAWN = re.compile(
    r"\b(?:forget|drop|lift|ignore|scrap|scratch|lose|ditch|remove|cancel)\b.{0,30}"
    r"\b(?:thing|rules?|limits?|cap|part|policy|wish|restrictions?|preferences?)\b"
)


def change(message: str, held: dict[str, Any]) -> dict[str, Any] | None:
    """How a message changes the standing wishes.

    Returns:
        {"set": {…}} or {"forgotten": [names]}; None when it is about something else.
    """
    if not _may_concern(message, held):
        return None
    heard = hear(message, World(), {})
    names = [wish.intent.name for wish in heard.wishes if wish.intent]
    slots = _slots(heard.whole.plain, heard.whole)
    if "prefer" in names and slots and _in_one_sentence(heard.whole):
        return {"set": slots}
    if held and ("forget" in names or _WITHDRAWN.search(heard.whole.plain)):
        return {"forgotten": _meant(heard.whole.plain, held)}
    return None


def _slots(text: str, whole: Text) -> dict[str, Any]:
    return {name: value for name, value in acts.read(text, whole, World()).items() if name in _STANDING}


def _in_one_sentence(whole: Text) -> bool:
    """Whether "always" and what is to hold stand in one sentence: "he always says so. … 60 s" is no rule."""
    sentences = re.split(r"(?<=[.;!?])\s+", whole.plain)
    return any(re.search(data("lexicon")["standing"], sentence) and _slots(sentence, whole) for sentence in sentences)


def _may_concern(message: str, held: dict[str, Any]) -> bool:
    """A quick look, so that most messages cost nothing here."""
    text = message.lower()
    return bool(held) or re.search(data("lexicon")["standing"], text) is not None


def _meant(text: str, held: dict[str, Any]) -> list[str]:
    """The wishes that the words name; the last one if they name none, all if they say so."""
    text = re.sub(r"[^,;.]*\b(?:stays?|remains?|keep|holds|except|but not)\b[^,;.]*", " ", text)
    named = [name for name in held if re.search(data("lexicon")["faults"].get(name, r"$^"), text, re.I)
             or re.search(data("lexicon")["preference_words"].get(name, r"$^"), text)]  # fmt: skip
    if named:
        return named
    every = re.search(r"\b(?:all|everything|every|rules|preferences|limits)\b", text)
    return list(held) if every else list(held)[-1:]


def asked(message: str, held: dict[str, Any]) -> str | None:
    """The standing wishes, for somebody who asks what they are; None when that is not asked."""
    if not _RULES_ASKED.search(message.lower()):
        return None
    if not held:
        return str(data("replies")["forget"])
    return f"Every training keeps to {_all(held)}. Say 'forget that' to lift it."


def _all(wishes: dict[str, Any]) -> str:
    return ", ".join(_spoken(name, value) for name, value in wishes.items())


def told(change: dict[str, Any]) -> str:
    """One sentence about a change, with the values."""
    if "set" in change:
        return f"Noted: from now on every training keeps to {_all(change['set'])}. Say 'forget that' to lift it."
    gone = ", ".join(str(name).replace("_", " ") for name in change["forgotten"])
    return f"All right, the standing rule is lifted ({gone}). Nothing in the history was changed."


def _spoken(name: str, value: Any) -> str:
    if name in ("max_model_size", "max_memory", "max_gpu_memory", "max_disk"):
        return f"{name.replace('max_', '').replace('_', ' ')} at most {format_size(value)}"
    if name == "time_s":
        return f"at most {value:g} s"
    return f"{name.replace('_', ' ')} {value}"
