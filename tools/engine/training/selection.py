"""Which of the states passed during training is kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torch import Tensor


class Best:
    """The best weights so far, in memory.

    Small validation sets give many steps the same score (every row right, say). Among those the one with the
    smallest validation loss is kept: it is the surer one, and the first to reach the score is often barely trained.

    Args:
        maximize: Whether a larger score is better.
    """

    def __init__(self, maximize: bool) -> None:
        self._sign = 1.0 if maximize else -1.0
        self._key = (-math.inf, -math.inf)
        self.step = 0
        self.epoch = 0.0
        self.weights: list[Tensor] | None = None

    def offer(self, score: float, loss: float, step: int, epoch: float, weights: Callable[[], list[Tensor]]) -> None:
        """Keep this state if it is better; a score that is NaN is worse than any other."""
        key = (
            -math.inf if math.isnan(score) else self._sign * score,
            -math.inf if math.isnan(loss) else -loss,
        )
        if self.weights is None or key > self._key:
            self._key, self.step, self.epoch, self.weights = key, step, epoch, weights()

    def latest(self, step: int, epoch: float) -> None:
        """Without a score the last state is the one to keep; no copy is needed."""
        self.step, self.epoch = step, epoch

    def state(self) -> dict[str, Any]:
        """Everything, as plain values and tensors."""
        return {"key": list(self._key), "step": self.step, "epoch": self.epoch, "weights": self.weights}

    def load_state(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        first, second = state["key"]
        self._key = (first, second)
        self.step, self.epoch, self.weights = state["step"], state["epoch"], state["weights"]
