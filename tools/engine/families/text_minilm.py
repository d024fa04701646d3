"""Sentence features learned from a billion pairs of sentences, for text tasks with few labels of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from tools.core.records import Modality
from tools.engine.data.dataset import DataSpec, Encoded
from tools.engine.families.family import FAMILIES, Family, Params, Suggest
from tools.engine.training.blocks import output_layer
from tools.engine.training.convex import ConvexLearner
from tools.engine.training.dropout import Dropout
from tools.engine.training.feature_cache import FEATURES
from tools.engine.training.learner import FitContext
from tools.engine.training.loop import TorchLearner
from tools.engine.training.minilm import N_FEATURES, N_LAYERS, WEIGHT_BYTES, Tail, Trunk
from tools.engine.training.network import Network, build_seeded
from tools.engine.training.network_learner import NetworkLearner
from tools.engine.training.precision import bf16_pays, full_precision
from tools.engine.training.recipe import Recipe, epochs_for

_MS = 0.3
"""CPU milliseconds for one piece, measured on one core."""
_MOST_S = 25.0
"""CPU seconds that the features of all texts may take for the family to be worth trying."""
_MEAN_SHARE = 0.6
"""Mean length of the texts as a share of the length that nearly all of them have."""
_MOST_STATES = 150_000
"""Places (texts times length) whose states may be kept in memory to train the last layers: 1.5 KB each."""
_N_TAIL = 2
"""Layers whose input is kept when some of them are trained."""
_ITERATIONS = 200
_STRIDE = 16
"""Texts are read at their own length, rounded up to this."""


class MiniLmNetwork(Network):
    """Pretrained layers, one standardised vector for the text, a linear layer."""

    input_names = ("pieces",)
    chunk_rows = 32

    centre: Tensor
    scale: Tensor

    def __init__(self, params: Params, spec: DataSpec, fitted: dict[str, np.ndarray]) -> None:
        super().__init__()
        n_trained = params.get("tuned_layers", 0)
        self.tuned = n_trained > 0
        self.trunk = Trunk(N_LAYERS - _N_TAIL)
        self.tail = Tail(N_LAYERS - _N_TAIL, N_LAYERS, n_trained, params.get("tuned_rate", 0.0))
        self.register_buffer("centre", torch.as_tensor(fitted["centre"]))
        self.register_buffer("scale", torch.as_tensor(fitted["scale"]))
        self.dropout = Dropout(params.get("dropout", 0.0))
        self.head = output_layer(N_FEATURES, spec.task.n_outputs)
        if "weight" in fitted:
            self.head.load_state_dict({name: torch.as_tensor(fitted[name]) for name in ("weight", "bias")})

    def prepare(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Pieces int64 [n, length] -> their vectors, or the states before the last layers and where they count."""
        pieces = inputs[0]
        there = pieces != 0
        if torch.onnx.is_in_onnx_export() or torch.compiler.is_exporting():
            states = self.trunk(pieces)
            return (states, there) if self.tuned else (self.tail(states, there),)
        if self.tuned:
            return self._by_length("states", pieces), there
        return (self._by_length("features", pieces),)

    def _by_length(self, kind: str, pieces: Tensor) -> Tensor:
        """Read each text at its own length; what comes out depends on no other text."""
        compute = self._states if kind == "states" else self._features
        width = pieces.shape[1]
        lengths = ((pieces != 0).sum(dim=1).clamp_min(1) + _STRIDE - 1) // _STRIDE * _STRIDE
        lengths = lengths.clamp_max(width)
        shape = (len(pieces), width, N_FEATURES) if kind == "states" else (len(pieces), N_FEATURES)
        found: Tensor = torch.zeros(shape, dtype=self.centre.dtype, device=pieces.device)
        for length in sorted(set(lengths.tolist())):
            rows = (lengths == length).nonzero().squeeze(1)
            part = FEATURES.get(kind, pieces[rows, :length], compute)
            if kind == "states":
                found[rows, :length] = part
            else:
                found[rows] = part
        return found

    def _states(self, pieces: Tensor) -> Tensor:
        with torch.no_grad():
            states: Tensor = self.trunk(pieces)
        return states

    def _features(self, pieces: Tensor) -> Tensor:
        with torch.no_grad():
            features: Tensor = self.tail(self.trunk(pieces), pieces != 0)
        return features

    def vectors(self, *prepared: Tensor) -> Tensor:
        """What `prepare` gives -> one vector for each text, [n, N_FEATURES]."""
        if not self.tuned:
            return prepared[0]
        states, there = prepared
        if self.training:  # padding that the whole batch shares costs time and changes nothing
            longest = int(there.sum(dim=1).max())
            states, there = states[:, :longest], there[:, :longest]
        vectors: Tensor = self.tail(states, there)
        return vectors

    def body(self, *prepared: Tensor) -> Tensor:
        """What `prepare` gives -> [n, n_outputs]."""
        scores: Tensor = self.head(self.dropout((self.vectors(*prepared) - self.centre) * self.scale))
        return scores


