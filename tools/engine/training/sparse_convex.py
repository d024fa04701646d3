"""L-BFGS for linear models of texts: each row has a few hundred of many thousand features."""

from __future__ import annotations

from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tools.engine.training.convex import ConvexLearner
from tools.engine.training.lbfgs import Lbfgs

_SMALL = 200_000
"""Weights up to which L-BFGS remembers twenty moves; more weights are worth eight, for memory's and time's sake."""
_TOGETHER = 10
"""Iterations between two scorings."""


class SparseLinear(Protocol):
    """What the learner needs of its network: `body` is sum over places of weights[feature] * value, plus bias."""

    weights: nn.Parameter
    bias: nn.Parameter


class SparseConvexLearner(ConvexLearner):
    """A `ConvexLearner` that multiplies with what is there and not with zeros.

    The prepared rows (features, values) are stored row by row for the scores and feature by feature for the gradient;
    both products are weighted sums of gathered rows.
    """

    def _build(self) -> None:
        super()._build()
        if self._flat.values.numel() > _SMALL:
            self._lbfgs = Lbfgs(self._flat.values.double(), memory=8)

    def _open(self) -> None:
        if self._data:
            return
        features, values, target = self._training_data()
        there = values != 0
        rows = torch.arange(len(features), device=features.device).unsqueeze(1).expand_as(features)[there]
        columns, values = features[there].long(), values[there]
        self._by_row = (columns, _offsets(rows, len(features)), values)
        order = torch.argsort(columns, stable=True)
        self._used, where = torch.unique_consecutive(columns[order], return_inverse=True)
        self._by_column = (rows[order], _offsets(where, len(self._used)), values[order])
        self._data = [target]
        self._together = _TOGETHER

    def _objective(self) -> Tensor:
        """The loss at the present weights; leaves its gradient behind."""
        self._flat.clear()
        linear = cast(SparseLinear, self.network)
        weights, bias = linear.weights, linear.bias
        scores = (_sums(self._by_row, weights.detach()) + bias.detach()).requires_grad_()
        loss = self._plain_loss(scores, self._data[0])
        loss.backward()  # type: ignore[no-untyped-call]
        assert scores.grad is not None
        assert weights.grad is not None
        assert bias.grad is not None
        weights.grad.copy_(self._strength * weights.detach())
        if len(self._used):
            weights.grad[self._used] += _sums(self._by_column, scores.grad)
        bias.grad.copy_(scores.grad.sum(dim=0))
        return loss.detach() + 0.5 * self._strength * weights.detach().square().sum()


Lists = tuple[Tensor, Tensor, Tensor]
"""Ids of all rows after each other, where each row begins, and the values."""


def _offsets(rows: Tensor, n: int) -> Tensor:
    """Where each of `n` rows begins in the sorted row numbers, int64 [n]."""
    ends = torch.bincount(rows, minlength=n).cumsum(0)
    return torch.cat([ends.new_zeros(1), ends[:-1]])


def _sums(lists: Lists, table: Tensor) -> Tensor:
    """For every list the sum of values times rows of the table, [n_lists, width]."""
    ids, offsets, values = lists
    if not len(ids):
        return table.new_zeros(len(offsets), table.shape[1])
    return F.embedding_bag(ids, table, offsets, mode="sum", per_sample_weights=values)
