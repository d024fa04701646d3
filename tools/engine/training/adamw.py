"""AdamW on flat parameters."""

from __future__ import annotations

import math
from typing import Any

import torch

from tools.engine.training.flat import FlatParameters

_EPSILON = 1e-8
_SMALL = 100_000
"""Up to this many numbers a few whole-tensor operations cost less than one call of torch's optimizer, whose
book-keeping takes as long as the forward pass of a small network; beyond it the fused kernel's single pass wins."""


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
        self._fused: torch.optim.AdamW | None = None
        if flat.values.device.type != "cpu" or flat.values.numel() > _SMALL:
            groups: list[dict[str, Any]] = [
                {"params": [group], "decay": weight_decay if decays else 0.0}
                for group, decays in zip(flat.groups, flat.decays, strict=True)
            ]
            self._fused = torch.optim.AdamW(groups, lr=1e-3, betas=betas, eps=_EPSILON, fused=True)
        else:
            self._steps = 0
            self._first, self._second = torch.zeros_like(flat.values), torch.zeros_like(flat.values)
            self._scratch = torch.empty_like(flat.values)
            self._decayed = flat.values[: flat.n_decayed]
            self._factors: torch.Tensor | None = None
            if any(factor != 1.0 for factor in flat.factors):
                pairs = zip(flat.groups, flat.factors, strict=True)
                self._factors = torch.cat([torch.full_like(group.detach(), factor) for group, factor in pairs])

    def step(self, rate: float) -> None:
        """Update the parameters with the learning rate `rate`, each group's factor on top of it."""
        if self._fused is not None:
            for group, factor in zip(self._fused.param_groups, self._flat.factors, strict=True):
                # Decay is the rate's alone, so a factor does not change how strongly weights are held.
                group["lr"] = rate * factor
                group["weight_decay"] = group["decay"] / factor
            self._fused.step()
            return
        self._steps += 1
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
        if self._fused is not None:
            return self._fused.state_dict()
        return {"steps": self._steps, "first": self._first, "second": self._second}

    def load_state(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        if self._fused is not None:
            self._fused.load_state_dict(state)
        else:
            self._steps = state["steps"]
            self._first.copy_(state["first"])
            self._second.copy_(state["second"])
