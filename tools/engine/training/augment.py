"""Light changes to training images, a whole batch at a time."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Augment:
    """Random changes that keep the label.

    Attributes:
        shift: Largest move in pixels, along both axes; what moves in is the border's value (0 after centring).
        flip: Mirror left and right in half of the images; wrong for digits and letters.
    """

    shift: int = 0
    flip: bool = False

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """[n, channels, height, width] -> same shape.

        Args:
            images: Prepared images.
            generator: CPU generator that owns the choices.
        """
        if self.shift:
            # One crop position for each of a few groups of the batch: views and a copy instead of a per-pixel gather.
            n, _, height, width = images.shape
            padded = torch.nn.functional.pad(images, (self.shift,) * 4, mode="replicate")
            n_groups = min(8, n)
            moves = torch.randint(2 * self.shift + 1, (n_groups, 2), generator=generator).tolist()
            parts = padded.chunk(n_groups)
            images = torch.cat(
                [
                    part[:, :, down : down + height, right : right + width]
                    for part, (down, right) in zip(parts, moves, strict=False)
                ]
            )
        if self.flip:
            mirrored = torch.rand(len(images), generator=generator).to(images.device) < 0.5
            images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
        return images
