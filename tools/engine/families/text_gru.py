"""A recurrent network that reads a text in both directions."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from tools.core.records import Modality
from tools.engine.data.dataset import DataSpec, Encoded
from tools.engine.families.family import FAMILIES, Family, Params, Suggest
from tools.engine.training.blocks import MOST_WORDS, masked_mean, output_layer
from tools.engine.training.dropout import Dropout
from tools.engine.training.learner import FitContext
from tools.engine.training.loop import TorchLearner
from tools.engine.training.network import Network
from tools.engine.training.recipe import Recipe, epochs_for


class TextGruNetwork(Network):
    """Embeddings, recurrent layers in each direction, mean and maximum of their states, a linear layer.

    Each direction has its own layers from the embeddings on. The backward one reads the words in reverse order and
    the padding last, so padding never changes a text's score (and no packed sequences are needed, which cannot be
    exported).
    """

    input_names = ("tokens",)
    chunk_rows = 128

    def __init__(self, params: Params, spec: DataSpec) -> None:
        super().__init__()
        width, units, layers = params["width"], params["units"], params["layers"]
        self.tokens = nn.Embedding(spec.vocab_size, width)
        nn.init.normal_(self.tokens.weight, std=0.3)
        self.in_order = nn.GRU(width, units, num_layers=layers, batch_first=True)
        self.in_reverse = nn.GRU(width, units, num_layers=layers, batch_first=True)
        self.before, self.after = Dropout(params["embedding_dropout"]), Dropout(params["dropout"])
        self.head = output_layer(4 * units, spec.task.n_outputs)

    def prepare(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Tokens int64 [n, length] -> the first of them, and the same words in reverse order, padding still last."""
        tokens = inputs[0][:, :MOST_WORDS]
        there = tokens != 0
        places = torch.arange(tokens.shape[1], device=tokens.device)
        mirrored = there.sum(dim=1, keepdim=True) - 1 - places
        return tokens, torch.gather(tokens, 1, torch.where(mirrored >= 0, mirrored, places))

    def body(self, *prepared: Tensor) -> Tensor:
        """(tokens, reversed tokens) -> [n, n_outputs]."""
        tokens, mirrored = prepared
        there = (tokens != 0).unsqueeze(2).to(self.head.weight.dtype)
        onward, _ = self.in_order(self.before(self.tokens(tokens)))
        backward, _ = self.in_reverse(self.before(self.tokens(mirrored)))
        states = torch.cat([onward, backward], dim=2)
        # States lie in (-1, 1): two less is never the maximum, unless there is no word at all.
        highest = (states - 2 * (1 - there)).amax(dim=1).clamp_min(-1.0)
        scores: Tensor = self.head(self.after(torch.cat([masked_mean(states, there), highest], dim=1)))
        return scores


@FAMILIES.register
class TextGru(Family):
    """A bidirectional GRU over word embeddings."""

    name = "text_gru"
    title: ClassVar[str] = "Recurrent text network"
    modality: ClassVar[Modality] = "text"
    kinds: ClassVar[frozenset[str]] = frozenset({"classification", "regression", "multitask"})
    structure: ClassVar[frozenset[str]] = frozenset({"width", "units", "layers"})
    source: ClassVar[str] = (
        "Cho et al. (2014), 'Learning Phrase Representations using RNN Encoder-Decoder', section 2.3; "
        "Schuster and Paliwal (1997), 'Bidirectional Recurrent Neural Networks', section II"
    )
    turn: ClassVar[int] = 60

    def suggest(self, trial: Suggest, spec: DataSpec) -> Params:
        """Widths and layers; learning rate, batch, regularisation."""
        params: Params = {
            "width": trial.suggest_categorical("width", [16, 32, 64, 128]),
            "units": trial.suggest_categorical("units", [16, 32, 64, 96]),
            "layers": trial.suggest_int("layers", 1, 2),
            "embedding_dropout": trial.suggest_float("embedding_dropout", 0.0, 0.6),
            "dropout": trial.suggest_float("dropout", 0.0, 0.6),
            "lr": trial.suggest_float("lr", 5e-4, 2e-2, log=True),
            "weight_decay": trial.suggest_float("weight_decay", 1e-4, 1.0, log=True),
            "batch_size": trial.suggest_categorical("batch_size", [16, 32, 64, 128]),
        }
        if spec.task.kind == "classification":
            params["label_smoothing"] = trial.suggest_float("label_smoothing", 0.0, 0.2)
        return params

    def defaults(self, spec: DataSpec) -> list[Params]:
        """A middle size, and a small fast one; larger batches for more texts."""
        base: Params = {
            "width": 64,
            "units": 32,
            "layers": 1,
            "embedding_dropout": 0.3,
            "dropout": 0.3,
            "lr": 5e-3,
            "weight_decay": 0.05,
            "batch_size": 16 if spec.n_train < 1000 else 64,
        }
        if spec.task.kind == "classification":
            base["label_smoothing"] = 0.05
        return [base, base | {"width": 32, "units": 16}]

    def learner(
        self, params: Params, spec: DataSpec, train: Encoded | None, validation: Encoded | None, context: FitContext
    ) -> TorchLearner:
        """A learner for these parameters."""
        batch_size = params["batch_size"]
        # A step takes as long as the text: long texts get fewer steps.
        steps = max(150, min(800, 40_000 // max(1, min(spec.sequence_length, MOST_WORDS))))
        recipe = Recipe(
            lr=params["lr"],
            batch_size=batch_size,
            epochs=epochs_for(spec.n_train, batch_size, steps=steps, least=3, most=30),
            weight_decay=params["weight_decay"],
            patience=8,
            label_smoothing=params.get("label_smoothing", 0.0),
        )
        return TorchLearner(lambda _: TextGruNetwork(params, spec), {}, recipe, spec, train, validation, context)
