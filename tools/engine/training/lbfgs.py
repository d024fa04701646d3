"""L-BFGS for smooth convex objectives over one flat vector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

Objective = Callable[[Tensor], tuple[float, Tensor]]
"""Point float64 [p] -> (value, gradient float64 [p])."""

_DECREASE = 1e-4
_ROUNDING = 2e-7
"""Relative error of an objective summed in float32: a step that is worse by less is not a failed step."""


class Lbfgs:
    """Limited-memory quasi-Newton iterations with a backtracking line search.

    Source: Nocedal and Wright (2006), algorithms 7.4, 7.5 and 3.1.

    Args:
        start: Starting point float64 [p].
        memory: How many moves are remembered.
    """

    def __init__(self, start: Tensor, memory: int = 20) -> None:
        self.point, self._memory = start, memory
        self._value = 0.0
        self._gradient: Tensor | None = None
        self._moves: list[Tensor] = []
        self._turns: list[Tensor] = []

    def step(self, objective: Objective) -> tuple[float, bool]:
        """One iteration.

        Returns:
            The objective's value, and whether no further descent is possible.
        """
        if self._gradient is None:
            self._value, self._gradient = objective(self.point)
        direction = self._direction(self._gradient)
        slope = float(direction @ self._gradient)
        if slope >= 0:  # rounding has spoiled the curvature: begin again with the gradient
            self._moves, self._turns = [], []
            direction = -self._gradient
            slope = -float(self._gradient @ self._gradient)
        length = 1.0 if self._moves else min(1.0, 1.0 / max(float(self._gradient.norm()), 1e-12))
        slack = _ROUNDING * abs(self._value)
        for _ in range(30):
            point = self.point + length * direction
            value, gradient = objective(point)
            if value <= self._value + _DECREASE * length * slope + slack:
                break
            length *= 0.5
        else:
            return self._value, True
        move, turn = point - self.point, gradient - self._gradient
        if float(move @ turn) > 1e-12 * float(move.norm() * turn.norm()):
            self._moves = [*self._moves, move][-self._memory :]
            self._turns = [*self._turns, turn][-self._memory :]
        self.point, self._value, self._gradient = point, value, gradient
        return value, False

    def _direction(self, gradient: Tensor) -> Tensor:
        """Minus the approximate inverse Hessian times the gradient."""
        q = -gradient
        weights = []
        for move, turn in zip(reversed(self._moves), reversed(self._turns), strict=True):
            weight = (move @ q) / (move @ turn)
            weights.append(weight)
            q = q - weight * turn
        if self._moves:
            last, turn = self._moves[-1], self._turns[-1]
            q = q * ((last @ turn) / (turn @ turn))
        for move, turn, weight in zip(self._moves, self._turns, reversed(weights), strict=True):
            q = q + (weight - (turn @ q) / (move @ turn)) * move
        return q

    def state(self) -> dict[str, Any]:
        """Point, gradient and memory."""
        return {
            "point": self.point,
            "value": self._value,
            "gradient": self._gradient,
            "moves": self._moves,
            "turns": self._turns,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        device = self.point.device
        self.point, self._value = state["point"].to(device), state["value"]
        self._gradient = None if state["gradient"] is None else state["gradient"].to(device)
        self._moves = [tensor.to(device) for tensor in state["moves"]]
        self._turns = [tensor.to(device) for tensor in state["turns"]]
