"""Features learned from a million photographs, for image tasks with few pictures of their own."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from tools.core.records import Modality
from tools.engine.data.dataset import DataSpec, Encoded
from tools.engine.families.family import FAMILIES, Family, Params, Suggest
from tools.engine.training.batches import Batches
from tools.engine.training.blocks import output_layer
from tools.engine.training.dropout import Dropout
from tools.engine.training.efficientnet import N_FEATURES, Tail, Trunk, weights_path
from tools.engine.training.feature_cache import FEATURES
from tools.engine.training.learner import FitContext
from tools.engine.training.loop import TorchLearner
from tools.engine.training.network import Network, build_seeded
from tools.engine.training.precision import full_precision
from tools.engine.training.recipe import Recipe, epochs_for

_MS = {32: 1.4, 48: 2.0, 64: 2.6, 96: 4.6, 128: 7.9, 160: 13.0, 224: 30.0}
"""Resolution -> CPU milliseconds for one picture, measured on one core."""
_DEFAULT_S, _MOST_S, _LEAST_S = 8.0, 30.0, 12.0
"""CPU seconds for the features of all pictures: what a default may take, what the search may try, and what the
smallest resolution may take for the family to be worth trying at all."""
_LARGEST_ZOOM = 6
_HEAD_SHARE = 0.3
"""Share of a fine-tuning in which only the head learns."""
_N_TAIL = 3
"""Blocks whose input is cached when some of them are trained."""


class TransferNetwork(Network):
    """Resize, pretrained layers, standardised features, a linear layer."""

    input_names = ("pixels",)
    chunk_rows = 32

    centre: Tensor
    scale: Tensor

    def __init__(self, params: Params, spec: DataSpec, fitted: dict[str, np.ndarray]) -> None:
        super().__init__()
        n_trained = params.get("tuned_blocks", 0)
        self.resolution, self.tuned, self.head_only = params["resolution"], n_trained > 0, False
        self.trunk = Trunk(_N_TAIL)
        self.tail = Tail(_N_TAIL, n_trained, params.get("tuned_rate", 0.0))
        self.register_buffer("centre", torch.as_tensor(fitted["centre"]))
        self.register_buffer("scale", torch.as_tensor(fitted["scale"]))
        self.dropout = Dropout(params["dropout"])
        self.head = output_layer(N_FEATURES, spec.task.n_outputs)

    def prepare(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """uint8 pixels -> what the frozen layers make of them: features, or the map before the last blocks."""
        pixels = inputs[0]
        if torch.onnx.is_in_onnx_export() or torch.compiler.is_exporting():
            found = self._map(pixels)
            return (found if self.tuned else self.tail(found),)
        if self.tuned:
            return (FEATURES.get(("map", self.resolution), pixels, self._map),)
        return (FEATURES.get(("features", self.resolution), pixels, self._features),)

    def _features(self, pixels: Tensor) -> Tensor:
        # Through the cache of maps: a search that tries both kinds pays for the larger part once.
        with torch.no_grad():
            found: Tensor = self.tail(FEATURES.get(("map", self.resolution), pixels, self._map))
        return found

    def _map(self, pixels: Tensor) -> Tensor:
        x = pixels[:, :3] if pixels.shape[1] >= 3 else pixels[:, :1]
        x = (x.to(self.centre.dtype) - 127.0) / 128.0
        size = (self.resolution, self.resolution)
        if tuple(x.shape[2:]) != size:
            x = nn.functional.interpolate(x, size=size, mode="bilinear", align_corners=False)
        with torch.no_grad():
            found: Tensor = self.trunk(x.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last))
        return found

    def body(self, *prepared: Tensor) -> Tensor:
        """[n, N_FEATURES], or the map [n, channels, h, w] -> [n, n_outputs]."""
        features = prepared[0]
        if self.tuned:
            with torch.set_grad_enabled(torch.is_grad_enabled() and not self.head_only):
                features = self.tail(features)
        scores: Tensor = self.head(self.dropout((features - self.centre) * self.scale))
        return scores


class TransferLearner(TorchLearner):
    """Trains the head alone first, so that its first large errors do not spoil the pretrained layers.

    Source: Kumar et al. (2022), "Fine-Tuning can Distort Pretrained Features", section 3.
    """

    def _train_step(self, batches: Batches, progress: float) -> Tensor:
        network = self.network
        assert isinstance(network, TransferNetwork)
        network.head_only = progress < _HEAD_SHARE
        return super()._train_step(batches, progress)


@FAMILIES.register
class EfficientnetTransfer(Family):
    """A linear layer on frozen features of EfficientNet-Lite0, with fine-tuning of its last blocks if wanted."""

    name = "efficientnet_transfer"
    title: ClassVar[str] = "Pretrained EfficientNet-Lite0"
    modality: ClassVar[Modality] = "image"
    kinds: ClassVar[frozenset[str]] = frozenset({"classification", "regression", "multitask"})
    structure: ClassVar[frozenset[str]] = frozenset({"resolution"})
    source: ClassVar[str] = (
        "Tan and Le (2019), 'EfficientNet', section 4; Kornblith et al. (2019), 'Do Better ImageNet Models Transfer "
        "Better?', section 4.1"
    )
    turn: ClassVar[int] = 40

    def fits(self, spec: DataSpec) -> bool:
        """Whether the weights are installed and the pictures few enough to be worth the features' time."""
        return super().fits(spec) and weights_path() is not None and _seconds(spec, min(_MS)) <= _LEAST_S

    def suggest(self, trial: Suggest, spec: DataSpec) -> Params:
        """Resolution, whether and how the last blocks learn too; learning rate, batch, regularisation."""
        params: Params = {
            "resolution": trial.suggest_categorical("resolution", _resolutions(spec)),
            "tune": trial.suggest_categorical("tune", [False, True]),
        }
        if params["tune"]:
            params["tuned_blocks"] = trial.suggest_int("tuned_blocks", 1, _N_TAIL)
            params["tuned_rate"] = trial.suggest_float("tuned_rate", 0.01, 0.5, log=True)
        params["dropout"] = trial.suggest_float("dropout", 0.0, 0.6)
        params["lr"] = trial.suggest_float("lr", 3e-4, 2e-2, log=True)
        params["weight_decay"] = trial.suggest_float("weight_decay", 1e-3, 3.0, log=True)
        params["batch_size"] = trial.suggest_categorical("batch_size", [16, 32, 64, 128])
        if spec.task.kind == "classification":
            params["label_smoothing"] = trial.suggest_float("label_smoothing", 0.0, 0.2)
        return params

    def defaults(self, spec: DataSpec) -> list[Params]:
        """The largest resolution that the number of pictures allows: frozen, then tuned."""
        affordable = [size for size in _resolutions(spec) if _seconds(spec, size) <= _DEFAULT_S]
        base: Params = {
            "resolution": max(affordable, default=min(_resolutions(spec))),
            "tune": False,
            "dropout": 0.1,
            "lr": 2e-3,
            "weight_decay": 0.3,
            "batch_size": 32,
        }
        if spec.task.kind == "classification":
            base["label_smoothing"] = 0.05
        return [base, base | {"tune": True, "tuned_blocks": 2, "tuned_rate": 0.1}]

    def learner(
        self, params: Params, spec: DataSpec, train: Encoded | None, validation: Encoded | None, context: FitContext
    ) -> TorchLearner:
        """A learner for these parameters."""
        batch_size = params["batch_size"]
        steps = 300 if params["tune"] else 1000
        recipe = Recipe(
            lr=params["lr"],
            batch_size=batch_size,
            epochs=epochs_for(spec.n_train, batch_size, steps=steps, least=5, most=60),
            weight_decay=params["weight_decay"],
            warmup=0.05,
            patience=20,
            label_smoothing=params.get("label_smoothing", 0.0),
        )
        fitted = _statistics(params, spec, train, context)
        return TransferLearner(
            lambda statistics: TransferNetwork(params, spec, statistics),
            fitted, recipe, spec, train, validation, context,
        )  # fmt: skip


