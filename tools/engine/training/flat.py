"""All parameters of a model in one tensor: one kernel to clear, clip, update or copy them instead of one per layer."""

from __future__ import annotations

import warnings
from itertools import groupby

import torch
from torch import Tensor, nn

# On a GPU: recurrent layers have their weights copied together at every call, which the order here costs them.
warnings.filterwarnings("ignore", message="RNN module weights are not part of single contiguous chunk")


class FlatParameters:
    """Re-homes the parameters of `model` as views of one flat tensor: first the matrices, then the vectors.

    Gradients accumulate into views of a flat tensor as well, so they must be cleared in place (`clear`), never set to
    None. Biases, norms and other vectors get no weight decay (Goyal et al. 2017, section 5.1), hence the order.

    A module may have `rate_factors`: name of a parameter or a part -> factor on the learning rate. Adam's steps do not
    depend on the gradient's size, so this also gives another parametrisation's training without its arithmetic.

    Attributes:
        values: All trained numbers, float32 [n_parameters].
        gradient: Their gradients.
        groups: Views of `values` (with `grad`) as parameters: matrices, then vectors, each by factor.
        decays: For each group, whether weight decay or a penalty is meant for it.
        factors: For each group, the factor on the learning rate.

    Args:
        model: Already on its device; its parameters are replaced in place.
        channels_last: Store convolution kernels with the channel as the innermost axis.
    """

    def __init__(self, model: nn.Module, channels_last: bool = False) -> None:
        self.model = model
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        factors = _factors(model)
        keys = {id(one): (one.dim() <= 1, factors.get(id(one), 1.0)) for one in trained}
        # Sorting is stable: without factors it is matrices, then vectors, each in the model's order.
        ordered = sorted(trained, key=lambda one: keys[id(one)])
        size = sum(parameter.numel() for parameter in ordered)
        self.n_decayed = sum(parameter.numel() for parameter in ordered if parameter.dim() > 1)
        self.values = torch.empty(size, dtype=ordered[0].dtype, device=ordered[0].device)
        self.gradient = torch.zeros_like(self.values)
        start = 0
        for parameter in ordered:
            end = start + parameter.numel()
            kernels = channels_last and parameter.dim() == 4
            view = _shaped(self.values[start:end], parameter.shape, kernels)
            view.copy_(parameter.detach())
            parameter.data = view
            parameter.grad = _shaped(self.gradient[start:end], parameter.shape, kernels)
            start = end
        self.groups: list[nn.Parameter] = []
        self.decays: list[bool] = []
        self.factors: list[float] = []
        start = 0
        for (vector, rate), members in groupby(ordered, key=lambda one: keys[id(one)]):
            end = start + sum(parameter.numel() for parameter in members)
            group = nn.Parameter(self.values[start:end])
            group.grad = self.gradient[start:end]
            self.groups.append(group)
            self.decays.append(not vector)
            self.factors.append(rate)
            start = end

    def clear(self) -> None:
        """Set all gradients to zero."""
        self.gradient.zero_()

    def clip(self, limit: float) -> None:
        """Scale the gradient down to the norm `limit`, without waiting for the device."""
        norm = torch.linalg.vector_norm(self.gradient)
        self.gradient.mul_((limit / (norm + 1e-6)).clamp_(max=1.0))

    def snapshot(self) -> list[Tensor]:
        """Copies of all parameters and buffers of the model."""
        return [self.values.clone(), *(buffer.detach().clone() for buffer in self.model.buffers())]

    def restore(self, snapshot: list[Tensor]) -> None:
        """Write a snapshot back, in place."""
        with torch.no_grad():
            for mine, theirs in zip([self.values, *self.model.buffers()], snapshot, strict=True):
                mine.copy_(theirs)


def _factors(model: nn.Module) -> dict[int, float]:
    """Factor on the learning rate by the parameter's id; those that are not there have factor 1."""
    found: dict[int, float] = {}
    for module in model.modules():
        named = getattr(module, "rate_factors", None)
        for name, factor in named.items() if isinstance(named, dict) else ():
            part = getattr(module, name)
            for parameter in part.parameters() if isinstance(part, nn.Module) else [part]:
                found[id(parameter)] = float(factor)
    return found


def _shaped(flat: Tensor, shape: torch.Size, kernels: bool) -> Tensor:
    if not kernels:
        return flat.view(shape)
    outputs, inputs, height, width = shape
    return flat.view(outputs, height, width, inputs).permute(0, 3, 1, 2)