@FAMILIES.register
class TextMinilm(Family):
    """A linear layer on frozen features of MiniLM-L6, with fine-tuning of its last layers if wanted."""

    name = "text_minilm"
    title: ClassVar[str] = "Pretrained MiniLM-L6"
    modality: ClassVar[Modality] = "text"
    kinds: ClassVar[frozenset[str]] = frozenset({"classification", "regression", "multitask"})
    structure: ClassVar[frozenset[str]] = frozenset()
    source: ClassVar[str] = (
        "Wang et al. (2020), 'MiniLM', section 3; Reimers and Gurevych (2019), 'Sentence-BERT', section 3"
    )

    def fits(self, spec: DataSpec) -> bool:
        """Whether the weights are installed and the texts few enough to be worth the features' time."""
        return super().fits(spec) and spec.piece_length > 0 and _seconds(spec) <= _MOST_S

    def least_bytes(self, spec: DataSpec) -> int:
        """The pretrained weights are in every file."""
        return WEIGHT_BYTES

    def suggest(self, trial: Suggest, spec: DataSpec) -> Params:
        """Strength of the head's penalty, whether and how the last layers learn too."""
        params: Params = {
            "strength": trial.suggest_float("strength", 0.01, 10.0, log=True),
            "tune": trial.suggest_categorical("tune", [False, True] if _tunable(spec) else [False]),
        }
        if params["tune"]:
            params["tuned_layers"] = trial.suggest_int("tuned_layers", 1, _N_TAIL)
            params["tuned_rate"] = trial.suggest_float("tuned_rate", 0.01, 1.0, log=True)
            params["dropout"] = trial.suggest_float("dropout", 0.0, 0.5)
            params["lr"] = trial.suggest_float("lr", 1e-4, 1e-2, log=True)
            params["weight_decay"] = trial.suggest_float("weight_decay", 1e-3, 3.0, log=True)
            params["batch_size"] = trial.suggest_categorical("batch_size", [8, 16, 32, 64])
        return params

    def defaults(self, spec: DataSpec) -> list[Params]:
        """Frozen; the last two layers tuned, or a weaker penalty where that would take too much memory."""
        base: Params = {"strength": 0.8 if spec.n_train < 1000 else 0.2, "tune": False}
        if not _tunable(spec):
            return [base, base | {"strength": 0.05}]
        tuned = {"tuned_layers": 2, "tuned_rate": 0.1, "dropout": 0.1, "lr": 1e-3, "weight_decay": 0.1}
        return [base, base | {"tune": True, **tuned, "batch_size": 16}]

    def learner(
        self, params: Params, spec: DataSpec, train: Encoded | None, validation: Encoded | None, context: FitContext
    ) -> NetworkLearner:
        """A learner for these parameters."""
        fitted = _statistics(spec, train, context)
        if not params["tune"]:
            # The loss of several labels is their mean; the penalty is meant for their sum.
            share = 1 / spec.task.n_outputs if spec.task.multilabel else 1.0
            return ConvexLearner(
                lambda statistics: MiniLmNetwork(params, spec, statistics),
                fitted, "l2", params["strength"] * share * spec.n_train, _ITERATIONS, spec, train, validation, context,
            )  # fmt: skip
        if train is not None and len(train):
            fitted = self._with_head(params, spec, train, context)
        batch_size = params["batch_size"]
        recipe = Recipe(
            lr=params["lr"],
            batch_size=batch_size,
            epochs=epochs_for(spec.n_train, batch_size, steps=150, least=2, most=15),
            weight_decay=params["weight_decay"],
            warmup=0.1,
            patience=8,
            bf16=bf16_pays(context.device, N_FEATURES, batch_size * spec.piece_length),
        )
        return TorchLearner(
            lambda statistics: MiniLmNetwork(params, spec, statistics),
            fitted, recipe, spec, train, validation, context,
        )  # fmt: skip

    def _with_head(self, params: Params, spec: DataSpec, train: Encoded, context: FitContext) -> dict[str, np.ndarray]:
        """Statistics, and the head that is best for the frozen features.

        A head at random would send large errors into the pretrained layers (Kumar et al. 2022, "Fine-Tuning can
        Distort Pretrained Features", section 3.4).
        """
        frozen: Params = {"strength": params["strength"], "tune": False}
        alone = replace(context, score=None, max_epochs=None)
        learner = self.learner(frozen, spec, train, None, alone)
        for _ in learner.reports():
            pass
        network = learner.network
        assert isinstance(network, MiniLmNetwork)
        parts = {
            "centre": network.centre, "scale": network.scale,
            "weight": network.head.weight.detach(), "bias": network.head.bias.detach(),
        }  # fmt: skip
        return {name: part.cpu().numpy().copy() for name, part in parts.items()}


def _seconds(spec: DataSpec) -> float:
    """CPU seconds for the features of the training texts and a validation part."""
    return 1.25 * spec.n_train * _MEAN_SHARE * spec.piece_length * _MS / 1000


def _tunable(spec: DataSpec) -> bool:
    return spec.n_train * spec.piece_length <= _MOST_STATES


def _statistics(spec: DataSpec, train: Encoded | None, context: FitContext) -> dict[str, np.ndarray]:
    """Mean and scale (a factor) of each pretrained feature on the training texts, float32 [N_FEATURES]."""
    neutral = {"centre": np.zeros(N_FEATURES, np.float32), "scale": np.ones(N_FEATURES, np.float32)}
    if train is None or not len(train):
        return neutral
    network = build_seeded(lambda: MiniLmNetwork({}, spec, neutral), 0).to(context.device).eval()
    parts: list[Tensor] = []
    with full_precision(context.device):
        for start in range(0, len(train), network.chunk_rows):
            pieces = torch.from_numpy(train.inputs["pieces"][start : start + network.chunk_rows]).to(context.device)
            parts += network.prepare(pieces)
    features = torch.cat(parts)
    spread = features.std(dim=0, correction=0)
    return {"centre": features.mean(dim=0).cpu().numpy(), "scale": (1.0 / (spread + 0.05)).cpu().numpy()}
