"""A bag of embeddings: fast, small, and hard to beat on short texts."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from tools.core.records import Modality
from tools.engine.data.dataset import DataSpec, Encoded
from tools.engine.families.family import FAMILIES, Family, Params, Suggest
from tools.engine.training.blocks import dense_stack, masked_mean, output_layer
from tools.engine.training.dropout import Dropout
from tools.engine.training.learner import FitContext
from tools.engine.training.loop import TorchLearner
from tools.engine.training.network import Network
from tools.engine.training.recipe import Recipe, epochs_for

_PRIME = 1_000_003
"""Mixes the first token of a pair into the hash; small enough that the product stays an exact int64."""


class BagNetwork(Network):
    """Embeddings of tokens (and of hashed pairs of neighbours), their mean and maximum, dense layers."""

    input_names = ("tokens",)
    chunk_rows = 256

    def __init__(self, params: Params, spec: DataSpec) -> None:
        super().__init__()
        width = params["width"]
        self.pooling, self.buckets = params["pooling"], int(params.get("buckets", 0))
        self.tokens = nn.Embedding(spec.vocab_size, width)
        nn.init.normal_(self.tokens.weight, std=0.1)
        self.pairs: nn.Embedding | None = None
        if self.buckets:
            self.pairs = nn.Embedding(self.buckets, width)
            nn.init.normal_(self.pairs.weight, std=0.05)
        pooled = width * (2 if self.pooling == "both" else 1)
        self.dropout = Dropout(params["dropout"])
        self.dense = dense_stack(pooled, params.get("hidden", pooled), params["layers"], "relu", params["dropout"])
        self.head = output_layer(params.get("hidden", pooled), spec.task.n_outputs)

    def prepare(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Tokens int64 [n, length] -> themselves and, if used, hashed pairs int64 [n, length - 1]."""
        tokens = inputs[0]
        if self.pairs is None:
            return (tokens,)
        return tokens, (tokens[:, :-1] * _PRIME + tokens[:, 1:]) % self.buckets

    def body(self, *prepared: Tensor) -> Tensor:
        """(tokens[, pairs]) -> [n, n_outputs]."""
        tokens = prepared[0]
        x = self.tokens(tokens)
        mask = (tokens != 0).unsqueeze(2).to(x.dtype)
        parts: list[Tensor] = []
        if self.pooling != "max":
            mean = masked_mean(x, mask)
            if self.pairs is not None:
                mean = mean + masked_mean(self.pairs(prepared[1]), mask[:, 1:])
            parts.append(mean)
        if self.pooling != "mean":
            # Padding counts as zero, so an empty text has a value too.
            parts.append((x * mask).amax(dim=1))
        pooled = self.dropout(torch.cat(parts, dim=1) if len(parts) > 1 else parts[0])
        scores: Tensor = self.head(self.dense(pooled))
        return scores


@FAMILIES.register
class TextBag(Family):
    """Averaged word embeddings, with pairs of neighbours where they help."""

    name = "text_bag"
    title: ClassVar[str] = "Bag of embeddings"
    modality: ClassVar[Modality] = "text"
    kinds: ClassVar[frozenset[str]] = frozenset({"classification", "regression", "multitask"})
    structure: ClassVar[frozenset[str]] = frozenset(
        {"width", "pooling", "pair_features", "buckets", "layers", "hidden"}
    )
    source: ClassVar[str] = (
        "Joulin et al. (2017), 'Bag of Tricks for Efficient Text Classification', sections 2 and 2.2"
    )
    turn: ClassVar[int] = 20

    def suggest(self, trial: Suggest, spec: DataSpec) -> Params:
        """Width, pooling, pairs, depth; learning rate, batch, regularisation."""
        params: Params = {
            "width": trial.suggest_categorical("width", [16, 32, 64, 128]),
            "pooling": trial.suggest_categorical("pooling", ["mean", "max", "both"]),
        }
        if params["pooling"] != "max":
            params["pair_features"] = trial.suggest_categorical("pair_features", [True, False])
            if params["pair_features"]:
                params["buckets"] = trial.suggest_categorical("buckets", [2048, 8192, 32768])
        params["layers"] = trial.suggest_int("layers", 0, 2)
        if params["layers"]:
            params["hidden"] = trial.suggest_categorical("hidden", [32, 64, 128])
        params["dropout"] = trial.suggest_float("dropout", 0.0, 0.6)
        params["lr"] = trial.suggest_float("lr", 1e-3, 5e-2, log=True)
        params["weight_decay"] = trial.suggest_float("weight_decay", 1e-4, 1.0, log=True)
        params["batch_size"] = trial.suggest_categorical("batch_size", [16, 32, 64, 128, 256])
        if spec.task.kind == "classification":
            params["label_smoothing"] = trial.suggest_float("label_smoothing", 0.0, 0.2)
        return params

    def defaults(self, spec: DataSpec) -> list[Params]:
        """With pairs; without; the smallest."""
        base: Params = {
            "width": 32,
            "pooling": "mean",
            "pair_features": True,
            "buckets": 8192,
            "layers": 0,
            "dropout": 0.2,
            "lr": 1e-2,
            "weight_decay": 0.05,
            "batch_size": 32 if spec.n_train < 5000 else 64,
        }
        if spec.task.kind == "classification":
            base["label_smoothing"] = 0.05
        single = {name: value for name, value in base.items() if name != "buckets"} | {"pair_features": False}
        return [base, single | {"pooling": "both", "layers": 1, "hidden": 64}, single | {"width": 16}]

    def learner(
        self, params: Params, spec: DataSpec, train: Encoded | None, validation: Encoded | None, context: FitContext
    ) -> TorchLearner:
        """A learner for these parameters."""
        batch_size = params["batch_size"]
        recipe = Recipe(
            lr=params["lr"],
            batch_size=batch_size,
            epochs=epochs_for(spec.n_train, batch_size, steps=2000, least=8, most=40),
            weight_decay=params["weight_decay"],
            patience=10,
            label_smoothing=params.get("label_smoothing", 0.0),
        )
        return TorchLearner(lambda _: BagNetwork(params, spec), {}, recipe, spec, train, validation, context)
