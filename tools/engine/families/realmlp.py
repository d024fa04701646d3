"""RealMLP: a multi-layer perceptron with the tricks that made it good without tuning, sized to train in seconds."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from tools.core.records import Modality
from tools.engine.data.dataset import DataSpec, Encoded
from tools.engine.families.family import FAMILIES, Family, Params, Suggest
from tools.engine.training.blocks import ACTIVATIONS
from tools.engine.training.dropout import Dropout
from tools.engine.training.learner import FitContext
from tools.engine.training.loop import TorchLearner
from tools.engine.training.network import Network
from tools.engine.training.precision import bf16_pays
from tools.engine.training.preprocessing import TabularInput
from tools.engine.training.recipe import Recipe
from tools.engine.training.statistics import tabular_statistics
from tools.engine.training.table_front import TableFront
from tools.engine.training.work import affordable_epochs

_FIT_S = 5.0
_SCALING_RATE, _BIAS_RATE, _ACTIVATION_RATE, _EMBEDDING_RATE = 6.0, 0.1, 0.1, 0.1
"""Factors on the learning rate (Holzmüller et al. 2024, table A.1)."""


class Scaling(nn.Module):
    """One learned factor per feature: a soft selection of features that learns six times as fast as the rest."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(width))
        self.rate_factors = {"factor": _SCALING_RATE}

    def forward(self, x: Tensor) -> Tensor:
        """[n, width] -> same shape."""
        return x * self.factor


class TangentLinear(nn.Linear):
    """A linear layer trained as under the neural tangent parametrisation.

    There the weights are of order 1 and divided by sqrt(n_in) in every forward pass. Adam's steps do not depend on
    the gradient's size, so plain weights with a rate divided by sqrt(n_in) go the same way without that division.

    Source: Holzmüller et al. (2024), section 3; Jacot et al. (2018), section 2.
    """

    def __init__(self, n_in: int, n_out: int, gain: float) -> None:
        super().__init__(n_in, n_out)
        nn.init.normal_(self.weight, std=gain / math.sqrt(max(1, n_in)))
        nn.init.normal_(self.bias, std=gain)
        self.rate_factors = {"weight": 1 / math.sqrt(max(1, n_in)), "bias": _BIAS_RATE}


class ParametricActivation(nn.Module):
    """x + share (f(x) - x), with one learned share per unit: between linear and f, or beyond."""

    def __init__(self, width: int, activation: str) -> None:
        super().__init__()
        self.share = nn.Parameter(torch.ones(width))
        self.function = ACTIVATIONS[activation]()
        self.rate_factors = {"share": _ACTIVATION_RATE}

    def forward(self, x: Tensor) -> Tensor:
        """[n, width] -> same shape."""
        return torch.lerp(x, self.function(x), self.share.to(x.dtype))


