"""The training settings of one fit."""

from __future__ import annotations

from dataclasses import dataclass

from tools.engine.training.augment import Augment
from tools.engine.training.losses import RegressionLoss
from tools.engine.training.schedule import ScheduleName


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        lr: Peak learning rate.
        batch_size: Rows per step.
        epochs: Passes over the data, unless `FitContext.max_epochs` says otherwise.
        weight_decay: AdamW's, on matrices and kernels only.
        schedule: Shape of the learning rate.
        warmup: Share of the training that warms up.
        clip: Largest norm of the gradient; 0: no limit.
        patience: Epochs without improvement after which training ends; 0: never.
        label_smoothing: Probability mass spread over all classes.
        regression_loss: Squared error or Huber's.
        betas: AdamW's.
        augment: Changes to the training images.
        bf16: Autocast to bfloat16 while training.
        channels_last: Memory order of images and kernels.
    """

    lr: float
    batch_size: int
    epochs: int
    weight_decay: float = 0.0
    schedule: ScheduleName = "cosine"
    warmup: float = 0.05
    clip: float = 1.0
    patience: int = 0
    label_smoothing: float = 0.0
    regression_loss: RegressionLoss = "mse"
    betas: tuple[float, float] = (0.9, 0.95)
    augment: Augment | None = None
    bf16: bool = False
    channels_last: bool = False


def epochs_for(n_train: int, batch_size: int, steps: int, least: int, most: int) -> int:
    """Epochs that make about `steps` training steps, within bounds."""
    return max(least, min(most, round(steps * batch_size / max(1, n_train))))
