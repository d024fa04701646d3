"""A small convolutional network for texts: finds phrases wherever they stand."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from tools.core.records import Modality
from tools.engine.data.dataset import DataSpec, Encoded
from tools.engine.families.family import FAMILIES, Family, Params, Suggest
from tools.engine.training.blocks import MOST_WORDS, output_layer
from tools.engine.training.dropout import Dropout
from tools.engine.training.learner import FitContext
from tools.engine.training.loop import TorchLearner
from tools.engine.training.network import Network
from tools.engine.training.precision import bf16_pays
from tools.engine.training.recipe import Recipe, epochs_for

_KERNELS = {"2-3": (2, 3), "3-4-5": (3, 4, 5), "1-2-3-4": (1, 2, 3, 4)}


class TextCnnNetwork(Network):
    """Embeddings, convolutions of several lengths, the strongest answer of each filter, a linear layer."""

    input_names = ("tokens",)
    chunk_rows = 256

    def __init__(self, params: Params, spec: DataSpec) -> None:
        super().__init__()
        width, filters = params["width"], params["filters"]
        self.tokens = nn.Embedding(spec.vocab_size, width)
        nn.init.normal_(self.tokens.weight, std=0.3)
        kernels = _KERNELS[params["kernels"]]
        # "same" padding: a filter longer than the text still has a place.
        self.filters = nn.ModuleList(nn.Conv1d(width, filters, kernel, padding=kernel // 2) for kernel in kernels)
        self.before, self.after = Dropout(params["embedding_dropout"]), Dropout(params["dropout"])
        self.head = output_layer(filters * len(kernels), spec.task.n_outputs)

    def prepare(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Tokens int64 [n, length] -> the first of them."""
        return (inputs[0][:, :MOST_WORDS],)

    def body(self, *prepared: Tensor) -> Tensor:
        """Tokens int64 [n, length] -> [n, n_outputs]."""
        tokens = prepared[0]
        there = (tokens != 0).unsqueeze(1)
        x = self.before(self.tokens(tokens)).transpose(1, 2) * there.to(self.head.weight.dtype)
        # The rectifier makes every answer at least 0, so the maximum needs no mask for padding.
        found = [torch.relu(convolution(x)).amax(dim=2) for convolution in self.filters]
        scores: Tensor = self.head(self.after(torch.cat(found, dim=1)))
        return scores


@FAMILIES.register
class TextCnn(Family):
    """Convolutions of several lengths over word embeddings."""

    name = "text_cnn"
    title: ClassVar[str] = "Convolutional text network"
    modality: ClassVar[Modality] = "text"
    kinds: ClassVar[frozenset[str]] = frozenset({"classification", "regression", "multitask"})
    structure: ClassVar[frozenset[str]] = frozenset({"width", "filters", "kernels"})
    source: ClassVar[str] = "Kim (2014), 'Convolutional Neural Networks for Sentence Classification', section 2"
    turn: ClassVar[int] = 30

    def suggest(self, trial: Suggest, spec: DataSpec) -> Params:
        """Width, filters and their lengths; learning rate, batch, regularisation."""
        params: Params = {
            "width": trial.suggest_categorical("width", [16, 32, 64, 128]),
            "filters": trial.suggest_categorical("filters", [16, 32, 64, 128]),
            "kernels": trial.suggest_categorical("kernels", list(_KERNELS)),
            "embedding_dropout": trial.suggest_float("embedding_dropout", 0.0, 0.5),
            "dropout": trial.suggest_float("dropout", 0.0, 0.6),
            "lr": trial.suggest_float("lr", 3e-4, 2e-2, log=True),
            "weight_decay": trial.suggest_float("weight_decay", 1e-4, 1.0, log=True),
            "batch_size": trial.suggest_categorical("batch_size", [16, 32, 64, 128, 256]),
        }
        if spec.task.kind == "classification":
            params["label_smoothing"] = trial.suggest_float("label_smoothing", 0.0, 0.2)
        return params

    def defaults(self, spec: DataSpec) -> list[Params]:
        """A middle size, and a small fast one."""
        base: Params = {
            "width": 64,
            "filters": 64,
            "kernels": "2-3",
            "embedding_dropout": 0.1,
            "dropout": 0.3,
            "lr": 3e-3,
            "weight_decay": 0.05,
            "batch_size": 32 if spec.n_train < 5000 else 64,
        }
        if spec.task.kind == "classification":
            base["label_smoothing"] = 0.05
        return [base, base | {"width": 32, "filters": 32, "kernels": "3-4-5"}]

    def learner(
        self, params: Params, spec: DataSpec, train: Encoded | None, validation: Encoded | None, context: FitContext
    ) -> TorchLearner:
        """A learner for these parameters."""
        batch_size = params["batch_size"]
        recipe = Recipe(
            lr=params["lr"],
            batch_size=batch_size,
            epochs=epochs_for(spec.n_train, batch_size, steps=1200, least=5, most=30),
            weight_decay=params["weight_decay"],
            patience=8,
            label_smoothing=params.get("label_smoothing", 0.0),
            bf16=bf16_pays(context.device, 3 * params["width"], batch_size * min(spec.sequence_length, MOST_WORDS))
            and params["filters"] >= 64,
        )
        return TorchLearner(lambda _: TextCnnNetwork(params, spec), {}, recipe, spec, train, validation, context)
