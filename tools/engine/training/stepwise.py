"""A text generator that goes on from what it has seen: the next tokens and its memory in, scores and new memory out."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Stepwise(nn.Module, ABC):
    """The same model as the network it wraps, one stretch of tokens after the other.

    Attributes:
        empty: The memory before the first token. Its first axis is 1 and is widened to the batch; other axes of 1 are
            widened too. An axis of 0 grows with the tokens (keys and values).
    """

    empty: Tensor

    @abstractmethod
    def forward(self, tokens: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens int64 [n, length] and memory float32 [n, ...] -> (scores [n, length, vocab], memory [n, ...])."""
