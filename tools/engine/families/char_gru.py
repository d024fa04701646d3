"""A recurrent network that predicts the next character."""

from __future__ import annotations

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
from tools.engine.training.recipe import Recipe, epochs_for
from tools.engine.training.stepwise import Stepwise


class CharGruNetwork(Network):
    """Character embeddings, layers of gated units, and the embedding again as the output layer."""

    input_names = ("tokens",)
    chunk_rows = 64

    def __init__(self, params: Params, spec: DataSpec) -> None:
        super().__init__()
        width, units = params["width"], params["units"]
        self.tokens = nn.Embedding(spec.vocab_size, width)
        nn.init.normal_(self.tokens.weight, std=0.3)
        self.layers = nn.ModuleList(
            nn.GRU(width if index == 0 else units, units, batch_first=True) for index in range(params["layers"])
        )
        for name, weight in self.layers.named_parameters():
            if "weight_hh" in name:
                for gate in weight.data.chunk(3):
                    nn.init.orthogonal_(gate)
        self.dropout = Dropout(params["dropout"])
        self.narrow = nn.Linear(units, width)
        self.bias = nn.Parameter(self.tokens.weight.new_zeros(spec.vocab_size))

    def body(self, *prepared: Tensor) -> Tensor:
        """Tokens int64 [n, length] -> logits [n, length, vocab]."""
        x = self.tokens(prepared[0])
        for layer in self.layers:
            x, _ = layer(self.dropout(x))
        return F.linear(self.narrow(self.dropout(x)), self.tokens.weight, self.bias)

    def stepwise(self) -> Stepwise:
        """With the state of every layer handed on."""
        return GruSteps(self)


class GruSteps(Stepwise):
    """Memory: the state of every layer, [n, layers, units]."""

    def __init__(self, network: CharGruNetwork) -> None:
        super().__init__()
        self.network = network
        self.units = cast(nn.GRU, network.layers[0]).hidden_size
        self.empty = torch.zeros(1, 1, 1)

    def forward(self, tokens: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens after those that `past` has seen."""
        network = self.network
        past = past.expand(tokens.shape[0], len(network.layers), self.units)
        x = network.tokens(tokens)
        states: list[Tensor] = []
        for number, layer in enumerate(network.layers):
            x, state = layer(x, past[:, number].unsqueeze(0).contiguous())
            states.append(state[0])
        return F.linear(network.narrow(x), network.tokens.weight, network.bias), torch.stack(states, dim=1)


@FAMILIES.register
class CharGru(Family):
    """A GRU over characters; small, and quick to learn from little text."""

    name = "char_gru"
    title: ClassVar[str] = "Character-level recurrent network"
    modality: ClassVar[Modality] = "corpus"
    kinds: ClassVar[frozenset[str]] = frozenset({"generation"})
    structure: ClassVar[frozenset[str]] = frozenset({"width", "units", "layers"})
    source: ClassVar[str] = (
        "Cho et al. (2014), 'Learning Phrase Representations using RNN Encoder-Decoder', section 2.3; one matrix for "
        "input and output: Press and Wolf (2017), 'Using the Output Embedding', section 3; orthogonal start: Saxe et "
        "al. (2014), section 3"
    )

    def suggest(self, trial: Suggest, spec: DataSpec) -> Params:
        """Widths and layers; learning rate, batch, regularisation."""
        return {
            "width": trial.suggest_categorical("width", [16, 32, 64, 128]),
            "units": trial.suggest_categorical("units", [64, 96, 128, 192, 256, 384]),
            "layers": trial.suggest_int("layers", 1, 3),
            "dropout": trial.suggest_float("dropout", 0.0, 0.4),
            "lr": trial.suggest_float("lr", 5e-4, 2e-2, log=True),
            "weight_decay": trial.suggest_float("weight_decay", 1e-4, 0.3, log=True),
            "batch_size": trial.suggest_categorical("batch_size", [8, 16, 32, 64]),
            "schedule": trial.suggest_categorical("schedule", ["cosine", "flat"]),
        }

    def defaults(self, spec: DataSpec) -> list[Params]:
        """A quick one first; larger with more text."""
        small: Params = {
            "width": 32,
            "units": 128,
            "layers": 1,
            "dropout": 0.0,
            "lr": 8e-3,
            "weight_decay": 0.01,
            "batch_size": 16,
            "schedule": "flat",
        }
        large = small | {"width": 64, "units": 256, "lr": 4e-3, "dropout": 0.1}
        characters = spec.n_train * max(1, spec.sequence_length)
        return [large, small] if characters > 2_000_000 else [small, large]

    def learner(
        self, params: Params, spec: DataSpec, train: Encoded | None, validation: Encoded | None, context: FitContext
    ) -> TorchLearner:
        """A learner for these parameters."""
        batch_size = params["batch_size"]
        recipe = Recipe(
            lr=params["lr"],
            batch_size=batch_size,
            epochs=epochs_for(spec.n_train, batch_size, steps=3000, least=2, most=40),
            weight_decay=params["weight_decay"],
            schedule=params["schedule"],
            patience=4,
        )
        return TorchLearner(lambda _: CharGruNetwork(params, spec), {}, recipe, spec, train, validation, context)
