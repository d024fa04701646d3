"""An attention block without order of its own: words or patches that all see each other."""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn import functional as F

from tools.engine.training.dropout import Dropout


class EncoderBlock(nn.Module):
    """Attention and a feed-forward part, each normalised before and added to the stream.

    Source: Xiong et al. (2020), "On Layer Normalization in the Transformer Architecture", section 3 (Pre-LN).

    Args:
        width: Numbers per place.
        heads: Divides `width`.
        widening: Of the feed-forward part.
        dropout: Of what is added to the stream.
        layers: How many blocks there are; the more, the smaller their first contributions.
    """

    def __init__(self, width: int, heads: int, widening: int, dropout: float, layers: int) -> None:
        super().__init__()
        self.heads, self.depth = heads, width // heads
        self.norm_attention, self.norm_dense = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.merge = nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, widening * width), nn.Linear(widening * width, width)
        self.dropout = Dropout(dropout)
        for linear in (self.query_key_value, self.widen, self.merge, self.narrow):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)
        for linear in (self.merge, self.narrow):
            linear.weight.data /= math.sqrt(2 * layers)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """[n, places, width] (and what is added to the attention, [n, 1, 1, places]) -> [n, places, width]."""
        split = self.query_key_value(self.norm_attention(x)).unflatten(2, (3, self.heads, self.depth))
        query, key, value = split.permute(2, 0, 3, 1, 4).unbind(0)
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        x = x + self.dropout(self.merge(seen.transpose(1, 2).flatten(2)))
        y: Tensor = x + self.dropout(self.narrow(F.gelu(self.widen(self.norm_dense(x)))))
        return y
