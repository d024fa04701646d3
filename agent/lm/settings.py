"""Which language models answer: `AUTOML_LM`, then `AUTOML_LM_FALLBACK` (comma-separated), then the built-in planner."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from agent.lm.backend import BACKENDS, Backend
from agent.lm.chain import Unusable
from tools.core.errors import TaskError

if TYPE_CHECKING:
    import dspy

PLANNER = "planner"


def model_names(first: str | None = None) -> list[str]:
    """The models in order, without repeats; the planner is always the last.

    >>> model_names("openai/gpt-4o-mini")[-1]
    'planner'
    """
    wanted = [first or os.environ.get("AUTOML_LM", ""), *os.environ.get("AUTOML_LM_FALLBACK", "").split(",")]
    names = [name.strip() for name in wanted if name.strip()]
    if names and names[0] == PLANNER:
        return [PLANNER]
    return [*dict.fromkeys(name for name in names if name != PLANNER), PLANNER]


def backend_for(model: str) -> Backend:
    """The backend that serves a model string.

    Raises:
        TaskError: none does.
    """
    for backend in sorted(BACKENDS, key=lambda backend: not backend.specific):
        if backend.accepts(model):
            return backend
    raise TaskError(
        f"'{model}' is not a language model name.",
        hint="Set AUTOML_LM to provider/model, for instance openai/gpt-4o-mini, or leave it empty for the planner.",
    )


def language_models(lm: str | dspy.LM | None = None) -> list[dspy.LM | Unusable]:
    """The chain of models; `lm` (a name, or a ready model) goes before the settings.

    A name of the settings that cannot be used does not end the conversation: the chain says so and goes on with the
    next one, as `lm_status` tells.

    Raises:
        TaskError: `lm` is not the name of a model.
    """
    if lm is not None and not isinstance(lm, str):
        return [lm, backend_for(PLANNER).build(PLANNER)]
    return [_built(name, asked=name == lm) for name in model_names(lm)]


def _built(name: str, asked: bool) -> dspy.LM | Unusable:
    try:
        return backend_for(name).build(name)
    except TaskError as error:
        if asked:
            raise
        return Unusable(name, error.message.rstrip("."))


def lm_status() -> dict[str, Any]:
    """What `doctor` shows: the chain of models, whether each can be used, and what to do about it."""
    chain = []
    for name in model_names():
        try:
            chain.append(backend_for(name).status(name))
        except TaskError as error:
            chain.append({"model": name, "backend": "", "ok": False, "message": error.message, "hint": error.hint})
    first = chain[0]
    return {
        "ok": first["ok"],
        "model": first["model"],
        "message": first["message"],
        "hint": first["hint"],
        "chain": chain,
    }
