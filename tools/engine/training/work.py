"""How much arithmetic a model needs, and how often it should therefore report.

The cadence of reports decides what a pruner sees and which weights are kept, so it must not depend on how busy the
machine is: it follows from an estimate of the work, and the same seed gives the same reports everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tools.engine.training.network import Network

_RATE = 2e10
"""Operations per second of one CPU core on small layers (30-70 % of peak was measured; this is cautious)."""
_STEP_S = 5e-4
"""Fixed cost of one training step, s."""
_FIT_RATE, _FIT_STEP_S = 6e10, 1e-3
"""The same two, not cautious but as measured: dense networks for tables at widths of 64 to 256 on one core."""
_REPORT_S = 1.5
"""Wanted seconds between reports."""
_SCORING_SHARE = 0.15
"""Of the training, what scoring may cost in arithmetic; in full precision that takes up to twice as long."""


def multiply_adds(model: Network, prepared: list[Tensor]) -> int:
    """Multiply-adds of one example in the linear and convolutional layers.

    Args:
        model: The network.
        prepared: What `body` takes, at least one example.
    """
    total = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        weight = module.weight
        assert isinstance(weight, Tensor)
        total += output.numel() * weight.numel() // weight.shape[0]

    layers = (nn.Linear, nn.Conv1d, nn.Conv2d)
    hooks = [module.register_forward_hook(count) for module in model.modules() if isinstance(module, layers)]
    training = model.training
    try:
        with torch.no_grad():
            model.eval().body(*(tensor[:1] for tensor in prepared))
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return total


def affordable_epochs(seconds: float, macs: int, n_train: int, batch_size: int, least: int, most: int) -> int:
    """Epochs that take about `seconds` on one core, within bounds; a function of shapes alone.

    Args:
        seconds: What may be spent.
        macs: Multiply-adds of one example (forward).
        n_train: Rows of an epoch.
        batch_size: Rows of a step.
        least: Fewer are not worth starting.
        most: More do not help.
    """
    epoch = 6.0 * macs * n_train / _FIT_RATE + max(1, round(n_train / batch_size)) * _FIT_STEP_S
    return max(least, min(most, round(seconds / max(epoch, 1e-9))))


@dataclass(frozen=True)
class Cadence:
    """After which steps a learner reports, and which of the reports are scored.

    Attributes:
        per_epoch: Steps in an epoch.
        reports: Reports in an epoch.
        scored: Of those, how many score the validation rows.
    """

    per_epoch: int
    reports: int
    scored: int

    @classmethod
    def plan(cls, model: Network, prepared: list[Tensor], per_epoch: int, n_validation: int) -> Cadence:
        """A report about every second and a half; scoring costs a small share of the training.

        Args:
            model: The network.
            prepared: What `body` takes, all training rows.
            per_epoch: Steps in an epoch.
            n_validation: Rows that are scored.
        """
        n_train = len(prepared[0])
        # Forward and backward: three times, two operations each.
        seconds = 6.0 * multiply_adds(model, prepared) * n_train / _RATE + per_epoch * _STEP_S
        reports = max(1, min(per_epoch, math.ceil(seconds / _REPORT_S)))
        affordable = int(_SCORING_SHARE * 3 * n_train / n_validation) if n_validation else reports
        return cls(per_epoch, reports, max(1, min(reports, affordable)))

    def next_report(self, step: int) -> int:
        """The first reporting step after `step`: report r of an epoch comes after ceil(r per_epoch / reports) steps.

        >>> [Cadence(5, 2, 1).next_report(step) for step in range(6)]
        [3, 3, 3, 5, 5, 8]
        """
        epoch, done = divmod(step, self.per_epoch)
        passed = done * self.reports // self.per_epoch
        return epoch * self.per_epoch - (-(passed + 1) * self.per_epoch // self.reports)

    def is_scored(self, step: int) -> bool:
        """Whether the report after `step` steps is scored: at each epoch's end, and evenly between.

        >>> [step for step in (3, 5, 8, 10) if Cadence(5, 2, 1).is_scored(step)]
        [5, 10]
        """
        report = ((step - 1) % self.per_epoch + 1) * self.reports // self.per_epoch
        return report * self.scored // self.reports != (report - 1) * self.scored // self.reports
