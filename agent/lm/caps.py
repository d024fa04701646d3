"""How much language models may use, from the environment.

AUTOML_MAX_COST_USD  US dollars in a conversation
AUTOML_MAX_TOKENS    tokens in a conversation, in and out
AUTOML_MAX_STEPS     replies in a turn

What a conversation has used is read from its turns (each keeps its usage), so it is the same after a restart. The
built-in planner costs nothing and is never held back.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tools.core.errors import ResourceError, TaskError

Usage = Mapping[str, Mapping[str, Any]]
"""Model -> what it used ({"total_tokens", "prompt_tokens", "completion_tokens", …}), as a turn keeps it."""

COST_USD, TOKENS, STEPS = "AUTOML_MAX_COST_USD", "AUTOML_MAX_TOKENS", "AUTOML_MAX_STEPS"


@dataclass(frozen=True)
class Caps:
    """Limits; None: no limit.

    Attributes:
        max_cost_usd: Of a conversation, in US dollars, by the prices LiteLLM knows.
        max_tokens: Of a conversation, in and out.
        max_steps: Replies of language models in one turn.
    """

    max_cost_usd: float | None = None
    max_tokens: int | None = None
    max_steps: int | None = None

    @classmethod
    def from_settings(cls) -> Caps:
        """The limits in the environment.

        Raises:
            TaskError: a variable does not hold a positive number.
        """
        tokens, steps = _number(TOKENS), _number(STEPS)
        return cls(_number(COST_USD), None if tokens is None else int(tokens), None if steps is None else int(steps))


@dataclass(frozen=True)
class Spent:
    """What was used."""

    tokens: int = 0
    cost_usd: float = 0.0

    @classmethod
    def of(cls, usages: Iterable[Usage]) -> Spent:
        """The sum over turns.

        >>> Spent.of([{"a/b": {"total_tokens": 7}}, {}, {"a/b": {"total_tokens": 5}}]).tokens
        12
        """
        tokens, cost = 0, 0.0
        for usage in usages:
            for model, used in usage.items():
                tokens += int(used.get("total_tokens") or 0)
                cost += cost_usd(model, used)
        return cls(tokens, cost)

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.tokens + other.tokens, self.cost_usd + other.cost_usd)


class Meter:
    """Watches one turn.

    Args:
        caps: The limits; default those in the environment.
        before: What the conversation had used before this turn.
    """

    def __init__(self, caps: Caps | None = None, before: Spent | None = None) -> None:
        self.caps = Caps.from_settings() if caps is None else caps
        self.before = before or Spent()
        self.steps = 0

    def step(self, usage: Usage) -> None:
        """Count one more reply, unless a limit is reached.

        Args:
            usage: What this turn has used so far.

        Raises:
            ResourceError: a limit is reached; the model is not asked again.
        """
        caps = self.caps
        spent = self.before + (Spent.of([usage]) if caps.max_tokens or caps.max_cost_usd else Spent())
        if caps.max_steps is not None and self.steps >= caps.max_steps:
            raise _reached(
                f"The language model has had its {caps.max_steps} steps for this message", "Ask for less at once", STEPS
            )
        if caps.max_tokens is not None and spent.tokens >= caps.max_tokens:
            raise _reached(
                f"This conversation has used {spent.tokens:,} of its {caps.max_tokens:,} tokens",
                "Start a new conversation",
                TOKENS,
            )
        if caps.max_cost_usd is not None and spent.cost_usd >= caps.max_cost_usd:
            raise _reached(
                f"This conversation has cost ${spent.cost_usd:.4g} of the ${caps.max_cost_usd:.4g} it may",
                "Start a new conversation",
                COST_USD,
            )
        self.steps += 1


def cost_usd(model: str, used: Mapping[str, Any]) -> float:
    """What usage costs by the price list that comes with LiteLLM; 0 for models it does not know, such as local ones."""
    if not used.get("total_tokens"):
        return 0.0
    import litellm

    prices = litellm.model_cost.get(model) or litellm.model_cost.get(model.partition("/")[2]) or {}
    return sum(
        int(used.get(f"{kind}_tokens") or 0) * float(prices.get(f"{price}_cost_per_token") or 0.0)
        for kind, price in (("prompt", "input"), ("completion", "output"))
    )


def _reached(what: str, todo: str, variable: str) -> ResourceError:
    return ResourceError(f"{what}, so this turn ends here.", hint=f"{todo}, or raise {variable}.")


def _number(variable: str) -> float | None:
    text = os.environ.get(variable, "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not (value > 0 and math.isfinite(value)):
        raise TaskError(f"{variable} is '{text}', not a positive number.", hint="Correct it, or leave it empty.")
    return value
