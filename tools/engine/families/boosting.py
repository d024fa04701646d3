"""Gradient boosted trees for tables."""

from __future__ import annotations

from importlib.util import find_spec
from typing import ClassVar

from tools.core.records import Modality
from tools.engine.data.dataset import DataSpec, Encoded
from tools.engine.families.family import FAMILIES, Family, Params, Suggest
from tools.engine.training.gradient_trees import BoostedLearner
from tools.engine.training.learner import FitContext
from tools.engine.training.table_features import TableFeatures
from tools.engine.training.tree_learner import Growth

_MOST_LEAVES_TOGETHER = 160_000
"""About 4 MB of graph."""
_MOST_TREES = 4000
"""About 0.25 ms for one row."""
_MOST_ONE_HOT = 32
_REPORT_S = 0.1


def _trees_per_round(spec: DataSpec) -> int:
    task = spec.task
    return 1 if task.kind == "classification" and not task.multilabel and task.n_outputs == 2 else task.n_outputs


@FAMILIES.register
class Boosting(Family):
    """Trees that each correct the ones before; the strongest family on most tables."""

    name = "boosting"
    title: ClassVar[str] = "Gradient boosting"
    modality: ClassVar[Modality] = "tabular"
    kinds: ClassVar[frozenset[str]] = frozenset({"classification", "regression"})
    structure: ClassVar[frozenset[str]] = frozenset({"rounds", "leaves"})
    source: ClassVar[str] = (
        "Ke et al. (2017), 'LightGBM', section 3; Friedman (2001), 'Greedy Function Approximation', section 4; "
        "random thresholds: Geurts et al. (2006), section 2"
    )
    turn: ClassVar[int] = 20

    def fits(self, spec: DataSpec) -> bool:
        """Tables, where LightGBM is installed."""
        return super().fits(spec) and find_spec("lightgbm") is not None

    def suggest(self, trial: Suggest, spec: DataSpec) -> Params:
        """Rounds, leaves, treatment of categories; learning rate, sampling, regularisation."""
        params: Params = {
            "rounds": trial.suggest_int("rounds", 32, 2048, log=True),
            "leaves": trial.suggest_int("leaves", 4, 128, log=True),
            "lr": trial.suggest_float("lr", 0.01, 0.3, log=True),
            "min_rows": trial.suggest_int("min_rows", 1, 100, log=True),
            "row_share": trial.suggest_float("row_share", 0.5, 0.95),
            "column_share": trial.suggest_float("column_share", 0.3, 1.0),
            "l2": trial.suggest_float("l2", 1e-3, 30.0, log=True),
            "thresholds": trial.suggest_categorical("thresholds", ["best", "random"]),
        }
        if spec.cardinalities:
            params["categories"] = trial.suggest_categorical("categories", ["one_hot", "ordered"])
        if spec.task.kind == "regression":
            params["loss"] = trial.suggest_categorical("loss", ["regression", "huber"])
        return params

    def defaults(self, spec: DataSpec) -> list[Params]:
        """Shallow trees for small and noisy tables, deeper ones for large; random thresholds as the other way."""
        base: Params = {
            "rounds": 1024,
            "leaves": 31,
            # With many classes the bound on trees leaves time for large steps only.
            "lr": 0.05 if _trees_per_round(spec) <= 8 else 0.1,
            "min_rows": 20 if spec.n_train >= 1000 else 10,
            "row_share": 0.8,
            "column_share": 0.8,
            "l2": 1e-3,
            "thresholds": "best",
        }
        if spec.cardinalities:
            base["categories"] = "one_hot"
        if spec.task.kind == "regression":
            base["loss"] = "regression"
        shallow = base | {"leaves": 8, "min_rows": 5}
        deep = base | {"leaves": 63, "min_rows": 5}
        rough = base | {"lr": 0.1, "min_rows": 5, "column_share": 0.6, "l2": 1.0, "thresholds": "random"}
        found = [shallow, base, rough] if spec.n_train < 5000 else [base, shallow, deep, rough]
        return [*found, base | {"categories": "ordered"}] if spec.cardinalities else found

    def learner(
        self, params: Params, spec: DataSpec, train: Encoded | None, validation: Encoded | None, context: FitContext
    ) -> BoostedLearner:
        """A learner for these parameters."""
        features = TableFeatures.fit(spec, train, params.get("categories", "one_hot"), _MOST_ONE_HOT)
        trees = _trees_per_round(spec)
        leaves = max(2, min(params["leaves"], spec.n_train // max(1, params["min_rows"])))
        rounds = min(params["rounds"], _MOST_LEAVES_TOGETHER // (trees * leaves), _MOST_TREES // trees)
        growth = Growth(
            rounds=max(1, rounds),
            per_report=_rounds_per_report(spec, trees, leaves),
            patience=max(20, round(2.5 / params["lr"])),
            trees_per_round=trees,
            leaves=leaves,
        )
        settings = {
            "learning_rate": params["lr"],
            "num_leaves": leaves,
            "min_data_in_leaf": params["min_rows"],
            "bagging_fraction": params["row_share"],
            "bagging_freq": 1,
            "feature_fraction": params["column_share"],
            "lambda_l2": params["l2"],
            "extra_trees": params["thresholds"] == "random",
        }
        return BoostedLearner(
            settings, params.get("loss", "regression"), features, growth, spec, train, validation, context
        )


def _rounds_per_report(spec: DataSpec, trees: int, leaves: int) -> int:
    """Rounds that take about a tenth of a second, as a function of the data alone; 10 at most."""
    columns = spec.n_numeric + len(spec.cardinalities)
    # About 10 ns per value and tree, and 10 us per leaf for its histograms (measured on one core).
    seconds = trees * (1e-8 * spec.n_train * columns + 1e-5 * leaves + 1e-4)
    return max(1, min(10, round(_REPORT_S / seconds)))
