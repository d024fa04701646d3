"""Random forests and extremely randomised trees for tables."""

from __future__ import annotations

import math
from importlib.util import find_spec
from typing import ClassVar

from tools.core.records import Modality
from tools.engine.data.dataset import DataSpec, Encoded
from tools.engine.families.family import FAMILIES, Family, Params, Suggest
from tools.engine.training.bagged_trees import ForestLearner, TreeSettings
from tools.engine.training.learner import FitContext
from tools.engine.training.table_features import TableFeatures
from tools.engine.training.tree_learner import Growth

_MOST_LEAVES_TOGETHER = 120_000
"""About 3 MB of graph."""
_MOST_VECTOR_LEAVES = 80_000
"""The same where a leaf holds a vector."""
_MOST_ONE_HOT = 12
_REPORT_S = 0.15


@FAMILIES.register
class Forest(Family):
    """Deep trees, each a little different, averaged: hard to get wrong."""

    name = "forest"
    title: ClassVar[str] = "Random forest"
    modality: ClassVar[Modality] = "tabular"
    kinds: ClassVar[frozenset[str]] = frozenset({"classification", "regression"})
    structure: ClassVar[frozenset[str]] = frozenset({"kind", "trees", "leaves"})
    source: ClassVar[str] = (
        "Breiman (2001), 'Random Forests', section 2; Geurts et al. (2006), 'Extremely randomized trees', section 2"
    )
    turn: ClassVar[int] = 30

    def fits(self, spec: DataSpec) -> bool:
        """Tables, where scikit-learn is installed."""
        return super().fits(spec) and find_spec("sklearn") is not None

    def suggest(self, trial: Suggest, spec: DataSpec) -> Params:
        """Kind, number and size of trees; sampling."""
        params: Params = {
            "kind": trial.suggest_categorical("kind", ["random_forest", "extra_trees"]),
            "trees": trial.suggest_int("trees", 16, 400, log=True),
            "leaves": trial.suggest_int("leaves", 16, 4096, log=True),
            "min_rows": trial.suggest_int("min_rows", 1, 30, log=True),
            "column_share": trial.suggest_float("column_share", 0.1, 1.0),
        }
        if params["kind"] == "extra_trees":
            params["bootstrap"] = trial.suggest_categorical("bootstrap", [False, True])
        if spec.cardinalities:
            params["categories"] = trial.suggest_categorical("categories", ["ordered", "one_hot"])
        return params

    def defaults(self, spec: DataSpec) -> list[Params]:
        """Both kinds, and a small forest with larger leaves."""
        columns = max(1, spec.n_numeric + len(spec.cardinalities))
        classify = spec.task.kind == "classification"
        base: Params = {
            "kind": "random_forest",
            "trees": 100,
            "leaves": 2048,
            "min_rows": 2,
            # The square root of the number of columns for classes, about half of them for numbers.
            "column_share": max(0.1, 1.0 / math.sqrt(columns)) if classify else 0.5,
        }
        if spec.cardinalities:
            base["categories"] = "ordered"
        extra = base | {"kind": "extra_trees", "bootstrap": False, "min_rows": 1 if classify else 2}
        return [base, extra, base | {"min_rows": 8, "leaves": 512}]

    def learner(
        self, params: Params, spec: DataSpec, train: Encoded | None, validation: Encoded | None, context: FitContext
    ) -> ForestLearner:
        """A learner for these parameters."""
        task = spec.task
        features = TableFeatures.fit(spec, train, params.get("categories", "ordered"), _MOST_ONE_HOT)
        trees = params["trees"]
        one_number = task.kind == "classification" and not task.multilabel and task.n_outputs == 2
        width = 1 if one_number else task.n_outputs
        together = _MOST_LEAVES_TOGETHER if width == 1 else _MOST_VECTOR_LEAVES
        leaves = min(params["leaves"], spec.n_train // params["min_rows"], together // trees)
        growth = Growth(
            rounds=trees,
            per_report=_trees_per_report(spec, params),
            patience=0,
            trees_per_round=1,
            leaves=max(2, leaves),
            width=width,
        )
        settings = TreeSettings(
            random_thresholds=params["kind"] == "extra_trees",
            bootstrap=params.get("bootstrap", True),
            min_rows=params["min_rows"],
            column_share=params["column_share"],
        )
        return ForestLearner(settings, features, growth, spec, train, validation, context)


def _trees_per_report(spec: DataSpec, params: Params) -> int:
    """Trees that take about a sixth of a second, as a function of the data and the parameters; 8 at most."""
    columns = 1 + params["column_share"] * (spec.n_numeric + len(spec.cardinalities))
    per_value = 1e-6 if params["kind"] == "random_forest" else 4e-7
    seconds: float = 1e-3 + per_value * spec.n_train * columns
    return max(1, min(8, round(_REPORT_S / seconds)))
