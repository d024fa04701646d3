"""A small causal transformer that predicts the next character."""

from __future__ import annotations

import math
from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tools.core.records import Modality
from tools.engine.data.dataset import DataSpec, Encoded
from tools.engine.families.family import FAMILIES, Family, Params, Suggest
from tools.engine.training.dropout import Dropout
from tools.engine.training.learner import FitContext
from tools.engine.training.loop import TorchLearner
from tools.engine.training.network import Network
from tools.engine.training.precision import bf16_pays
from tools.engine.training.recipe import Recipe, epochs_for
from tools.engine.training.stepwise import Stepwise


class Block(nn.Module):
    """Causal attention and a feed-forward part, each normalised before and added to the stream."""

    def __init__(self, width: int, heads: int, dropout: float, layers: int) -> None:
        super().__init__()
        self.heads, self.depth = heads, width // heads
        self.norm_attention, self.norm_dense = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.merge = nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.dropout = Dropout(dropout)
        for linear in (self.query_key_value, self.widen, self.merge, self.narrow):
            nn.init.normal_(linear.weight, std=0.02)
            nn.init.zeros_(linear.bias)
        for linear in (self.merge, self.narrow):  # they write to the stream, once per layer (GPT-2, section 2.3)
            nn.init.normal_(linear.weight, std=0.02 / math.sqrt(2 * layers))

    def forward(self, x: Tensor) -> Tensor:
        """[n, length, width] -> same shape."""
        query, key, value = self._split(x)
        return self._rest(x, F.scaled_dot_product_attention(query, key, value, is_causal=True))

    def step(self, x: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The same after earlier places.

        Args:
            x: [n, length, width].
            keys: Of the earlier places, [n, heads, places, depth].
            values: Of the same.
            mask: What is added to the attention, [length, places + length].

        Returns:
            (x, keys, values), those of `x` included.
        """
        query, key, value = self._split(x)
        key, value = torch.cat([keys, key], dim=2), torch.cat([values, value], dim=2)
        return self._rest(x, F.scaled_dot_product_attention(query, key, value, attn_mask=mask)), key, value

    def _split(self, x: Tensor) -> tuple[Tensor, ...]:
        split = self.query_key_value(self.norm_attention(x)).unflatten(2, (3, self.heads, self.depth))
        parts: tuple[Tensor, ...] = split.permute(2, 0, 3, 1, 4).unbind(0)
        return parts

    def _rest(self, x: Tensor, seen: Tensor) -> Tensor:
        x = x + self.dropout(self.merge(seen.transpose(1, 2).flatten(2)))
        y: Tensor = x + self.dropout(self.narrow(F.gelu(self.widen(self.norm_dense(x)))))
        return y


class GptNetwork(Network):
    """Token and position embeddings, blocks, and the token embedding again as the output layer."""

    input_names = ("tokens",)
    chunk_rows = 32

    def __init__(self, params: Params, spec: DataSpec) -> None:
        super().__init__()
        width = params["heads"] * params["head_width"]
        self.tokens = nn.Embedding(spec.vocab_size, width)
        self.positions = nn.Embedding(max(1, spec.sequence_length), width)
        nn.init.normal_(self.tokens.weight, std=0.02)
        nn.init.normal_(self.positions.weight, std=0.02)
        layers, dropout = params["layers"], params["dropout"]
        self.blocks = nn.ModuleList(Block(width, params["heads"], dropout, layers) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.dropout = Dropout(dropout)

    def body(self, *prepared: Tensor) -> Tensor:
        """Tokens int64 [n, length], length at most the training length -> logits [n, length, vocab]."""
        tokens = prepared[0]
        places = self.positions(torch.arange(tokens.shape[1], device=tokens.device))
        x = self.dropout(self.tokens(tokens) + places)
        for block in self.blocks:
            x = block(x)
        return F.linear(self.norm(x), self.tokens.weight)

    def stepwise(self) -> Stepwise:
        """With the keys and values of earlier places kept."""
        return GptSteps(self)


class GptSteps(Stepwise):
    """Memory: the keys and values of every layer, [n, 2 * layers * heads, places, head width].

    Source: Pope et al. (2023), "Efficiently Scaling Transformer Inference", section 2.1.
    """

    def __init__(self, network: GptNetwork) -> None:
        super().__init__()
        self.network = network
        block = cast(Block, network.blocks[0])
        self.heads = block.heads
        self.empty = torch.zeros(1, 2 * len(network.blocks) * block.heads, 0, block.depth)

    def forward(self, tokens: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens at the places after those of `past`."""
        network, before = self.network, past.shape[2]
        past = past.expand(tokens.shape[0], -1, -1, -1)
        places = torch.arange(before + tokens.shape[1], device=tokens.device)
        own = places[before:]
        # Large and finite, as everywhere: a place sees itself and what was before it.
        mask = (places[None, :] > own[:, None]).to(past.dtype) * -1e4
        x = network.tokens(tokens) + network.positions(own)
        kept: list[Tensor] = []
        for number, block in enumerate(network.blocks):
            start = 2 * number * self.heads
            earlier = past[:, start : start + self.heads], past[:, start + self.heads : start + 2 * self.heads]
            x, key, value = cast(Block, block).step(x, *earlier, mask)
            kept += [key, value]
        return F.linear(network.norm(x), network.tokens.weight), torch.cat(kept, dim=1)


@FAMILIES.register
class CharGpt(Family):
    """A decoder-only transformer over characters."""

    name = "char_gpt"
    title: ClassVar[str] = "Character-level GPT"
    modality: ClassVar[Modality] = "corpus"
    kinds: ClassVar[frozenset[str]] = frozenset({"generation"})
    structure: ClassVar[frozenset[str]] = frozenset({"layers", "heads", "head_width"})
    source: ClassVar[str] = "Radford et al. (2019), 'Language Models are Unsupervised Multitask Learners', section 2.3"

    def suggest(self, trial: Suggest, spec: DataSpec) -> Params:
        """Depth, heads and their width; learning rate, batch, regularisation."""
        return {
            "layers": trial.suggest_int("layers", 1, 8),
            "heads": trial.suggest_categorical("heads", [2, 4, 6, 8]),
            "head_width": trial.suggest_categorical("head_width", [16, 32, 64]),
            "dropout": trial.suggest_float("dropout", 0.0, 0.4),
            "lr": trial.suggest_float("lr", 3e-4, 1e-2, log=True),
            "weight_decay": trial.suggest_float("weight_decay", 1e-3, 0.3, log=True),
            "batch_size": trial.suggest_categorical("batch_size", [8, 16, 32, 64]),
            "schedule": trial.suggest_categorical("schedule", ["cosine", "flat"]),
        }

    def defaults(self, spec: DataSpec) -> list[Params]:
        """Larger with more text; always with a small one that gives something within seconds."""
        small: Params = {
            "layers": 2,
            "heads": 4,
            "head_width": 16,
            "dropout": 0.0,
            "lr": 5e-3,
            "weight_decay": 0.1,
            "batch_size": 16,
            "schedule": "flat",
        }
        middle = small | {"layers": 4, "head_width": 32, "lr": 2e-3, "dropout": 0.1}
        characters = spec.n_train * max(1, spec.sequence_length)
        return [middle, small] if characters > 2_000_000 else [small, middle]

    def learner(
        self, params: Params, spec: DataSpec, train: Encoded | None, validation: Encoded | None, context: FitContext
    ) -> TorchLearner:
        """A learner for these parameters."""
        batch_size = params["batch_size"]
        width = params["heads"] * params["head_width"]
        recipe = Recipe(
            lr=params["lr"],
            batch_size=batch_size,
            epochs=epochs_for(spec.n_train, batch_size, steps=3000, least=2, most=40),
            weight_decay=params["weight_decay"],
            schedule=params["schedule"],
            patience=4,
            bf16=bf16_pays(context.device, 2 * width, batch_size * max(1, spec.sequence_length)),
        )
        return TorchLearner(lambda _: GptNetwork(params, spec), {}, recipe, spec, train, validation, context)
