"""TabM: many perceptrons in one, which share their weights and differ by a few factors each."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from torch import Tensor, nn

from tools.core.records import Modality
from tools.engine.data.dataset import DataSpec, Encoded
from tools.engine.families.family import FAMILIES, Family, Params, Suggest
from tools.engine.training.blocks import ACTIVATIONS
from tools.engine.training.dropout import Dropout
from tools.engine.training.learner import FitContext
from tools.engine.training.loop import TorchLearner
from tools.engine.training.members import MemberLinear, SharedLinear, mean_prediction
from tools.engine.training.network import Network
from tools.engine.training.precision import bf16_pays
from tools.engine.training.preprocessing import TabularInput
from tools.engine.training.recipe import Recipe
from tools.engine.training.statistics import tabular_statistics
from tools.engine.training.table_front import TableFront
from tools.engine.training.work import affordable_epochs

_FIT_S = 5.0


class TabmNetwork(Network):
    """Embeddings, `members` perceptrons with shared matrices, a head for each; the mean of their predictions."""

    chunk_rows = 1024

    def __init__(self, params: Params, spec: DataSpec, fitted: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.input_names = TabularInput.names(spec)
        self.front = TableFront(
            spec, fitted, params["embedding"], params.get("embedding_width", 0), params.get("sigma", 0.0),
            int(params.get("bins", 0)),
        )  # fmt: skip
        members, width, n_in = params["members"], params["width"], self.front.n_out
        parts: list[nn.Module] = []
        for layer in range(params["layers"]):
            parts += [
                SharedLinear(members, n_in, width, first=layer == 0, own=layer == 0 or params["adapters"] == "all"),
                ACTIVATIONS["relu"](),
            ]
            if params["dropout"] > 0:
                parts.append(Dropout(params["dropout"]))
            n_in = width
        self.dense = nn.Sequential(*parts)
        self.head = MemberLinear(members, n_in, spec.task.n_outputs)
        self.task = spec.task

    def prepare(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """(num[, cat]) -> (flat[, ids])."""
        return self.front.prepare(*inputs)

    def training_scores(self, *prepared: Tensor) -> Tensor:
        """(flat[, ids]) -> [members * n, n_outputs]: every member has a loss of its own."""
        return self._each(*prepared).flatten(0, 1)

    def body(self, *prepared: Tensor) -> Tensor:
        """(flat[, ids]) -> [n, n_outputs] that decode to the mean of the members' predictions."""
        return mean_prediction(self._each(*prepared), self.task)

    def _each(self, *prepared: Tensor) -> Tensor:
        scores: Tensor = self.head(self.dense(self.front(*prepared)[None]))
        return scores


@FAMILIES.register
class TabM(Family):
    """A parameter-efficient ensemble of perceptrons, trained and run as one model."""

    name = "tabm"
    title: ClassVar[str] = "TabM"
    modality: ClassVar[Modality] = "tabular"
    kinds: ClassVar[frozenset[str]] = frozenset({"classification", "regression", "multitask"})
    structure: ClassVar[frozenset[str]] = frozenset(
        {"members", "adapters", "layers", "width", "embedding", "embedding_width", "sigma", "bins"}
    )
    source: ClassVar[str] = "Gorishniy et al. (2024), 'TabM', section 3 (TabM and TabM-mini)"
    turn: ClassVar[int] = 40

    def suggest(self, trial: Suggest, spec: DataSpec) -> Params:
        """Members and where they differ, depth, width, embeddings; learning rate, batch, regularisation."""
        params: Params = {
            "members": trial.suggest_categorical("members", [4, 8, 16, 32]),
            "adapters": trial.suggest_categorical("adapters", ["first", "all"]),
            "layers": trial.suggest_int("layers", 1, 4),
            "width": trial.suggest_categorical("width", [32, 64, 128, 256, 512]),
            "embedding": trial.suggest_categorical("embedding", ["plain", "periodic", "piecewise"]),
        }
        if params["embedding"] == "periodic":
            params["embedding_width"] = trial.suggest_int("embedding_width", 2, 8)
            params["sigma"] = trial.suggest_float("sigma", 0.02, 1.0, log=True)
        elif params["embedding"] == "piecewise":
            params["embedding_width"] = trial.suggest_int("embedding_width", 2, 16)
            params["bins"] = trial.suggest_int("bins", 4, 48, log=True)
        params["dropout"] = trial.suggest_float("dropout", 0.0, 0.5)
        params["lr"] = trial.suggest_float("lr", 3e-4, 3e-2, log=True)
        params["weight_decay"] = trial.suggest_float("weight_decay", 1e-4, 0.3, log=True)
        params["batch_size"] = trial.suggest_categorical("batch_size", [32, 64, 128, 256, 512])
        params["schedule"] = trial.suggest_categorical("schedule", ["cosine", "flat"])
        return params

    def defaults(self, spec: DataSpec) -> list[Params]:
        """Learned bins and learned cosines.

        Eight members that have time for more epochs did better than sixteen or thirty-two in the same time.
        """
        n = spec.n_train
        base: Params = {
            "members": 8,
            "adapters": "first",
            "layers": 2,
            "width": 128,
            "embedding": "plain",
            "dropout": 0.1,
            "lr": 6e-3,
            "weight_decay": 0.02,
            "batch_size": 64 if n < 2000 else 128,
            "schedule": "flat",
        }
        if not spec.n_numeric:
            return [base, base | {"adapters": "all"}]
        piecewise = base | {"embedding": "piecewise", "embedding_width": 8, "bins": 16}
        periodic = base | {"embedding": "periodic", "embedding_width": 4, "sigma": 0.1}
        return [piecewise, periodic] if n < 2000 else [periodic, piecewise]

    def learner(
        self, params: Params, spec: DataSpec, train: Encoded | None, validation: Encoded | None, context: FitContext
    ) -> TorchLearner:
        """A learner for these parameters."""
        num = train.inputs.get("num") if train is not None else None
        fitted = tabular_statistics(num, spec.n_numeric, "robust", int(params.get("bins", 0)))
        width, members, batch_size = params["width"], params["members"], params["batch_size"]
        n_in = params.get("embedding_width", 1) * spec.n_numeric + 8 * len(spec.cardinalities)
        macs = members * width * (n_in + (params["layers"] - 1) * width)
        recipe = Recipe(
            lr=params["lr"],
            batch_size=batch_size,
            epochs=affordable_epochs(_FIT_S, macs, spec.n_train, batch_size, least=16, most=120),
            weight_decay=params["weight_decay"],
            schedule=params["schedule"],
            patience=max(16, math.ceil(20_000 / max(1, spec.n_train))),
            bf16=bf16_pays(context.device, width, batch_size * members),
        )
        return TorchLearner(
            lambda statistics: TabmNetwork(params, spec, statistics), fitted, recipe, spec, train, validation, context
        )
