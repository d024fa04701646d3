"""A residual network for tables."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from torch import Tensor, nn
from torch.nn import functional as F

from tools.core.records import Modality
from tools.engine.data.dataset import DataSpec, Encoded
from tools.engine.families.family import FAMILIES, Family, Params, Suggest
from tools.engine.training.blocks import output_layer
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


class RowNorm(nn.BatchNorm1d):
    """Batch normalisation that falls back on its running statistics where a batch is a single row."""

    def forward(self, input: Tensor) -> Tensor:
        """[n, width] -> same shape."""
        if self.training and len(input) < 2:
            return F.batch_norm(input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        return super().forward(input)


class Residual(nn.Module):
    """x + narrow(dropout(relu(widen(norm(x)))))."""

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.norm, self.widen, self.narrow = RowNorm(width), nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """[n, width] -> same shape."""
        y: Tensor = x + self.narrow(self.dropout(self.widen(self.norm(x)).relu()))
        return y


class ResNetNetwork(Network):
    """Embeddings, a linear layer, residual blocks, norm, output layer."""

    def __init__(self, params: Params, spec: DataSpec, fitted: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.input_names = TabularInput.names(spec)
        self.front = TableFront(
            spec, fitted, params["embedding"], params.get("embedding_width", 0), params.get("sigma", 0.0),
            int(params.get("bins", 0)),
        )  # fmt: skip
        width, hidden = params["width"], round(params["width"] * params["expansion"])
        self.first = nn.Linear(self.front.n_out, width)
        self.blocks = nn.Sequential(*(Residual(width, hidden, params["dropout"]) for _ in range(params["blocks"])))
        self.norm, self.head = RowNorm(width), output_layer(width, spec.task.n_outputs)

    def prepare(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """(num[, cat]) -> (flat[, ids])."""
        return self.front.prepare(*inputs)

    def body(self, *prepared: Tensor) -> Tensor:
        """(flat[, ids]) -> [n, n_outputs]."""
        x = self.blocks(self.first(self.front(*prepared)))
        scores: Tensor = self.head(self.norm(x).relu())
        return scores


@FAMILIES.register
class TabularResNet(Family):
    """Dense blocks that each add to what they read: depth without loss of signal."""

    name = "tabular_resnet"
    title: ClassVar[str] = "Residual network for tables"
    modality: ClassVar[Modality] = "tabular"
    kinds: ClassVar[frozenset[str]] = frozenset({"classification", "regression", "multitask"})
    structure: ClassVar[frozenset[str]] = frozenset(
        {"blocks", "width", "expansion", "embedding", "embedding_width", "sigma", "bins"}
    )
    source: ClassVar[str] = "Gorishniy et al. (2021), 'Revisiting Deep Learning Models for Tabular Data', section 3.2"
    turn: ClassVar[int] = 60

    def suggest(self, trial: Suggest, spec: DataSpec) -> Params:
        """Blocks, width, expansion, embeddings; learning rate, batch, regularisation."""
        params: Params = {
            "blocks": trial.suggest_int("blocks", 1, 6),
            "width": trial.suggest_categorical("width", [32, 64, 128, 256]),
            "expansion": trial.suggest_float("expansion", 1.0, 3.0),
            "embedding": trial.suggest_categorical("embedding", ["plain", "periodic", "piecewise"]),
        }
        if params["embedding"] == "periodic":
            params["embedding_width"] = trial.suggest_int("embedding_width", 2, 8)
            params["sigma"] = trial.suggest_float("sigma", 0.02, 1.0, log=True)
        elif params["embedding"] == "piecewise":
            params["embedding_width"] = trial.suggest_int("embedding_width", 2, 8)
            params["bins"] = trial.suggest_int("bins", 4, 32, log=True)
        params["dropout"] = trial.suggest_float("dropout", 0.0, 0.5)
        params["lr"] = trial.suggest_float("lr", 1e-4, 1e-2, log=True)
        params["weight_decay"] = trial.suggest_float("weight_decay", 1e-4, 0.3, log=True)
        params["batch_size"] = trial.suggest_categorical("batch_size", [32, 64, 128, 256, 512])
        params["schedule"] = trial.suggest_categorical("schedule", ["cosine", "flat"])
        if spec.task.kind == "classification":
            params["label_smoothing"] = trial.suggest_float("label_smoothing", 0.0, 0.2)
        return params

    def defaults(self, spec: DataSpec) -> list[Params]:
        """Learned bins, and plain numbers."""
        n = spec.n_train
        base: Params = {
            "blocks": 2,
            "width": 64 if n < 1000 else 128,
            "expansion": 2.0,
            "embedding": "plain",
            "dropout": 0.2,
            "lr": 2e-3,
            "weight_decay": 0.02,
            "batch_size": 32 if n < 1000 else 64 if n < 3000 else 128,
            "schedule": "cosine",
        }
        if spec.task.kind == "classification":
            base["label_smoothing"] = 0.05
        if not spec.n_numeric:
            return [base, base | {"blocks": 1}]
        return [base | {"embedding": "piecewise", "embedding_width": 4, "bins": 16}, base]

    def learner(
        self, params: Params, spec: DataSpec, train: Encoded | None, validation: Encoded | None, context: FitContext
    ) -> TorchLearner:
        """A learner for these parameters."""
        num = train.inputs.get("num") if train is not None else None
        fitted = tabular_statistics(num, spec.n_numeric, "robust", int(params.get("bins", 0)))
        width, batch_size = params["width"], params["batch_size"]
        n_in = params.get("embedding_width", 1) * spec.n_numeric + 8 * len(spec.cardinalities)
        macs = width * (n_in + round(2 * params["blocks"] * params["expansion"] * width))
        recipe = Recipe(
            lr=params["lr"],
            batch_size=batch_size,
            epochs=affordable_epochs(_FIT_S, macs, spec.n_train, batch_size, least=16, most=120),
            weight_decay=params["weight_decay"],
            schedule=params["schedule"],
            patience=32 if spec.n_train < 2000 else 16,
            label_smoothing=params.get("label_smoothing", 0.0),
            bf16=bf16_pays(context.device, width, batch_size),
        )
        return TorchLearner(
            lambda statistics: ResNetNetwork(params, spec, statistics), fitted, recipe, spec, train, validation, context
        )
