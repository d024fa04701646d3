"""Layers of an ensemble whose members share their matrices, and the mean of what the members predict.

The axis of the members stands first, [members, n, width], so that a shared matrix is one product over all of them.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tools.engine.data.dataset import TaskSpec


class SharedLinear(nn.Module):
    """A linear layer with one matrix for all members; where they are `own`, factors and biases for each.

    y_k = s_k * (W (r_k * x_k)) + b_k. The first layer's r_k are random signs, so that the members begin apart; all
    other factors begin at 1. Factors are stored as vectors: they get no weight decay, which would draw them to 0.

    Source: Wen et al. (2020), "BatchEnsemble", section 3.1; initial values: Gorishniy et al. (2024), section 3.3.

    Args:
        members: Number of members.
        n_in: Width of the input.
        n_out: Width of the output.
        first: Whether this is the first layer (its input is the same for all members).
        own: Whether members differ in this layer; in the first they always differ by r_k, elsewhere by all three.
    """

    def __init__(self, members: int, n_in: int, n_out: int, first: bool, own: bool) -> None:
        super().__init__()
        self.shared = nn.Linear(n_in, n_out)
        nn.init.kaiming_normal_(self.shared.weight, nonlinearity="relu")
        nn.init.zeros_(self.shared.bias)
        self.members = members
        self.before: nn.Parameter | None = None
        self.after: nn.Parameter | None = None
        self.bias: nn.Parameter | None = None
        if first:
            self.before = nn.Parameter((torch.rand(members * n_in) < 0.5).float() * 2 - 1)
        elif own:
            self.before = nn.Parameter(torch.ones(members * n_in))
        if own:
            self.after = nn.Parameter(torch.ones(members * n_out))
            self.bias = nn.Parameter(torch.zeros(members * n_out))

    def forward(self, x: Tensor) -> Tensor:
        """[members or 1, n, n_in] -> [members, n, n_out]."""
        if self.before is not None:
            x = x * self.before.view(self.members, 1, -1)
        y: Tensor = self.shared(x)
        if self.after is not None and self.bias is not None:
            y = torch.addcmul(self.bias.view(self.members, 1, -1), y, self.after.view(self.members, 1, -1))
        return y


class MemberLinear(nn.Module):
    """A linear layer for each member; starts near zero, as `output_layer` does."""

    def __init__(self, members: int, n_in: int, n_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(members, n_in, n_out) * (0.1 / math.sqrt(n_in)))
        self.bias = nn.Parameter(torch.zeros(members * n_out))

    def forward(self, x: Tensor) -> Tensor:
        """[members, n, n_in] -> [members, n, n_out]."""
        members, _, n_out = self.weight.shape
        return torch.baddbmm(self.bias.view(members, 1, n_out), x, self.weight)


def mean_prediction(scores: Tensor, task: TaskSpec) -> Tensor:
    """Scores whose decoded prediction is the mean of the members' predictions.

    Classes: log of the mean probability. Several labels at once: its log-odds, for each label. Values: the mean. Of
    several targets each one's own.

    Args:
        scores: Raw scores [members, n, n_outputs].
        task: What is predicted.

    Returns:
        [n, n_outputs], of the same kind as one member's scores.
    """
    if task.parts:
        own = [mean_prediction(scores[:, :, at], part) for part, at in zip(task.parts, task.slices, strict=True)]
        return torch.cat(own, dim=1)
    if task.kind == "regression":
        return scores.mean(dim=0)
    if task.multilabel:
        # log sigmoid(x) = -softplus(-x), which stays finite in any runtime.
        return _log_sum(-F.softplus(-scores)) - _log_sum(-F.softplus(scores))
    return _log_sum(F.log_softmax(scores, dim=2)) - math.log(len(scores))


def _log_sum(x: Tensor) -> Tensor:
    """Logarithm of the sum of exponentials over the first axis."""
    high = x.amax(dim=0)
    return high + (x - high).exp().sum(dim=0).log()