def _seconds(spec: DataSpec, resolution: int) -> float:
    """CPU seconds for the features of the training pictures and a validation part."""
    return 1.25 * spec.n_train * _MS[resolution] / 1000


def _resolutions(spec: DataSpec) -> list[int]:
    """Resolutions that neither blow the pictures up beyond reason nor take too long."""
    largest = max(48, _LARGEST_ZOOM * min(spec.image_shape[1:]))
    return [size for size in _MS if size <= largest and (_seconds(spec, size) <= _MOST_S or size == min(_MS))]


def _statistics(params: Params, spec: DataSpec, train: Encoded | None, context: FitContext) -> dict[str, np.ndarray]:
    """Mean and scale (a factor) of each pretrained feature on the training pictures, float32 [N_FEATURES]."""
    neutral = {"centre": np.zeros(N_FEATURES, np.float32), "scale": np.ones(N_FEATURES, np.float32)}
    if train is None or not len(train):
        return neutral
    network = build_seeded(lambda: TransferNetwork(params, spec, neutral), 0).to(context.device).eval()
    parts = []
    with full_precision(context.device):
        for start in range(0, len(train), network.chunk_rows):
            pixels = torch.from_numpy(train.inputs["pixels"][start : start + network.chunk_rows]).to(context.device)
            (features,) = network.prepare(pixels)
            parts.append(network.tail(features) if network.tuned else features)
    features = torch.cat(parts)
    spread = features.std(dim=0, correction=0)
    return {"centre": features.mean(dim=0).cpu().numpy(), "scale": (1.0 / (spread + 0.05)).cpu().numpy()}
