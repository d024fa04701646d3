"""Convex problems solved on the whole data at once: L-BFGS, and FISTA where an L1 penalty makes weights vanish.

A linear model on a small table needs tens of full passes, not thousands of stochastic steps, and ends in the same
place whatever the seed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from tools.engine.data.dataset import DataSpec, Encoded
from tools.engine.training.lbfgs import Lbfgs
from tools.engine.training.learner import FitContext, Report
from tools.engine.training.losses import loss_for
from tools.engine.training.network import Network
from tools.engine.training.network_learner import Fitted, NetworkLearner
from tools.engine.training.work import multiply_adds

Penalty = Literal["l2", "l1"]
_RATE = 2e10
_REPORT_S = 1.0
_TOLERANCE = 1e-6


class ConvexLearner(NetworkLearner):
    """Minimises mean loss + penalty of a network whose body is linear in its parameters.

    Matrices are penalised and vectors (the intercept) are not. One "epoch" is one iteration.

    Args:
        make: Builds the network from the fitted statistics.
        fitted: Statistics of the training rows.
        penalty: Which norm of the weights is penalised.
        strength: Its weight, for the loss summed over rows (scikit-learn's 1 / C).
        iterations: Most iterations.
        spec: Shapes of the data.
        train: Training rows; None for a learner that is only measured or loaded.
        validation: Rows that are scored.
        context: Seed (without effect here), device, score, deadline.
    """

    def __init__(
        self,
        make: Callable[[Fitted], Network],
        fitted: Fitted,
        penalty: Penalty,
        strength: float,
        iterations: int,
        spec: DataSpec,
        train: Encoded | None,
        validation: Encoded | None,
        context: FitContext,
    ) -> None:
        self.penalty, self.iterations = penalty, iterations
        self._strength = strength / max(1, len(train) if train is not None else spec.n_train)
        self._data: list[Tensor] = []
        self._iteration = 0
        super().__init__(make, fitted, loss_for(spec.task), spec, train, validation, context)

    def _build(self) -> None:
        self._make_network()
        self._flat.values.zero_()
        self._data = []
        self._lbfgs = Lbfgs(self._flat.values.double())
        self._momentum = 1.0
        self._rate = 1.0
        self._ahead = [group.detach().clone() for group in self._flat.groups]
        self._recent: list[float] = []

    def _open(self) -> None:
        if self._data:
            return
        self._data = self._training_data()
        seconds = 10.0 * multiply_adds(self.network, self._data[:-1]) * len(self._data[-1]) / _RATE + 5e-4
        self._together = max(1, min(25, round(_REPORT_S / seconds)))

    def _objective(self) -> Tensor:
        """The smooth part at the present weights; leaves its gradient behind."""
        self._flat.clear()
        *inputs, target = self._data
        loss = self._plain_loss(self.network.body(*inputs), target)
        if self.penalty == "l2":
            for group, penalised in zip(self._flat.groups, self._flat.decays, strict=True):
                if penalised:
                    loss = loss + 0.5 * self._strength * (group @ group)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def _advance(self) -> Report:
        """Iterate up to the next report."""
        started = time.perf_counter()
        self._open()
        self.network.train()
        limit = min(self.iterations, self.context.max_epochs or self.iterations)
        goal = min(limit, self._iteration + self._together)
        done, loss = False, math.nan
        while self._iteration < goal and not done:
            value, stuck = self._lbfgs_step() if self.penalty == "l2" else (self._fista_step(), False)
            loss = self._check(value)
            self._iteration += 1
            self._recent = [*self._recent[-5:], loss]
            settled = len(self._recent) == 6 and self._recent[0] - loss <= _TOLERANCE * max(abs(loss), 1e-3)
            done = stuck or settled or self._out_of_time()
        self._n_reports += 1
        self._finished = done or self._iteration >= limit
        self._evaluate(float(self._iteration))
        self._trained_s += time.perf_counter() - started
        return self._report(loss, float(self._iteration), self._iteration / limit)

    def _lbfgs_step(self) -> tuple[float, bool]:
        def objective(point: Tensor) -> tuple[float, Tensor]:
            self._flat.values.copy_(point)
            value = float(self._objective())
            return value, self._flat.gradient.double()

        value, stuck = self._lbfgs.step(objective)
        self._flat.values.copy_(self._lbfgs.point)
        return value, stuck

    @torch.no_grad()
    def _fista_step(self) -> float:
        """One accelerated proximal step with backtracking (Beck and Teboulle 2009, section 4), restarted on a rise."""
        groups, before = self._flat.groups, [group.detach().clone() for group in self._flat.groups]
        for group, ahead in zip(groups, self._ahead, strict=True):
            group.copy_(ahead)
        with torch.enable_grad():
            smooth = float(self._objective())
        gradients = [group.grad.clone() for group in groups if group.grad is not None]
        while True:
            for group, ahead, gradient, shrinks in zip(groups, self._ahead, gradients, self._flat.decays, strict=True):
                moved = ahead - self._rate * gradient
                group.copy_(torch.nn.functional.softshrink(moved, self._rate * self._strength) if shrinks else moved)
            moves = [group - ahead for group, ahead in zip(groups, self._ahead, strict=True)]
            bound = smooth + sum(
                float(move @ gradient + move @ move / (2 * self._rate))
                for move, gradient in zip(moves, gradients, strict=True)
            )
            *inputs, target = self._data
            value = float(self._plain_loss(self.network.body(*inputs), target))
            if value <= bound + 1e-6 * abs(bound) or self._rate < 1e-8:
                break
            self._rate *= 0.5
        steps = [group - old for group, old in zip(groups, before, strict=True)]
        rises = sum(float(move @ step) for move, step in zip(moves, steps, strict=True)) < 0
        momentum = 1.0 if rises else (1 + math.sqrt(1 + 4 * self._momentum**2)) / 2
        share = 0.0 if rises else (self._momentum - 1) / momentum
        self._momentum, self._rate = momentum, self._rate * 1.1
        self._ahead = [group.detach() + share * step for group, step in zip(groups, steps, strict=True)]
        absolute = sum(float(g.abs().sum()) for g, shrinks in zip(groups, self._flat.decays, strict=True) if shrinks)
        return value + self._strength * absolute

    def _state(self) -> dict[str, Any]:
        return {
            "iteration": self._iteration,
            "lbfgs": self._lbfgs.state(),
            "fista": [self._momentum, self._rate, self._ahead],
            "recent": self._recent,
        }

    def _load_state(self, state: dict[str, Any]) -> None:
        self._iteration, self._recent = state["iteration"], state["recent"]
        self._lbfgs.load_state(state["lbfgs"])
        self._momentum, self._rate, ahead = state["fista"]
        self._ahead = [tensor.to(self.context.device) for tensor in ahead]
