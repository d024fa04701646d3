"""Multi-layer perceptron for tables."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from torch import Tensor

from tools.core.records import Modality
from tools.engine.data.dataset import DataSpec, Encoded
from tools.engine.families.family import FAMILIES, Family, Params, Suggest
from tools.engine.training.blocks import dense_stack, output_layer
from tools.engine.training.learner import FitContext
from tools.engine.training.loop import TorchLearner
from tools.engine.training.network import Network
from tools.engine.training.precision import bf16_pays
from tools.engine.training.preprocessing import TabularInput
from tools.engine.training.recipe import Recipe, epochs_for
from tools.engine.training.statistics import tabular_statistics
from tools.engine.training.table_front import TableFront


class MlpNetwork(Network):
    """Preprocessing and embeddings, dense layers."""

    def __init__(self, params: Params, spec: DataSpec, fitted: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.input_names = TabularInput.names(spec)
        self.front = TableFront(
            spec, fitted, params["embedding"], params.get("embedding_width", 0), params.get("sigma", 0.0),
            int(params.get("bins", 0)),
        )  # fmt: skip
        width = self.front.n_out
        self.dense = dense_stack(width, params["width"], params["layers"], params["activation"], params["dropout"])
        self.head = output_layer(params["width"], spec.task.n_outputs)

    def prepare(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """(num[, cat]) -> (flat[, ids])."""
        return self.front.prepare(*inputs)

    def body(self, *prepared: Tensor) -> Tensor:
        """(flat[, ids]) -> [n, n_outputs]."""
        scores: Tensor = self.head(self.dense(self.front(*prepared)))
        return scores


@FAMILIES.register
class Mlp(Family):
    """Dense layers with robust scaling and, where it helps, embeddings of the numbers."""

    name = "mlp"
    title: ClassVar[str] = "Multi-layer perceptron"
    modality: ClassVar[Modality] = "tabular"
    kinds: ClassVar[frozenset[str]] = frozenset({"classification", "regression", "multitask"})
    structure: ClassVar[frozenset[str]] = frozenset(
        {"layers", "width", "activation", "embedding", "embedding_width", "sigma", "bins"}
    )
    source: ClassVar[str] = "Holzmüller et al. (2024), 'Better by Default' (RealMLP), section 3 and appendix A"
    turn: ClassVar[int] = 45

    def suggest(self, trial: Suggest, spec: DataSpec) -> Params:
        """Depth, width, number embeddings; learning rate, batch, regularisation, schedule."""
        params: Params = {
            "layers": trial.suggest_int("layers", 1, 4),
            "width": trial.suggest_categorical("width", [16, 32, 64, 128, 256, 512]),
            "activation": trial.suggest_categorical("activation", ["relu", "silu", "gelu"]),
            "embedding": trial.suggest_categorical("embedding", ["plain", "periodic", "piecewise"]),
        }
        if params["embedding"] == "periodic":
            params["embedding_width"] = trial.suggest_int("embedding_width", 2, 8)
            params["sigma"] = trial.suggest_float("sigma", 0.02, 1.0, log=True)
        elif params["embedding"] == "piecewise":
            params["embedding_width"] = trial.suggest_int("embedding_width", 2, 8)
            params["bins"] = trial.suggest_int("bins", 4, 32, log=True)
        params["dropout"] = trial.suggest_float("dropout", 0.0, 0.5)
        params["lr"] = trial.suggest_float("lr", 3e-4, 3e-2, log=True)
        params["weight_decay"] = trial.suggest_float("weight_decay", 1e-4, 1.0, log=True)
        params["batch_size"] = trial.suggest_categorical("batch_size", [32, 64, 128, 256, 512, 1024])
        params["schedule"] = trial.suggest_categorical("schedule", ["cosine", "flat"])
        if spec.task.kind == "classification":
            params["label_smoothing"] = trial.suggest_float("label_smoothing", 0.0, 0.2)
        else:
            params["loss"] = trial.suggest_categorical("loss", ["mse", "huber"])
        return params

    def defaults(self, spec: DataSpec) -> list[Params]:
        """Plain, periodic and piecewise, sized to the number of rows."""
        n = spec.n_train
        width = 64 if n < 1000 else 128 if n < 5000 else 256
        base: Params = {
            "layers": 2 if n < 5000 else 3,
            "width": width,
            "activation": "silu",
            "embedding": "plain",
            "dropout": 0.15,
            "lr": 4e-3 if n < 5000 else 2e-3,
            "weight_decay": 0.02,
            "batch_size": 32 if n < 500 else 64 if n < 2000 else 128 if n < 10000 else 256,
            "schedule": "flat",
        }
        base |= {"label_smoothing": 0.05} if spec.task.kind == "classification" else {"loss": "mse"}
        periodic = base | {"embedding": "periodic", "embedding_width": 4, "sigma": 0.1}
        piecewise = base | {"embedding": "piecewise", "embedding_width": 4, "bins": 8 if n < 2000 else 16}
        small = base | {"layers": 1, "width": 32, "dropout": 0.3, "weight_decay": 0.1, "activation": "relu"}
        if n < 1000:
            return [base, small, periodic, piecewise]
        return [periodic, base, piecewise, small] if spec.n_numeric else [base, small]

    def learner(
        self, params: Params, spec: DataSpec, train: Encoded | None, validation: Encoded | None, context: FitContext
    ) -> TorchLearner:
        """A learner for these parameters."""
        num = train.inputs.get("num") if train is not None else None
        fitted = tabular_statistics(num, spec.n_numeric, "robust", int(params.get("bins", 0)))
        batch_size = params["batch_size"]
        recipe = Recipe(
            lr=params["lr"],
            batch_size=batch_size,
            epochs=epochs_for(spec.n_train, batch_size, steps=3000, least=24, most=160),
            weight_decay=params["weight_decay"],
            schedule=params["schedule"],
            patience=40 if spec.n_train < 2000 else 16,
            label_smoothing=params.get("label_smoothing", 0.0),
            regression_loss=params.get("loss", "mse"),
            bf16=bf16_pays(context.device, params["width"], batch_size),
        )
        return TorchLearner(
            lambda statistics: MlpNetwork(params, spec, statistics), fitted, recipe, spec, train, validation, context
        )