class RealMlpNetwork(Network):
    """Embeddings, scaling, dense layers; predicted values stay within those seen in training."""

    low: Tensor
    high: Tensor

    def __init__(self, params: Params, spec: DataSpec, fitted: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.input_names = TabularInput.names(spec)
        self.front = TableFront(
            spec, fitted, params["embedding"], params.get("embedding_width", 0), params.get("sigma", 0.0)
        )
        self.rate_factors = {"front": _EMBEDDING_RATE}
        n_in, width = self.front.n_out, params["width"]
        parts: list[nn.Module] = [Scaling(n_in)] if params["scaling"] else []
        for _ in range(params["layers"]):
            parts += [TangentLinear(n_in, width, gain=1.0), ParametricActivation(width, params["activation"])]
            if params["dropout"] > 0:
                parts.append(Dropout(params["dropout"]))
            n_in = width
        self.dense = nn.Sequential(*parts)
        self.head = TangentLinear(n_in, spec.task.n_outputs, gain=0.1)
        nn.init.zeros_(self.head.bias)
        self.bounded = spec.task.kind == "regression"
        if self.bounded:
            self.register_buffer("low", torch.as_tensor(fitted["low"]))
            self.register_buffer("high", torch.as_tensor(fitted["high"]))

    def prepare(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """(num[, cat]) -> (flat[, ids])."""
        return self.front.prepare(*inputs)

    def training_scores(self, *prepared: Tensor) -> Tensor:
        """Unbounded: beyond its bounds a value would give no gradient."""
        scores: Tensor = self.head(self.dense(self.front(*prepared)))
        return scores

    def body(self, *prepared: Tensor) -> Tensor:
        """(flat[, ids]) -> [n, n_outputs]."""
        scores = self.training_scores(*prepared)
        return torch.minimum(torch.maximum(scores, self.low), self.high) if self.bounded else scores


@FAMILIES.register
class RealMlp(Family):
    """Dense layers with learned scaling of the features and rates of their own for each kind of parameter."""

    name = "realmlp"
    title: ClassVar[str] = "RealMLP"
    modality: ClassVar[Modality] = "tabular"
    kinds: ClassVar[frozenset[str]] = frozenset({"classification", "regression", "multitask"})
    structure: ClassVar[frozenset[str]] = frozenset(
        {"layers", "width", "activation", "embedding", "embedding_width", "sigma", "scaling"}
    )
    source: ClassVar[str] = "Holzmüller et al. (2024), 'Better by Default', section 3 and table A.1 (RealMLP-TD)"
    turn: ClassVar[int] = 35

    def suggest(self, trial: Suggest, spec: DataSpec) -> Params:
        """Depth, width, embeddings, scaling layer; learning rate, batch, regularisation, schedule."""
        params: Params = {
            "layers": trial.suggest_int("layers", 1, 4),
            "width": trial.suggest_categorical("width", [64, 128, 256, 512]),
            "activation": trial.suggest_categorical("activation", ["selu", "mish", "silu", "relu"]),
            "embedding": trial.suggest_categorical("embedding", ["periodic", "plain"]),
            "scaling": trial.suggest_categorical("scaling", [True, False]),
        }
        if params["embedding"] == "periodic":
            params["embedding_width"] = trial.suggest_int("embedding_width", 2, 8)
            params["sigma"] = trial.suggest_float("sigma", 0.03, 3.0, log=True)
        params["dropout"] = trial.suggest_float("dropout", 0.0, 0.5)
        params["lr"] = trial.suggest_float("lr", 0.01, 0.5, log=True)
        params["weight_decay"] = trial.suggest_float("weight_decay", 1e-4, 0.3, log=True)
        params["batch_size"] = trial.suggest_categorical("batch_size", [32, 64, 128, 256, 512])
        params["schedule"] = trial.suggest_categorical("schedule", ["waves", "flat", "cosine"])
        if spec.task.kind == "classification":
            params["label_smoothing"] = trial.suggest_float("label_smoothing", 0.0, 0.2)
        return params

    def defaults(self, spec: DataSpec) -> list[Params]:
        """The paper's defaults with what a few dozen epochs instead of 256 changed, and a plain one.

        Narrower and with a flat schedule it was better where there is time for few epochs; small tables of classes
        wanted twice the regularisation, small tables of values larger frequencies.
        """
        classes, small = spec.task.kind == "classification", spec.n_train < 2000
        base: Params = {
            "layers": 3,
            "width": 256 if small and classes else 128,
            "activation": "selu" if classes else "silu" if small else "mish",
            "embedding": "periodic",
            "scaling": True,
            "embedding_width": 4,
            "sigma": 0.3 if small and not classes else 0.1,
            "dropout": 0.3 if small and classes else 0.15,
            "lr": 0.04 if classes else 0.2,
            "weight_decay": 0.1 if small and classes else 0.02,
            "batch_size": 64 if spec.n_train < 1000 else 128 if small else 256,
            "schedule": "waves" if small and classes else "flat",
        }
        if classes:
            base["label_smoothing"] = 0.1
        plain = {name: value for name, value in base.items() if name not in {"embedding_width", "sigma"}}
        return [base, plain | {"embedding": "plain", "layers": 2}]

    def learner(
        self, params: Params, spec: DataSpec, train: Encoded | None, validation: Encoded | None, context: FitContext
    ) -> TorchLearner:
        """A learner for these parameters."""
        num = train.inputs.get("num") if train is not None else None
        fitted = tabular_statistics(num, spec.n_numeric, "robust", 0)
        if spec.task.kind == "regression":
            unknown = np.array([[-np.inf], [np.inf]], np.float32)
            target = train.target if train is not None and len(train) else unknown
            fitted |= {"low": target.min(axis=0), "high": target.max(axis=0)}
        width, batch_size = params["width"], params["batch_size"]
        n_in = 4 * spec.n_numeric + 8 * len(spec.cardinalities)
        macs = width * (n_in + (params["layers"] - 1) * width)
        recipe = Recipe(
            lr=params["lr"],
            batch_size=batch_size,
            epochs=affordable_epochs(_FIT_S, macs, spec.n_train, batch_size, least=16, most=160),
            weight_decay=params["weight_decay"],
            schedule=params["schedule"],
            clip=0.0,
            label_smoothing=params.get("label_smoothing", 0.0),
            bf16=bf16_pays(context.device, width, batch_size),
        )
        return TorchLearner(
            lambda known: RealMlpNetwork(params, spec, known), fitted, recipe, spec, train, validation, context
        )
