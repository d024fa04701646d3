"""What the training loop asks of a torch model, and how one is built without touching the global random state."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from tools.engine.training.stepwise import Stepwise


class Network(nn.Module):
    """A model in two parts, so that what never changes during training is computed once and not in every epoch.

    `prepare` (imputing, scaling, one-hot, pixels to floats, bigram ids) has fitted buffers but nothing that is
    trained: the loop applies it to the whole data before the first step. `body` holds everything that is trained.
    `forward` is both, so the exported graph contains the preprocessing.

    Attributes:
        input_names: Names of the encoded inputs, in the order `forward` takes them.
        chunk_rows: Rows that are predicted at once; bounds the memory.
    """

    input_names: tuple[str, ...] = ()
    chunk_rows: int = 4096

    def prepare(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Encoded inputs, each [n, ...] -> what `body` takes."""
        return inputs

    def body(self, *prepared: Tensor) -> Tensor:
        """Prepared inputs -> raw scores [n, ...]."""
        raise TypeError(f"{type(self).__name__} has no body.")

    def training_scores(self, *prepared: Tensor) -> Tensor:
        """What the loss is computed on: `body`, or [m * n, ...] for m members that each learn by themselves.

        The rows of one member stand together; the target is repeated for each of them.
        """
        return self.body(*prepared)

    def stepwise(self) -> Stepwise | None:
        """The same model for tokens that come one after the other; None for all but text generators."""
        return None

    def forward(self, *inputs: Tensor) -> Tensor:
        """Encoded inputs -> raw scores."""
        return self.body(*self.prepare(*inputs))


N = TypeVar("N", bound=nn.Module)


def build_seeded(make: Callable[[], N], seed: int) -> N:
    """Call `make` with initial weights that depend on `seed` alone.

    torch's layers draw their initial weights from the global generator and take no other. It is therefore forked:
    seeded inside, and as it was before when this returns.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return make()


def count_parameters(module: nn.Module) -> int:
    """Number of trained numbers."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
