"""A small transformer that reads whole texts."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from tools.core.records import Modality
from tools.engine.data.dataset import DataSpec, Encoded
from tools.engine.families.family import FAMILIES, Family, Params, Suggest
from tools.engine.training.attention import EncoderBlock
from tools.engine.training.blocks import MOST_WORDS, masked_mean, output_layer
from tools.engine.training.dropout import Dropout
from tools.engine.training.learner import FitContext
from tools.engine.training.loop import TorchLearner
from tools.engine.training.network import Network
from tools.engine.training.precision import bf16_pays
from tools.engine.training.recipe import Recipe, epochs_for


class TextTransformerNetwork(Network):
    """Word and position embeddings, attention blocks that do not look at padding, the mean over words."""

    input_names = ("tokens",)
    chunk_rows = 64

    def __init__(self, params: Params, spec: DataSpec) -> None:
        super().__init__()
        width = params["heads"] * params["head_width"]
        self.tokens = nn.Embedding(spec.vocab_size, width)
        self.positions = nn.Embedding(_length(spec), width)
        nn.init.normal_(self.tokens.weight, std=0.1)
        nn.init.normal_(self.positions.weight, std=0.02)
        self.blocks = nn.ModuleList(
            EncoderBlock(width, params["heads"], params["widening"], params["dropout"], params["layers"])
            for _ in range(params["layers"])
        )
        self.norm = nn.LayerNorm(width)
        self.before, self.after = Dropout(params["embedding_dropout"]), Dropout(params["dropout"])
        self.head = output_layer(width, spec.task.n_outputs)

    def prepare(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Tokens int64 [n, length], length at most the training length -> the first of them."""
        return (inputs[0][:, :MOST_WORDS],)

    def body(self, *prepared: Tensor) -> Tensor:
        """Tokens int64 [n, length] -> [n, n_outputs]."""
        tokens = prepared[0]
        there = tokens != 0
        places = self.positions(torch.arange(tokens.shape[1], device=tokens.device))
        x = self.before(self.tokens(tokens) + places)
        # Large and finite, so that a text without words attends to its padding instead of giving NaN.
        mask = (there.to(x.dtype) - 1.0)[:, None, None, :] * 1e4
        for block in self.blocks:
            x = block(x, mask)
        scores: Tensor = self.head(self.after(masked_mean(self.norm(x), there.unsqueeze(2).to(x.dtype))))
        return scores


def _length(spec: DataSpec) -> int:
    """Words of a text that are read."""
    return max(1, min(spec.sequence_length, MOST_WORDS))


@FAMILIES.register
class TextTransformer(Family):
    """A transformer encoder over words, trained from scratch."""

    name = "text_transformer"
    title: ClassVar[str] = "Small text transformer"
    modality: ClassVar[Modality] = "text"
    kinds: ClassVar[frozenset[str]] = frozenset({"classification", "regression", "multitask"})
    structure: ClassVar[frozenset[str]] = frozenset({"layers", "heads", "head_width", "widening"})
    source: ClassVar[str] = (
        "Vaswani et al. (2017), 'Attention Is All You Need', section 3; normalisation before each part: Xiong et al. "
        "(2020), 'On Layer Normalization in the Transformer Architecture', section 3"
    )
    turn: ClassVar[int] = 60

    def suggest(self, trial: Suggest, spec: DataSpec) -> Params:
        """Layers, heads and widths; learning rate, batch, regularisation."""
        params: Params = {
            "layers": trial.suggest_int("layers", 1, 4),
            "heads": trial.suggest_categorical("heads", [2, 4]),
            "head_width": trial.suggest_categorical("head_width", [8, 16, 32]),
            "widening": trial.suggest_int("widening", 1, 4),
            "embedding_dropout": trial.suggest_float("embedding_dropout", 0.0, 0.6),
            "dropout": trial.suggest_float("dropout", 0.0, 0.5),
            "lr": trial.suggest_float("lr", 2e-4, 1e-2, log=True),
            "weight_decay": trial.suggest_float("weight_decay", 1e-3, 1.0, log=True),
            "batch_size": trial.suggest_categorical("batch_size", [16, 32, 64, 128]),
        }
        if spec.task.kind == "classification":
            params["label_smoothing"] = trial.suggest_float("label_smoothing", 0.0, 0.2)
        return params

    def defaults(self, spec: DataSpec) -> list[Params]:
        """Two layers, and one narrow layer."""
        base: Params = {
            "layers": 1,
            "heads": 4,
            "head_width": 16,
            "widening": 2,
            "embedding_dropout": 0.3,
            "dropout": 0.2,
            "lr": 2e-3,
            "weight_decay": 0.1,
            "batch_size": 16 if spec.n_train < 1000 else 32,
        }
        if spec.task.kind == "classification":
            base["label_smoothing"] = 0.05
        return [base, base | {"layers": 2, "head_width": 8}]

    def learner(
        self, params: Params, spec: DataSpec, train: Encoded | None, validation: Encoded | None, context: FitContext
    ) -> TorchLearner:
        """A learner for these parameters."""
        batch_size = params["batch_size"]
        width = params["heads"] * params["head_width"]
        steps = max(200, min(1000, 100_000 // _length(spec)))
        recipe = Recipe(
            lr=params["lr"],
            batch_size=batch_size,
            epochs=epochs_for(spec.n_train, batch_size, steps=steps, least=3, most=30),
            weight_decay=params["weight_decay"],
            warmup=0.1,
            patience=8,
            label_smoothing=params.get("label_smoothing", 0.0),
            bf16=bf16_pays(context.device, 2 * width, batch_size * _length(spec)),
        )
        return TorchLearner(
            lambda _: TextTransformerNetwork(params, spec), {}, recipe, spec, train, validation, context
        )
