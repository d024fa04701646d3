"""What the planner says: answers put together from tool results, questions, and a few replies of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from agent.lm.planner.knowledge import data
from agent.lm.planner.request import Call
from agent.lm.planner.world import World

_YES_NO = ("Yes, go ahead", "No, leave it")


@dataclass(frozen=True)
class Said:
    """A text and its quick replies."""

    text: str
    options: tuple[str, ...] = ()


def answer(calls: list[Call], world: World) -> Said:
    """Results in the order of the calls, then one next step; a failure with what to do about it."""
    parts: list[str] = []
    options: tuple[str, ...] = ()
    next_step = ""
    for call in calls:
        result = call.result or {}
        if not result.get("ok", False):
            if result.get("code") == "needs_confirmation":
                return Said("\n\n".join([*parts, _question(str(result.get("message", "")))]), _YES_NO)
            parts.append(_sentences(result.get("message"), result.get("hint")))
            return Said("\n\n".join(part for part in parts if part), _from(result))
        parts.append(_result(result))
        next_step = str(result.get("next_step") or "")
        options = _from(result)
    text = "\n\n".join(part for part in [*parts, next_step] if part)
    return Said(text or "Done.", options)


def ask(missing: str, world: World, unknown: str | None = None) -> Said:
    """One question for what is missing, with guesses to click; `unknown` is a name that nothing here has."""
    if missing == "dataset":
        known = ", ".join(world.datasets)
        key = "ask_data_known" if known else "ask_data"
        options = (*world.datasets, *world.samples)[:3]
        lead = data("replies")["unknown_data"].format(name=unknown) + " " if unknown else ""
        return Said(lead + data("replies")[key].format(samples=_samples(world), known=known), tuple(options))
    return Said(f"Which {missing.replace('_', ' ')} do you mean?")


def reply(name: str, world: World) -> Said:
    """A reply of the planner's own."""
    return Said(data("replies")[name].format(samples=_samples(world)), _suggestions(world))


def unsure(world: World) -> Said:
    """Out of depth: says so, and offers three things it can do."""
    options = _suggestions(world)
    guess = "You could say: " + "; ".join(f'"{option}"' for option in options) + "."
    return Said(data("replies")["unsure"].format(guess=guess).strip(), options)


def _suggestions(world: World) -> tuple[str, ...]:
    kinds = data("replies")["suggestions"]
    kind = "model" if world.experiments else "data" if world.datasets else "empty"
    return tuple(text.format(dataset=world.current_dataset or "") for text in kinds[kind])


def _samples(world: World) -> str:
    return ", ".join(world.samples) or "none here"


def _result(result: dict[str, Any]) -> str:
    text = str(result.get("summary") or "").strip()
    number = result.get("experiment")
    if result.get("status") == "running" and number is not None and not re.search(r"\b(background|running)\b", text):
        text += f" Experiment {number} goes on in the background."
    return text.strip()


def _from(result: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(option) for option in result.get("options") or () if not str(option).startswith("…"))[:3]


def _question(text: str) -> str:
    return text if "?" in text else f"{text} Are you sure?".strip()


def _sentences(*texts: Any) -> str:
    return " ".join(str(text).strip() for text in texts if text)
