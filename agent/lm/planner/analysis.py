"""Task analysis without a language model: requirements and recommendations read off the request and the profile."""

from __future__ import annotations

import json
from typing import Any

from agent.lm.planner.knowledge import data
from agent.lm.planner.request import Task

OUTPUTS = ("requirements", "recommendations")

_SMALL_ROWS = 2_000
_CV_ROWS = 1_000
_SHORT_S = 30.0


def answer(task: Task) -> str | None:
    """The typed answer in DSPy's chat form; None when something else is asked."""
    if set(task.outputs) != set(OUTPUTS):
        return None
    request, profile = _json(task.fields.get("request")), _json(task.fields.get("profile"))
    families = _json(task.fields.get("families"))
    names = [str(name) for name in families] if isinstance(families, list) else []
    values = {
        "requirements": requirements(request, profile),
        "recommendations": recommendations(request, profile, names),
    }
    parts = [f"[[ ## {name} ## ]]\n{json.dumps(value, ensure_ascii=False)}" for name, value in values.items()]
    return "\n\n".join([*parts, "[[ ## completed ## ]]"])


def requirements(request: Any, profile: Any) -> dict[str, Any]:
    """What is asked, sorted into data, model, training and evaluation; only what is known appears."""
    request, profile = _dict(request), _dict(profile)
    return {
        "data": _known(profile, "modality", "target", "n_rows", "missing", "duplicates", "warnings"),
        "model": {**_known(profile, "task"), **_known(request, "task", "max_model_size", "max_latency_ms")},
        "training": _known(request, "time_s", "max_memory", "max_gpu_memory", "max_disk", "validation"),
        "evaluation": _known(request, "metric", "min_accuracy", "objectives"),
    }


def recommendations(request: Any, profile: Any, families: list[str]) -> dict[str, Any]:
    """First trials by size and shape of the data: simple models first where rows or seconds are few."""
    request, profile = _dict(request), _dict(profile)
    rows = int(profile.get("n_rows") or 0)
    seconds = float(request.get("time_s") or 60.0)
    suited = [name for name in data("families").get(profile.get("modality"), ()) if name in families]
    few = rows < _SMALL_ROWS or seconds < _SHORT_S
    order = suited if few else suited[::-1]
    why = "few rows or little time: simple models first" if few else "enough rows for larger models"
    missing = int(profile.get("missing") or 0)
    return {
        "architecture": {"families": order, "reason": why},
        "preprocessing": {
            "impute_missing": missing > 0,
            "drop_duplicates": False,
            "validation": "cross_validation" if 0 < rows < _CV_ROWS and seconds >= 2 * _SHORT_S else "holdout",
        },
        "optimization": {"strategy": "bayesian"},
    }


def _json(text: str | None) -> Any:
    try:
        return json.loads(text or "null")
    except ValueError:
        return None


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _known(facts: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: facts[name] for name in names if facts.get(name) not in (None, "", [], {})}
