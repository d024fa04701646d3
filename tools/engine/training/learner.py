"""A learner: one configuration being trained on one fold. It can pause between reports and go on later."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnx
    from torch import nn


@dataclass(frozen=True)
class Report:
    """State after one step (an epoch, or a part of one when epochs are long).

    Attributes:
        step: Counts from 1.
        train_loss: Mean training loss since the last report.
        score: The experiment's metric on validation data; NaN when there is none.
        time_s: Seconds of training so far.
        final: The learner has nothing more to do.
        epoch: Passes over the training data so far (what `FitContext.max_epochs` counts).
        share: Of the longest training this configuration may have, 0 to 1; NaN when there is no such length.
    """

    step: int
    train_loss: float
    score: float
    time_s: float
    final: bool = False
    epoch: float = 0.0
    share: float = float("nan")


THRIFT = (
    "",
    "in parts of batches, whose gradients are added up",
    "in smaller parts, and in bfloat16 where the device has it",
)
"""Ways to train with less memory, by level of `FitContext.thrift`, to follow "the trial is repeated"."""
Score = Callable[[np.ndarray], float]
"""Validation scores of the model (see `Learner.predict`) -> value of the metric."""


@dataclass(frozen=True)
class FitContext:
    """What surrounds a fit.

    Attributes:
        seed: Owns every random choice of this fit.
        device: "cpu" or "cuda".
        score: Computes the metric on the validation rows; None when there are none (a refit).
        maximize: Whether a larger score is better.
        deadline: `time.time()` at which training must have stopped, mid-epoch if need be.
        max_epochs: Overrides the family's own bound (used by a refit).
        thrift: Level of `THRIFT`: less memory for more time. The updates stay the
            same, but for batch normalisation, which sees the parts. Learners without batches ignore it.
    """

    seed: int = 0
    device: str = "cpu"
    score: Score | None = field(default=None, repr=False)
    maximize: bool = True
    deadline: float = float("inf")
    max_epochs: int | None = None
    thrift: int = 0


class Learner(ABC):
    """One model in training."""

    @abstractmethod
    def reports(self) -> Iterator[Report]:
        """Train; yield after every step. Stop iterating to pause or prune; iterate again to go on.

        Raises:
            OptimizationError: the loss is not finite.
            MemoryError: out of memory (CPU or GPU).
        """

    @abstractmethod
    def restore_best(self) -> int:
        """Go back to the best step by score (the last one without a score); return its number."""

    @abstractmethod
    def predict(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        """Raw scores: logits [n, n_classes]; standardised values [n, 1]; logits [n, length, vocab]. float32."""

    @property
    @abstractmethod
    def n_parameters(self) -> int:
        """Number of trained numbers."""

    @abstractmethod
    def save(self, path: Path, resumable: bool = False) -> None:
        """Write what `load` needs to predict and, if `resumable`, to go on training.

        Args:
            path: The file.
            resumable: An optimizer's memory is several times as large as the model: only for a learner that pauses.
        """

    @abstractmethod
    def load(self, path: Path) -> None:
        """Read what `save` wrote into a learner made with the same params and spec."""

    def module(self) -> nn.Module | None:
        """The trained module in eval mode: encoded inputs (positional, in `input_names` order) to raw scores."""
        return None

    def onnx_core(self) -> onnx.ModelProto | None:
        """For models that are not torch modules: the graph from encoded inputs to `scores`."""
        return None

    @property
    @abstractmethod
    def input_names(self) -> tuple[str, ...]:
        """Names of the encoded inputs, in the order `module` takes them."""
