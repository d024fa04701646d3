"""AdamW on flat parameters."""

from __future__ import annotations

import math
from itertools import accumulate, pairwise
from typing import Any

import torch

from tools.engine.training.flat import FlatParameters

_EPSILON = 1e-8
_SMALL = 100_000
"""Up to this many numbers a few whole-tensor operations cost no more than the fused kernel's single pass."""


class FlatAdamW:
    """Adam with decoupled weight decay on the matrices.

    Source: Loshchilov and Hutter (2019), algorithm 2.

    Args:
        flat: The parameters.
        weight_decay: Multiplied by the learning rate at every step.
        betas: Decay of the first and second moment.
    """

    def __init__(self, flat: FlatParameters, weight_decay: float, betas: tuple[float, float]) -> None:
        self._flat, self._decay, self._betas = flat, weight_decay, betas
        self._first, self._second = torch.zeros_like(flat.values), torch.zeros_like(flat.values)
        self._steps = 0
        self._fused = flat.values.device.type != "cpu" or flat.values.numel() > _SMALL
        if self._fused:
            self._count = torch.zeros((), device=flat.values.device)
            bounds = list(accumulate((group.numel() for group in flat.groups), initial=0))
            self._moments = [(self._first[start:end], self._second[start:end]) for start, end in pairwise(bounds)]
            return
        self._scratch = torch.empty_like(flat.values)
        self._decayed = flat.values[: flat.n_decayed]
        self._factors: torch.Tensor | None = None
        if any(factor != 1.0 for factor in flat.factors):
            pairs = zip(flat.groups, flat.factors, strict=True)
            self._factors = torch.cat([torch.full_like(group.detach(), factor) for group, factor in pairs])

    def step(self, rate: float | torch.Tensor) -> None:
        """Update the parameters with the learning rate `rate`, each group's factor on top of it.

        A tensor is for a step that is recorded on a GPU, where a number would be recorded with it.
        """
        self._steps += 1
        with torch.no_grad():
            if self._fused:
                self._step_fused(rate)
            else:
                self._step_whole(float(rate))

    def _step_fused(self, rate: float | torch.Tensor) -> None:
        """One pass of torch's own kernel per group, called directly: the optimizer around it costs far more."""
        self._count += 1
        flat = self._flat
        for group, decays, factor, (first, second) in zip(
            flat.groups, flat.decays, flat.factors, self._moments, strict=True
        ):
            assert group.grad is not None
            lr: Any = rate * factor  # the kernel takes either, but has two signatures
            # Decay is the rate's alone, so a factor does not change how strongly weights are held.
            torch._fused_adamw_(
                [group], [group.grad], [first], [second], [], [self._count], lr=lr, beta1=self._betas[0],
                beta2=self._betas[1], weight_decay=self._decay / factor if decays else 0.0, eps=_EPSILON,
                amsgrad=False, maximize=False,
            )  # fmt: skip

    def _step_whole(self, rate: float) -> None:
        slow, slower = self._betas
        gradient = self._flat.gradient
        if self._decay:
            self._decayed.mul_(1 - rate * self._decay)
        self._first.lerp_(gradient, 1 - slow)
        self._second.mul_(slower).addcmul_(gradient, gradient, value=1 - slower)
        correction = math.sqrt(1 - slower**self._steps)
        torch.sqrt(self._second, out=self._scratch)
        self._scratch.add_(_EPSILON * correction)
        if self._factors is not None:
            self._scratch.div_(self._factors)
        self._flat.values.addcdiv_(self._first, self._scratch, value=-rate * correction / (1 - slow**self._steps))

    def state(self) -> dict[str, Any]:
        """Moments and counts."""
        steps = int(self._count) if self._fused else self._steps  # a replayed step is not counted here
        return {"steps": steps, "first": self._first, "second": self._second}

    def load_state(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self._steps = state["steps"]
        self._first.copy_(state["first"])
        self._second.copy_(state["second"])
        if self._fused:
            self._count.fill_(self._steps)
