"""Whole-tensor batches: the data lies in memory as tensors, an epoch is one permutation and a few gathers.

A `DataLoader` spends a quarter of a small model's step on collecting single rows; here several batches are gathered
at once and a batch is a view of that.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_GATHER_BYTES = 2**24
"""Bytes gathered at once: large enough to pay one call for many batches, small enough to stay near the caches."""


class Batches:
    """Endless shuffled batches of equal size (they differ by one row at most, so no batch is tiny).

    Args:
        tensors: Inputs and, last, the target; the first axis is the example.
        batch_size: Wanted rows per batch.
        generator: CPU generator that owns the order.
    """

    def __init__(self, tensors: list[Tensor], batch_size: int, generator: torch.Generator) -> None:
        self.tensors, self.generator = tensors, generator
        self.n = len(tensors[-1])
        self.per_epoch = max(1, round(self.n / batch_size))
        bounds = [self.n * i // self.per_epoch for i in range(self.per_epoch + 1)]
        self._bounds = bounds
        row_bytes = sum(t[:1].numel() * t.element_size() for t in tensors)
        rows = -(-self.n // self.per_epoch)
        self._together = max(1, _GATHER_BYTES // max(1, rows * row_bytes))
        self.position = 0
        self._order: Tensor | None = None
        self._gathered: list[Tensor] = []
        self._first = self._last = 0

    def next(self) -> list[Tensor]:
        """The next batch; a new order is drawn whenever an epoch begins."""
        index = self.position % self.per_epoch
        if self._order is None or index == 0:
            self._order = torch.randperm(self.n, generator=self.generator)
            self._last = 0
        if index >= self._last or index < self._first or not self._gathered:
            self._first, self._last = index, min(index + self._together, self.per_epoch)
            rows = self._order[self._bounds[self._first] : self._bounds[self._last]]
            rows = rows.to(self.tensors[-1].device)
            self._gathered = [tensor.index_select(0, rows) for tensor in self.tensors]
        offset = self._bounds[self._first]
        start, end = self._bounds[index] - offset, self._bounds[index + 1] - offset
        self.position += 1
        return [tensor[start:end] for tensor in self._gathered]

    def state(self) -> dict[str, Any]:
        """What is needed to go on at the same batch."""
        return {"position": self.position, "order": self._order}

    def load_state(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self.position, self._order = state["position"], state["order"]
        self._gathered, self._first, self._last = [], 0, 0
