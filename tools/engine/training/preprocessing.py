"""Preprocessing as torch modules, so that it lies in the exported graph. Nothing here is trained."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from tools.engine.data.dataset import DataSpec

_LIMIT = 100.0
"""Scaled values are cut here: far outside of anything seen, but finite."""


class TabularInput(nn.Module):
    """Imputes, scales, marks missing values, one-hot encodes small columns.

    Columns of the output `flat`: numeric (scaled), missing marks, one-hot, piecewise-linear bins. Categorical columns
    of more than `max_one_hot` values come out as ids instead, to be embedded.

    Args:
        spec: Shapes of the data.
        fitted: See `tabular_statistics`.
        smooth_clip: Squash scaled values into (-3, 3) by x / sqrt(1 + (x / 3)^2) (Holzmüller et al. 2024, A.1).
        max_one_hot: Values (without "missing or unknown") up to which a column is one-hot.
        n_bins: Bins of the piecewise-linear encoding; 0: none.
    """

    fill: Tensor
    centre: Tensor
    scale: Tensor
    missing: Tensor
    hot_columns: Tensor
    hot_values: Tensor
    wide_columns: Tensor
    offsets: Tensor
    left: Tensor
    slope: Tensor

    def __init__(
        self, spec: DataSpec, fitted: dict[str, np.ndarray], smooth_clip: bool, max_one_hot: int, n_bins: int
    ) -> None:
        super().__init__()
        self.n_numeric, self.smooth_clip, self.n_bins = spec.n_numeric, smooth_clip, n_bins if spec.n_numeric else 0
        for name in ("fill", "centre", "scale", "missing"):
            self.register_buffer(name, torch.as_tensor(fitted[name]))
        sizes = spec.cardinalities
        hot = [(i, value) for i, size in enumerate(sizes) if size - 1 <= max_one_hot for value in range(1, size)]
        wide = [i for i, size in enumerate(sizes) if size - 1 > max_one_hot]
        starts = np.cumsum([0, *(sizes[i] for i in wide)])
        self.register_buffer("hot_columns", torch.tensor([i for i, _ in hot], dtype=torch.int64))
        self.register_buffer("hot_values", torch.tensor([value for _, value in hot], dtype=torch.int64))
        self.register_buffer("wide_columns", torch.tensor(wide, dtype=torch.int64))
        self.register_buffer("offsets", torch.as_tensor(starts[:-1], dtype=torch.int64))
        edges = torch.as_tensor(fitted["edges"])
        widths = (edges[:, 1:] - edges[:, :-1]) if n_bins else edges[:, :0]
        self.register_buffer("left", edges[:, :-1] if n_bins else edges[:, :0])
        # Bins of no width (repeated quantiles) stay 0 and say nothing.
        self.register_buffer("slope", torch.where(widths > 1e-6, 1.0 / widths.clamp_min(1e-6), torch.zeros(())))
        self.n_marks, self.n_hot, self.n_wide = len(self.missing), len(hot), len(wide)
        self.n_ids = int(starts[-1])
        self.n_bin_features = self.n_numeric * self.n_bins
        self.n_features = self.n_numeric + self.n_marks + self.n_hot + self.n_bin_features

    @staticmethod
    def names(spec: DataSpec) -> tuple[str, ...]:
        """The inputs that this table has."""
        return tuple(name for name, there in (("num", spec.n_numeric), ("cat", spec.cardinalities)) if there)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The inputs `num` float32 [n, n_numeric] and `cat` int64 [n, n_categorical], if there, -> (flat[, ids]).

        `flat` is float32 [n, n_features]; `ids` int64 [n, n_wide], numbered through over all wide columns.
        """
        parts: list[Tensor] = []
        scaled = None
        if self.n_numeric:
            num = inputs[0]
            absent = torch.isnan(num)
            scaled = (torch.where(absent, self.fill, num) - self.centre) * self.scale
            scaled = scaled.clamp(-_LIMIT, _LIMIT)
            parts.append(scaled / torch.sqrt(1.0 + (scaled / 3.0) ** 2) if self.smooth_clip else scaled)
            if self.n_marks:
                parts.append(absent.index_select(1, self.missing).to(num.dtype))
        cat = inputs[-1]
        if self.n_hot:
            parts.append((cat.index_select(1, self.hot_columns) == self.hot_values).to(self.fill.dtype))
        if scaled is not None and self.n_bins:
            place = ((scaled[:, :, None] - self.left) * self.slope).clamp(0.0, 1.0)
            parts.append(place.reshape(-1, self.n_bin_features))
        outputs: list[Tensor] = []
        if parts:
            outputs.append(torch.cat(parts, dim=1) if len(parts) > 1 else parts[0])
        if self.n_wide:
            # Ids beyond those known (they cannot come from the encoder) would read another column's rows.
            outputs.append(cat.index_select(1, self.wide_columns) + self.offsets)
        return tuple(outputs)


class PixelInput(nn.Module):
    """uint8 images -> float32, each channel with mean 0 and spread 1 on the training images."""

    centre: Tensor
    scale: Tensor

    def __init__(self, fitted: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.register_buffer("centre", torch.as_tensor(fitted["centre"]).view(1, -1, 1, 1))
        self.register_buffer("scale", torch.as_tensor(fitted["scale"]).view(1, -1, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        """uint8 [n, channels, height, width] -> float32, same shape."""
        return (pixels.to(self.centre.dtype) - self.centre) * self.scale
