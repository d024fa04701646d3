"""What training minimises, by task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from tools.engine.data.dataset import TaskSpec

Loss = Callable[[Tensor, Tensor], Tensor]
RegressionLoss = Literal["mse", "huber"]


def loss_for(task: TaskSpec, label_smoothing: float = 0.0, regression: RegressionLoss = "mse") -> Loss:
    """The loss of a task: (raw scores, `Encoded.target`) -> mean loss.

    Cross entropy for classes (label smoothing: Szegedy et al. 2016, section 7), binary cross entropy per label for
    multi-label, squared error or Huber's (delta 1 standard deviation) on the standardised value, and cross entropy per
    token, padding (id 0) left out, for generation. For several targets the mean of theirs (values are standardised, so
    they weigh about as much as classes).
    """
    if task.parts:
        return _side_by_side(task, [loss_for(part, label_smoothing, regression) for part in task.parts])
    if task.kind == "regression":
        return F.huber_loss if regression == "huber" else F.mse_loss
    if task.kind == "generation":
        return lambda scores, target: F.cross_entropy(scores.flatten(0, 1), target.flatten(), ignore_index=0)
    if task.multilabel:
        return lambda scores, target: F.binary_cross_entropy_with_logits(
            scores, target * (1 - label_smoothing) + label_smoothing / 2
        )
    return lambda scores, target: F.cross_entropy(scores, target, label_smoothing=label_smoothing)


def _side_by_side(task: TaskSpec, losses: list[Loss]) -> Loss:
    def loss(scores: Tensor, target: Tensor) -> Tensor:
        found = []
        for number, (part, columns) in enumerate(zip(task.parts, task.slices, strict=True)):
            own = target[:, number].long() if part.kind == "classification" else target[:, number : number + 1]
            found.append(losses[number](scores[:, columns], own))
        return torch.stack(found).mean()

    return loss
