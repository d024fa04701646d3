"""Which language model answers, in one plain sentence. Pure: takes what `agent.lm.settings.lm_status` returns."""

from __future__ import annotations

from typing import Any

_PLANNER = "Built-in planner answers; connect a language model for free conversation."
_CONNECT = "Set AUTOML_LM to provider/model (for instance openai/gpt-4o-mini) and its key, then start again."


def lm_sentence(status: dict[str, Any]) -> str:
    """The sentence the page and `doctor` show.

    >>> lm_sentence({"ok": True, "model": "planner"})
    'Built-in planner answers; connect a language model for free conversation.'
    >>> lm_sentence({"ok": False, "model": "openai/x", "message": "OPENAI_API_KEY is not set."})
    'openai/x cannot be used: OPENAI_API_KEY is not set. The built-in planner answers instead.'
    """
    model = str(status.get("model", "planner"))
    if model == "planner":
        return _PLANNER
    if not status.get("ok"):
        return f"{model} cannot be used: {status.get('message', '')} The built-in planner answers instead."
    return f"{model} is configured; the built-in planner steps in when it cannot answer."


def lm_advice(status: dict[str, Any]) -> str:
    """What to do to have more; empty when a language model is connected."""
    if status.get("ok"):
        return _CONNECT if status.get("model") == "planner" else ""
    return str(status.get("hint") or _CONNECT)
