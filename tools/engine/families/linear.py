"""Linear and additive models for tables: the baseline to beat, trained to the optimum in moments."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from torch import Tensor, nn

from tools.core.records import Modality
from tools.engine.data.dataset import DataSpec, Encoded
from tools.engine.families.family import FAMILIES, Family, Params, Suggest
from tools.engine.training.convex import ConvexLearner
from tools.engine.training.learner import FitContext
from tools.engine.training.network import Network
from tools.engine.training.preprocessing import TabularInput
from tools.engine.training.statistics import tabular_statistics

_MAX_ONE_HOT = 32
_ITERATIONS = 300


class LinearNetwork(Network):
    """One weight per feature and output; one weight per id of a wide categorical column."""

    def __init__(self, params: Params, spec: DataSpec, fitted: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.input_names = TabularInput.names(spec)
        n_bins = int(params.get("bins", 0))
        self.table = TabularInput(
            spec, fitted, smooth_clip=params["scaling"] == "robust", max_one_hot=_MAX_ONE_HOT, n_bins=n_bins
        )
        # Without features the layer still holds the intercept; it then reads one zero.
        self.linear = nn.Linear(max(1, self.table.n_features), spec.task.n_outputs)
        self.ids = nn.Embedding(self.table.n_ids, spec.task.n_outputs) if self.table.n_wide else None

    def prepare(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """(num[, cat]) -> (flat[, ids])."""
        outputs: tuple[Tensor, ...] = self.table(*inputs)
        return outputs

    def body(self, *prepared: Tensor) -> Tensor:
        """(flat[, ids]) -> [n, n_outputs]."""
        if self.ids is None:
            scores: Tensor = self.linear(prepared[0])
            return scores
        sums: Tensor = self.ids(prepared[-1]).sum(dim=1)
        return sums + (self.linear(prepared[0]) if self.table.n_features else self.linear.bias)


@FAMILIES.register
class Linear(Family):
    """Logistic regression, softmax regression or ridge; with bins, an additive model."""

    name = "linear"
    title: ClassVar[str] = "Linear model"
    modality: ClassVar[Modality] = "tabular"
    kinds: ClassVar[frozenset[str]] = frozenset({"classification", "regression"})
    structure: ClassVar[frozenset[str]] = frozenset({"scaling", "features", "bins"})
    source: ClassVar[str] = (
        "Hastie, Tibshirani and Friedman (2009), sections 3.4 and 4.4; bins: Gorishniy et al. (2022)"
    )
    turn: ClassVar[int] = 10

    def suggest(self, trial: Suggest, spec: DataSpec) -> Params:
        """Scaling, bins, kind and strength of the penalty."""
        params: Params = {"scaling": trial.suggest_categorical("scaling", ["standard", "robust"])}
        if spec.n_numeric:
            params["features"] = trial.suggest_categorical("features", ["plain", "piecewise"])
            if params["features"] == "piecewise":
                params["bins"] = trial.suggest_int("bins", 2, 16)
        params["penalty"] = trial.suggest_categorical("penalty", ["l2", "l1"])
        params["strength"] = trial.suggest_float("strength", 1e-3, 1e3, log=True)
        return params

    def defaults(self, spec: DataSpec) -> list[Params]:
        """Ridge-like with scikit-learn's strength, a stronger one, an additive one."""
        base: Params = {"scaling": "standard", "penalty": "l2", "strength": 1.0}
        if not spec.n_numeric:
            return [base, base | {"strength": 10.0}]
        base["features"] = "plain"
        return [
            base,
            base | {"features": "piecewise", "bins": 6, "strength": 2.0},
            base | {"scaling": "robust", "strength": 10.0},
            base | {"penalty": "l1", "strength": 2.0},
        ]

    def learner(
        self, params: Params, spec: DataSpec, train: Encoded | None, validation: Encoded | None, context: FitContext
    ) -> ConvexLearner:
        """A learner for these parameters."""
        num = train.inputs.get("num") if train is not None else None
        fitted = tabular_statistics(num, spec.n_numeric, params["scaling"], int(params.get("bins", 0)))
        return ConvexLearner(
            lambda statistics: LinearNetwork(params, spec, statistics),
            fitted, params["penalty"], params["strength"], _ITERATIONS, spec, train, validation, context,
        )  # fmt: skip
