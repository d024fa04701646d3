"""Wishes that change the last training: "half the size", "actually a minute", "again with random search"."""

from __future__ import annotations

import functools
import re
from typing import Any

from agent.lm.planner.knowledge import data
from agent.lm.planner.world import World

_CHANGES = frozenset(
    {
        *("dataset", "target", "metric", "time_s", "max_model_size", "max_latency_ms", "min_accuracy", "max_memory"),
        *("max_gpu_memory", "max_disk", "strategy", "max_trials", "patience", "validation", "folds", "primary"),
        *("secondary", "weights", "families", "seed", "ensemble", "transfer", "group_column", "time_column"),
        "ignore_columns",
    }
)
_DEFAULT_TIME_S = 60.0
_TOO = re.compile(r"\b(?:too|also|as well)\b")
_TOOL = "AutoMLWorkflow"
_REPEAT = re.compile(r"\b(again|once more|repeat|redo|re-?run)\b")
_SWAP = re.compile(r"\b(?:swap|reverse|switch|exchange)\b|\bthe other way (?:a)?round\b|\bvice versa\b")
_LIFT = (
    r"\b(?:drop|lift|remove|ignore|forget(?: about)?|scrap|without|no|any|don't need|do not need|never mind)"
    r" (?:the |that |this |a |any |more |my )*{words}(?: (?:limit|cap|ceiling|constraint|requirement|bound|"
    r"restriction|floor|minimum)s?)?\b"
)
SAME = re.compile(
    r"\bthe same\b|\b(do|repeat) (that|this|it)\b(?! (file|data))"
    r"|\b(?:the )?(?:rest|everything else|all else|others?)(?: is| stays| remains)? "
    r"(?:the same|unchanged|as before|as it was|as is|equal)\b"
    r"|\bsame (thing|again|as|time|limits?|deadline|duration|size|settings|options|parameters|constraints|conditions|"
    r"budget|way|setup)\b"
)


def changed(text: str, slots: dict[str, Any], world: World) -> dict[str, Any]:
    """What the words change in the last training, relative wishes worked out."""
    last = _last(world)
    if not last:
        return {}
    changes = {name: value for name, value in slots.items() if name in _CHANGES}
    if "ignore_columns" in changes and _TOO.search(text):
        changes["ignore_columns"] = [*last["args"].get("ignore_columns", ()), *changes["ignore_columns"]]
    goals = [last["args"].get(name) for name in ("primary", "secondary")]
    if all(goals) and _SWAP.search(text):
        changes |= {"primary": goals[1], "secondary": goals[0]}
    for pattern, arg, basis, factor in _relative():
        if arg not in changes and pattern.search(text):
            value = _basis(basis, arg, last["args"], world)
            if value:
                changes[arg] = int(value * factor) if arg == "max_model_size" else float(f"{value * factor:.3g}")
                break
    return changes


def lifted(text: str, args: dict[str, Any]) -> tuple[str, ...]:
    """Limits of an act that the words take back: "drop the size limit", "no minimum accuracy"."""
    return tuple(
        name
        for name, words in data("lexicon")["lifted"].items()
        if name in args and re.search(_LIFT.replace("{words}", words), text)
    )


def follow_up(text: str, slots: dict[str, Any], world: World, repeat: bool = True) -> tuple[str, dict[str, Any]] | None:
    """The last training with what the words change in it; None when they change nothing.

    Args:
        text: The words in regular form.
        slots: What was found in them.
        world: The conversation's state.
        repeat: Whether "again" alone asks for the same once more.
    """
    last = _last(world)
    if not last:
        return None
    changes = changed(text, slots, world)
    if not changes and not (repeat and (_REPEAT.search(text) or SAME.search(text))):
        return None
    kept = {name: value for name, value in last["args"].items() if name not in ("reproduce",)}
    if "dataset" in changes and changes["dataset"] != kept.get("dataset"):
        kept.pop("target", None)
    return str(last["tool"]), {**kept, **changes}


def _last(world: World) -> dict[str, Any] | None:
    """The last training of this conversation, else one on the current experiment's data."""
    dataset = (world.experiment() or {}).get("dataset")
    return world.last_training or ({"tool": _TOOL, "args": {"dataset": dataset}} if dataset else None)


def _basis(name: str, arg: str, args: dict[str, Any], world: World) -> float | None:
    """What a relative wish is relative to: what was measured, else what was asked."""
    measured = (world.experiment() or {}).get(name)
    value = measured if measured is not None else args.get(arg, _DEFAULT_TIME_S if arg == "time_s" else None)
    return float(value) if value else None


@functools.cache
def _relative() -> tuple[tuple[re.Pattern[str], str, str, float], ...]:
    rules = data("lexicon")["relative"]
    return tuple((re.compile(rf"\b(?:{r['pattern']})\b"), r["arg"], r["of"], float(r["factor"])) for r in rules)
