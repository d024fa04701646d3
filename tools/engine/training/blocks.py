"""Small parts that several families are built from."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tools.engine.training.dropout import Dropout

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "selu": nn.SELU,
    "mish": nn.Mish,
}


def dense_stack(n_in: int, width: int, layers: int, activation: str, dropout: float) -> nn.Sequential:
    """`layers` times linear, activation, dropout; the identity for 0 layers."""
    parts: list[nn.Module] = []
    for index in range(layers):
        linear = nn.Linear(n_in if index == 0 else width, width)
        nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
        nn.init.zeros_(linear.bias)
        parts += [linear, ACTIVATIONS[activation]()]
        if dropout > 0:
            parts.append(Dropout(dropout))
    return nn.Sequential(*parts)


def output_layer(n_in: int, n_out: int) -> nn.Linear:
    """A linear layer that starts near zero: the first predictions are even and the first loss is small."""
    linear = nn.Linear(n_in, n_out)
    nn.init.normal_(linear.weight, std=0.1 / math.sqrt(n_in))
    nn.init.zeros_(linear.bias)
    return linear


class PeriodicEmbedding(nn.Module):
    """Each numeric column -> [x, a few learned features of cosines of x].

    Source: "PBLD" embeddings, Holzmüller et al. (2024), section 3; after Gorishniy et al. (2022), section 3.3.

    Args:
        n_columns: Numeric columns.
        width: Numbers per column that come out, x included.
        frequencies: Cosines per column.
        sigma: Spread of the initial frequencies.
    """

    def __init__(self, n_columns: int, width: int, frequencies: int, sigma: float) -> None:
        super().__init__()
        self.n_out = n_columns * width
        self.frequency = nn.Parameter(torch.randn(n_columns, frequencies) * sigma)
        self.phase = nn.Parameter((torch.rand(n_columns, frequencies) * 2 - 1) * math.pi)
        bound = 1 / math.sqrt(frequencies)
        self.weight = nn.Parameter((torch.rand(n_columns, frequencies, width - 1) * 2 - 1) * bound)
        self.bias = nn.Parameter(torch.zeros(n_columns, 1, width - 1))

    def forward(self, x: Tensor) -> Tensor:
        """[n, n_columns] -> [n, n_columns * width]."""
        waves = torch.cos(2 * math.pi * x[:, :, None] * self.frequency + self.phase)
        mixed = torch.baddbmm(self.bias, waves.transpose(0, 1), self.weight).transpose(0, 1)
        return torch.cat([x[:, :, None], mixed], dim=2).reshape(-1, self.n_out)


class PiecewiseEmbedding(nn.Module):
    """Each column's piecewise-linear bins -> a learned vector, through a rectifier.

    Source: Gorishniy et al. (2022), "On Embeddings for Numerical Features", sections 3.2 and 3.4 (Q-LR).
    """

    def __init__(self, n_columns: int, n_bins: int, width: int) -> None:
        super().__init__()
        self.shape, self.n_out = (n_columns, n_bins), n_columns * width
        bound = 1 / math.sqrt(n_bins)
        self.weight = nn.Parameter((torch.rand(n_columns, n_bins, width) * 2 - 1) * bound)
        self.bias = nn.Parameter((torch.rand(n_columns, 1, width) * 2 - 1) * bound)

    def forward(self, bins: Tensor) -> Tensor:
        """[n, n_columns * n_bins] -> [n, n_columns * width]."""
        columns = bins.reshape(-1, *self.shape).transpose(0, 1)
        return torch.baddbmm(self.bias, columns, self.weight).relu().transpose(0, 1).reshape(-1, self.n_out)


MOST_WORDS = 256
"""Words of a text that a network reads whose cost grows with every place; bags of words read all."""


def masked_mean(x: Tensor, mask: Tensor) -> Tensor:
    """Mean of x [n, length, d] over positions where mask [n, length, 1] is 1; 0 where there is none."""
    return (x * mask).sum(dim=1) / mask.sum(dim=1).clamp_min(1.0)
