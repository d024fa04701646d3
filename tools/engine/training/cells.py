"""Convolutional cells: what a stage of an image network is made of."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def convolution(n_in: int, n_out: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """A convolution and its batch normalisation."""
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(n_out),
    )


class SqueezeExcite(nn.Module):
    """Weighs each channel by what the whole picture says.

    Source: Hu et al. (2018), "Squeeze-and-Excitation Networks", section 3.
    """

    def __init__(self, n: int, reduction: int = 4) -> None:
        super().__init__()
        middle = max(4, n // reduction)
        self.squeeze, self.excite = nn.Linear(n, middle), nn.Linear(middle, n)

    def forward(self, x: Tensor) -> Tensor:
        """[n, channels, h, w] -> same shape."""
        weights = torch.sigmoid(self.excite(torch.relu(self.squeeze(x.mean(dim=(2, 3))))))
        return x * weights[:, :, None, None]


class Cell(nn.Module):
    """A change to the picture, added to the picture as it was.

    Kinds: `residual`, two full convolutions (He et al. 2016, figure 2); `inverted`, widen, filter each channel,
    narrow (Sandler et al. 2018, figure 3b); `convnext`, filter each channel, widen, narrow (Liu et al. 2022,
    figure 4, with batch normalisation, which is cheaper on a CPU than layer normalisation over channels).

    Args:
        kind: As above.
        n_in: Channels in.
        n_out: Channels out.
        kernel: Side of the filters.
        stride: 2 halves the picture.
        widening: Of the two depthwise kinds.
        squeeze: Whether channels are weighed.
    """

    def __init__(
        self, kind: str, n_in: int, n_out: int, kernel: int, stride: int, widening: int, squeeze: bool
    ) -> None:
        super().__init__()
        parts: list[nn.Module]
        wide = n_in * widening
        weigh = [SqueezeExcite(n_out if kind == "residual" else wide)] if squeeze else []
        if kind == "residual":
            parts = [convolution(n_in, n_out, kernel, stride), nn.ReLU(), convolution(n_out, n_out, kernel), *weigh]
        elif kind == "inverted":
            parts = [convolution(n_in, wide, 1), nn.ReLU(), convolution(wide, wide, kernel, stride, wide), nn.ReLU()]
            parts += [*weigh, convolution(wide, n_out, 1)]
        else:
            parts = [convolution(n_in, n_in, kernel, stride, n_in), nn.Conv2d(n_in, wide, 1), nn.GELU()]
            parts += [*weigh, convolution(wide, n_out, 1)]
        self.change = nn.Sequential(*parts)
        last = next(part for part in reversed(parts) if isinstance(part, nn.Sequential))[1]
        assert isinstance(last, nn.BatchNorm2d)
        if stride == 1 and n_in == n_out:
            self.around: nn.Module = nn.Identity()
            # The cell starts as the identity, so depth costs no trainability (Goyal et al. 2017, section 5.1).
            nn.init.zeros_(last.weight)
        else:
            pool: list[nn.Module] = [nn.AvgPool2d(stride, ceil_mode=True)] if stride > 1 else []
            self.around = nn.Sequential(*pool, convolution(n_in, n_out, 1))
        self.rectified = kind == "residual"

    def forward(self, x: Tensor) -> Tensor:
        """[n, n_in, h, w] -> [n, n_out, ceil(h / stride), ceil(w / stride)]."""
        y: Tensor = self.around(x) + self.change(x)
        return torch.relu(y) if self.rectified else y
