"""A row of a table as a sequence: one vector for each column, and attention over them."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tools.engine.data.dataset import DataSpec
from tools.engine.training.dropout import Dropout
from tools.engine.training.preprocessing import TabularInput


class ColumnTokens(nn.Module):
    """Every column -> a vector: x * w + b for numbers, with another vector added where the value is missing; a learned
    vector per level for categories. A learned vector stands in front: the row's summary is read there.

    Source: Gorishniy et al. (2021), section 3.3 ("Feature Tokenizer").

    Args:
        spec: Shapes of the data.
        fitted: See `tabular_statistics`.
        width: Length of the vectors.
    """

    place: Tensor

    def __init__(self, spec: DataSpec, fitted: dict[str, np.ndarray], width: int) -> None:
        super().__init__()
        self.table = TabularInput(spec, fitted, smooth_clip=True, max_one_hot=0, n_bins=0)
        n_columns = spec.n_numeric + len(spec.cardinalities)
        self.n_tokens = 1 + n_columns
        bound = 1 / math.sqrt(width)

        def uniform(*shape: int) -> nn.Parameter:
            return nn.Parameter((torch.rand(*shape) * 2 - 1) * bound)

        self.shape = (self.n_tokens, width)
        # Vectors, so that they get no weight decay: each is used by one column alone.
        self.bias = uniform(self.n_tokens * width)
        self.weight = uniform(spec.n_numeric * width) if spec.n_numeric else None
        self.ids = nn.Embedding(self.table.n_ids, width) if spec.cardinalities else None
        if self.ids is not None:
            nn.init.uniform_(self.ids.weight, -bound, bound)
        self.mark = uniform(self.table.n_marks, width) if self.table.n_marks else None
        # Which column a mark belongs to, [n_marks, n_numeric].
        self.register_buffer("place", torch.eye(max(1, spec.n_numeric))[self.table.missing])

    def prepare(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """(num[, cat]) -> ([flat, ][ids])."""
        outputs: tuple[Tensor, ...] = self.table(*inputs)
        return outputs

    def forward(self, *prepared: Tensor) -> Tensor:
        """([flat, ][ids]) -> [n, n_tokens, width]."""
        width = self.shape[1]
        parts: list[Tensor] = []
        if self.weight is not None:
            n_numeric = self.table.n_numeric
            numbers = prepared[0][:, :n_numeric, None] * self.weight.view(n_numeric, width)
            if self.mark is not None:
                marks = prepared[0][:, n_numeric:, None] * self.mark
                numbers = numbers + torch.matmul(self.place.t(), marks)
            parts.append(numbers)
        if self.ids is not None:
            parts.append(self.ids(prepared[-1]))
        columns = torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]
        # A zero in front, to which the first bias is added: that is the summary.
        return F.pad(columns, (0, 0, 1, 0)) + self.bias.view(self.shape)


class ColumnBlock(nn.Module):
    """Attention among the columns and a gated feed-forward part, each normalised before and added to the stream.

    Source: Gorishniy et al. (2021), section 3.3 and appendix E (pre-norm, ReGLU; without the very first norm). The
    last block answers for the summary alone: nothing reads its other vectors, and this halves the work of two blocks.

    Args:
        width: Length of the vectors.
        heads: Attention heads.
        expansion: Width of the feed-forward part, in widths.
        dropout: Of the feed-forward part.
        first: Without a norm before the attention.
        last: Only the summary comes out.
    """

    def __init__(self, width: int, heads: int, expansion: float, dropout: float, first: bool, last: bool) -> None:
        super().__init__()
        self.heads, self.depth, self.last = heads, width // heads, last
        self.norm_attention: nn.Module = nn.Identity() if first else nn.LayerNorm(width)
        self.norm_dense = nn.LayerNorm(width)
        self.query, self.key_value = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.merge = nn.Linear(width, width)
        hidden = max(1, round(width * expansion))
        self.widen, self.narrow = nn.Linear(width, 2 * hidden), nn.Linear(hidden, width)
        self.dropout = Dropout(dropout)
        for linear in (self.query, self.key_value, self.merge):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """[n, tokens, width] -> same shape, or [n, 1, width] from the last block."""
        normed = self.norm_attention(x)
        if self.last:
            x = x[:, :1]
        query = self.query(normed[:, :1] if self.last else normed).unflatten(2, (self.heads, self.depth))
        pair = self.key_value(normed).unflatten(2, (2, self.heads, self.depth))
        key, value = pair.permute(2, 0, 3, 1, 4).unbind(0)
        seen = F.scaled_dot_product_attention(query.transpose(1, 2), key, value)
        x = x + self.merge(seen.transpose(1, 2).flatten(2))
        value, gate = self.widen(self.norm_dense(x)).chunk(2, dim=2)
        y: Tensor = x + self.narrow(self.dropout(value * gate.relu()))
        return y
