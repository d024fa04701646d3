"""What the planner says: answers put together from tool results, questions, and a few replies of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from agent.lm.planner.acts import Act
from agent.lm.planner.knowledge import data
from agent.lm.planner.offers import remedies
from agent.lm.planner.ranking import Ranking
from agent.lm.planner.request import Call
from agent.lm.planner.slots import target
from agent.lm.planner.world import World

_WORTH = 0.08
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
            hint = data("replies")["other_value"] if result.get("code") == "bad_arguments" else result.get("hint")
            parts.append(_sentences(result.get("message"), hint))
            return Said("\n\n".join(part for part in parts if part), _from(result) or remedies(call))
        parts.append(_result(result))
        next_step = str(result.get("next_step") or "")
        options = _from(result)
    text = "\n\n".join(part for part in [*parts, next_step] if part)
    return Said(text or "Done.", options)


def ask(act: Act, world: World) -> Said:
    """One question for what is missing, with the best guess first."""
    missing, unknown = act.missing or "", act.unknown
    if missing == "dataset":
        known = ", ".join(world.datasets)
        key = "ask_data_known" if known else "ask_data"
        options = (*world.datasets, *world.samples)[:3]
        lead = data("replies")["unknown_data"].format(name=unknown) + " " if unknown else ""
        return Said(lead + data("replies")[key].format(samples=_samples(world), known=known), tuple(options))
    if missing == "target":
        name = str(act.args.get("dataset"))
        columns = target.likeliest(unknown or "", world.columns.get(name, ()), world.targets.get(name))
        lead = data("replies")["unknown_column"].format(name=unknown, dataset=name) + " " if unknown else ""
        text = data("replies")["ask_target"].format(dataset=name, guess=columns[0], columns=", ".join(columns[:8]))
        return Said(lead + text, tuple(columns[:3]))
    if missing == "experiments":
        numbers = [str(number) for number in world.ids]
        if not numbers:
            return Said(data("replies")["no_experiments"], _suggestions(world))
        text = data("replies")["ask_experiment"].format(experiments=_listed(world))
        return Said(text, tuple(f"Experiment {number}" for number in numbers[-3:]))
    return Said(f"Which {missing.replace('_', ' ')} do you mean?")


def reply(name: str, world: World) -> Said:
    """A reply of the planner's own."""
    return Said(data("replies")[name].format(samples=_samples(world)), _suggestions(world))


def unsure(world: World, ranking: Ranking | None = None) -> Said:
    """Out of depth, or torn: says so, and offers the three likeliest readings."""
    options = _offers(ranking, world) or _suggestions(world)
    guess = "You could say: " + "; ".join(f'"{option}"' for option in options) + "."
    key = "torn" if ranking is not None and _offers(ranking, world) else "unsure"
    return Said(data("replies")[key].format(guess=guess).strip(), options)


def _offers(ranking: Ranking | None, world: World) -> tuple[str, ...]:
    """Requests for the likeliest intents, those with a share worth naming."""
    if ranking is None:
        return ()
    facts = {"dataset": world.current_dataset or (world.samples or ("iris",))[0],
             "experiment": world.current_experiment or (world.ids or (1,))[-1]}  # fmt: skip
    likely = [intent.offer for intent, chance in ranking.scores[:4] if intent.offer and chance >= _WORTH]
    return tuple(dict.fromkeys(offer.format(**facts) for offer in likely))[:3]


def _listed(world: World) -> str:
    return ", ".join(f"{record['id']} ({record.get('dataset', 'no data')})" for record in world.experiments[-6:])


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
