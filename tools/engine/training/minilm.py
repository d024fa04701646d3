"""The sentence encoder all-MiniLM-L6-v2 with the weights that its package ships: BERT with six narrow layers."""

from __future__ import annotations

import json
import math
import struct
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tools.engine.data.wordpiece import read_member
from tools.engine.training.blocks import masked_mean

N_FEATURES = 384
N_LAYERS = 6
WEIGHT_BYTES = 4 * 22_564_608
"""Of all the weights that are used."""
_HEADS = 12
_EPSILON = 1e-12


@cache
def _weights() -> dict[str, Tensor]:
    """Name -> float32 tensor, read once per process and shared by every model in it.

    The file is in the safetensors format: 8 bytes with the header's length, the header (JSON: shape and place of each
    tensor), the numbers.
    """
    content = bytearray(read_member("model.safetensors"))
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(bytes(content[8 : 8 + size]))
    found: dict[str, Tensor] = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        start, end = entry["data_offsets"]
        numbers = np.frombuffer(content, "<f4", (end - start) // 4, 8 + size + start)
        found[name] = torch.from_numpy(numbers).view(entry["shape"])
    return found


def _fixed(name: str) -> nn.Parameter:
    return nn.Parameter(_weights()[name], requires_grad=False)


class Linear(nn.Module):
    """A pretrained linear layer.

    Its weights never move: what is trained is a difference from them, scaled by `rate`. So weight decay pulls towards
    the pretrained weights and not towards zero (L2-SP, Li et al. 2018, section 3), and the learning rate of these
    layers is the head's times `rate`.
    """

    def __init__(self, name: str, trained: bool, rate: float) -> None:
        super().__init__()
        self.weight, self.bias = _fixed(f"{name}.weight"), _fixed(f"{name}.bias")
        self.change = nn.Parameter(torch.zeros_like(self.weight)) if trained else None
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """[..., in] -> [..., out]."""
        weight = self.weight if self.change is None else self.weight + self.rate * self.change
        return F.linear(x, weight, self.bias)


class Norm(nn.Module):
    """A pretrained layer normalisation."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.weight, self.bias = _fixed(f"{name}.weight"), _fixed(f"{name}.bias")

    def forward(self, x: Tensor) -> Tensor:
        """[..., N_FEATURES] -> same shape."""
        return F.layer_norm(x, (N_FEATURES,), self.weight, self.bias, _EPSILON)


class Layer(nn.Module):
    """Attention and a feed-forward part, each added to its input and normalised (Vaswani et al. 2017, section 3.1)."""

    def __init__(self, index: int, trained: bool, rate: float) -> None:
        super().__init__()
        name = f"encoder.layer.{index}"
        self.query, self.key, self.value = (
            Linear(f"{name}.attention.self.{part}", trained, rate) for part in ("query", "key", "value")
        )
        self.merge = Linear(f"{name}.attention.output.dense", trained, rate)
        self.norm_attention = Norm(f"{name}.attention.output.LayerNorm")
        self.widen = Linear(f"{name}.intermediate.dense", trained, rate)
        self.narrow = Linear(f"{name}.output.dense", trained, rate)
        self.norm_dense = Norm(f"{name}.output.LayerNorm")

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """[n, length, N_FEATURES] and what is added to the attention, [n, 1, 1, length] -> same shape as x."""
        query, key, value = (
            part(x).unflatten(2, (_HEADS, N_FEATURES // _HEADS)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        x = self.norm_attention(x + self.merge(seen.transpose(1, 2).flatten(2)))
        y: Tensor = self.norm_dense(x + self.narrow(F.gelu(self.widen(x))))
        return y


class Trunk(nn.Module):
    """Embeddings and the first `n_layers` layers; nothing in it is trained."""

    def __init__(self, n_layers: int) -> None:
        super().__init__()
        self.words = _fixed("embeddings.word_embeddings.weight")
        places = _weights()["embeddings.position_embeddings.weight"]
        # Every text is one segment, so the first segment's vector is added to every place.
        segment = _weights()["embeddings.token_type_embeddings.weight"][0]
        self.places = nn.Parameter(places + segment, requires_grad=False)
        self.norm = Norm("embeddings.LayerNorm")
        self.layers = nn.ModuleList(Layer(index, False, 0.0) for index in range(n_layers))

    def forward(self, pieces: Tensor) -> Tensor:
        """Pieces int64 [n, length] -> states [n, length, N_FEATURES]."""
        x: Tensor = self.norm(F.embedding(pieces, self.words) + self.places[: pieces.shape[1]])
        mask = attention_mask(pieces != 0, x.dtype)
        for layer in self.layers:
            x = layer(x, mask)
        return x


class Tail(nn.Module):
    """The layers from `first` on, of which the last `n_trained` are trained; then one vector for the whole text.

    The vector is the mean over pieces, scaled to the mean square 1 (Reimers and Gurevych 2019, section 3, with the
    normalisation of the released model; there the squares' sum is 1).
    """

    def __init__(self, first: int, n_layers: int, n_trained: int, rate: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            Layer(index, index >= n_layers - n_trained, rate) for index in range(first, n_layers)
        )

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        """States [n, length, N_FEATURES] and where there are pieces, bool [n, length] -> [n, N_FEATURES]."""
        mask = attention_mask(there, x.dtype)
        for layer in self.layers:
            x = layer(x, mask)
        return F.normalize(masked_mean(x, there.unsqueeze(2).to(x.dtype)), dim=1) * math.sqrt(N_FEATURES)


def attention_mask(there: Tensor, dtype: torch.dtype) -> Tensor:
    """Where there are pieces, bool [n, length] -> what is added to the attention, [n, 1, 1, length]."""
    return (there.to(dtype) - 1.0)[:, None, None, :] * 1e4
