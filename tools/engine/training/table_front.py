"""What networks for tables begin with: preprocessing, then embeddings of numbers and of wide categorical columns."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from tools.engine.data.dataset import DataSpec
from tools.engine.training.blocks import PeriodicEmbedding, PiecewiseEmbedding
from tools.engine.training.preprocessing import TabularInput

NumberEmbedding = Literal["plain", "periodic", "piecewise"]

_MAX_ONE_HOT = 8
_ID_WIDTH = 8
_FREQUENCIES = 16


class TableFront(nn.Module):
    """A row of a table -> one vector.

    Source: robust scaling, smooth clipping, one-hot up to 8 values and periodic embeddings as in RealMLP (Holzmüller
    et al. 2024, section 3); piecewise-linear embeddings: Gorishniy et al. (2022), section 3.2.

    Args:
        spec: Shapes of the data.
        fitted: See `tabular_statistics`.
        embedding: What is made of a scaled number: nothing more, learned cosines, or learned bins.
        width: Numbers per embedded column.
        sigma: Spread of the initial frequencies (periodic).
        n_bins: Bins per column (piecewise).
    """

    def __init__(
        self,
        spec: DataSpec,
        fitted: dict[str, np.ndarray],
        embedding: NumberEmbedding = "plain",
        width: int = 4,
        sigma: float = 0.1,
        n_bins: int = 0,
    ) -> None:
        super().__init__()
        self.table = TabularInput(spec, fitted, smooth_clip=True, max_one_hot=_MAX_ONE_HOT, n_bins=n_bins)
        self.numbers: PeriodicEmbedding | PiecewiseEmbedding | None = None
        self.n_out = self.table.n_features
        if spec.n_numeric and embedding == "periodic":
            self.numbers = PeriodicEmbedding(spec.n_numeric, width, _FREQUENCIES, sigma)
            self.n_out += self.numbers.n_out - spec.n_numeric
        elif spec.n_numeric and embedding == "piecewise":
            self.numbers = PiecewiseEmbedding(spec.n_numeric, n_bins, width)
            self.n_out += self.numbers.n_out - self.table.n_bin_features
        self.ids: nn.Embedding | None = None
        if self.table.n_wide:
            self.ids = nn.Embedding(self.table.n_ids, _ID_WIDTH)
            nn.init.normal_(self.ids.weight, std=0.3)
            self.n_out += self.table.n_wide * _ID_WIDTH

    def prepare(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """(num[, cat]) -> (flat[, ids]): what does not change during training."""
        outputs: tuple[Tensor, ...] = self.table(*inputs)
        return outputs

    def forward(self, *prepared: Tensor) -> Tensor:
        """(flat[, ids]) -> [n, n_out]."""
        parts: list[Tensor] = []
        if self.table.n_features:
            flat = prepared[0]
            if isinstance(self.numbers, PeriodicEmbedding):
                n = self.table.n_numeric
                parts += [self.numbers(flat[:, :n]), flat[:, n:]]
            elif self.numbers is not None:
                n = self.table.n_features - self.table.n_bin_features
                parts += [flat[:, :n], self.numbers(flat[:, n:])]
            else:
                parts.append(flat)
        if self.ids is not None:
            parts.append(self.ids(prepared[-1]).flatten(1))
        return torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]
