"""Random forests: scikit-learn grows the single trees, this module samples rows and adds the trees up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tools.core.errors import OptimizationError
from tools.engine.data.dataset import DataSpec, Encoded
from tools.engine.training.learner import FitContext
from tools.engine.training.table_features import TableFeatures
from tools.engine.training.tree_graph import GraphParts
from tools.engine.training.tree_learner import Growth, TreeLearner
from tools.engine.training.trees import GrownTree, Trees, flatten, round_half

_SUREST = 1e-4
"""Probabilities nearer to 0 or 1 are not believed: a forest of a few hundred trees cannot know them."""


@dataclass(frozen=True)
class TreeSettings:
    """How one tree is grown.

    Attributes:
        random_thresholds: Extremely randomised trees: of each feature one random threshold is tried.
        bootstrap: Each tree sees rows drawn with replacement, else all rows.
        min_rows: Fewest rows in a leaf.
        column_share: Share of the features that is tried at each split.
    """

    random_thresholds: bool
    bootstrap: bool
    min_rows: int
    column_share: float


class ForestLearner(TreeLearner):
    """Trees grown independently and averaged. A round is one tree.

    For classification leaves hold class shares: with two classes that of the second, with more all of them. Several
    labels or numbers share their trees.

    Args:
        settings: How a tree is grown.
        features: From encoded inputs to what trees split.
        growth: How many trees, and how they are reported.
        spec: Shapes of the data.
        train: Training rows; None for a learner that is only measured or loaded.
        validation: Rows that are scored.
        context: Seed, score, deadline.
    """

    def __init__(
        self,
        settings: TreeSettings,
        features: TableFeatures,
        growth: Growth,
        spec: DataSpec,
        train: Encoded | None,
        validation: Encoded | None,
        context: FitContext,
    ) -> None:
        self._settings = settings
        self._grown: list[Any] = []
        self._impurities: list[float] = []
        super().__init__(features, growth, spec, train, validation, context)

    def _open(self, wide: np.ndarray, target: np.ndarray) -> None:
        self._grown, self._impurities = [], []
        self._target = target if target.ndim == 1 else target.astype(np.float64)
        self._data = self._at_least_one(wide)

    @staticmethod
    def _at_least_one(wide: np.ndarray) -> np.ndarray:
        """Where no column varies, a constant one: a tree without a split."""
        return wide if wide.shape[1] else np.zeros((len(wide), 1), np.float32)

    def _grow(self) -> bool:
        number = len(self._grown)
        rng = np.random.default_rng([self.context.seed, number])
        weights = None
        if self._settings.bootstrap:
            n = len(self._data)
            weights = np.bincount(rng.integers(n, size=n), minlength=n).astype(np.float64)
        tree = self._new_tree(int(rng.integers(2**31 - 1)))
        tree.fit(self._data, self._target, sample_weight=weights)
        self._grown.append(tree)
        inside = tree.tree_
        leaf = inside.children_left < 0
        shares = inside.weighted_n_node_samples[leaf]
        self._impurities.append(float(inside.impurity[leaf] @ shares / shares.sum()))
        return False

    def _new_tree(self, seed: int) -> Any:
        try:
            from sklearn import tree
        except ImportError as error:
            raise OptimizationError(
                f"scikit-learn cannot be loaded: {error}.", hint="Install scikit-learn, or leave forests out."
            ) from error
        classify = self._target.ndim == 1
        kind = tree.DecisionTreeClassifier if classify else tree.DecisionTreeRegressor
        # Growing the best leaf first is slower, so the bound is given only where it may bind.
        may_bind = len(self._data) > self.growth.leaves * self._settings.min_rows
        return kind(
            splitter="random" if self._settings.random_thresholds else "best",
            min_samples_leaf=self._settings.min_rows,
            max_features=self._settings.column_share,
            max_leaf_nodes=max(2, self.growth.leaves) if may_bind else None,
            random_state=seed,
        )

    def _loss(self) -> float:
        """Mean impurity of the leaves."""
        return float(np.mean(self._impurities))

    def _values(self, tree: Any) -> np.ndarray:
        """Leaf values of one tree, [n_nodes, width]."""
        values = np.asarray(tree.tree_.value)
        if self._target.ndim == 2:
            return self._rounded(values[:, :, 0])
        # Training rows may lack a class.
        shares = np.zeros((len(values), self.spec.task.n_outputs))
        shares[:, tree.classes_] = values[:, 0, :]
        return self._rounded(shares[:, 1:] if self.growth.width == 1 else shares)

    @staticmethod
    def _rounded(values: np.ndarray) -> np.ndarray:
        """As precise as they are kept."""
        return values.astype(np.float32).astype(np.float64) if values.shape[1] == 1 else round_half(values)

    def _added(self, wide: np.ndarray, first: int, n_rounds: int) -> np.ndarray:
        wide = self._at_least_one(wide)
        total = np.zeros((len(wide), self.growth.width))
        for tree in self._grown[first : first + n_rounds]:
            total += self._values(tree)[tree.tree_.apply(wide)]
        return total

    def _trees(self, n_rounds: int) -> Trees:
        grown = [
            GrownTree(
                output=0,
                feature=np.asarray(tree.tree_.feature, np.int64),
                threshold=np.asarray(tree.tree_.threshold),
                missing_left=np.asarray(tree.tree_.missing_go_to_left) > 0,
                left=np.asarray(tree.tree_.children_left, np.int64),
                right=np.asarray(tree.tree_.children_right, np.int64),
                value=self._values(tree),
            )
            for tree in self._grown[:n_rounds]
        ]
        return flatten(grown, self.features, self.growth.width)

    def _scores(self, sums: np.ndarray, n_rounds: int) -> np.ndarray:
        means = sums / n_rounds
        task = self.spec.task
        if task.kind == "regression":
            return means.astype(np.float32)
        if not task.multilabel and self.growth.width == 1:
            means = np.concatenate([1.0 - means, means], axis=1)
        scores = _log(means) - _log(1.0 - means) if task.multilabel else _log(means)
        return np.asarray(scores, np.float32)

    def _head(self, parts: GraphParts, sums: str, n_rounds: int) -> str:
        means = parts.op("Mul", sums, parts.constant(np.float32(1.0 / n_rounds)))
        task = self.spec.task
        if task.kind == "regression":
            return means
        if not task.multilabel and self.growth.width == 1:
            means = parts.op("Concat", parts.op("Sub", parts.constant(np.float32(1.0)), means), means, axis=1)
        bounds = (parts.constant(np.float32(_SUREST)), parts.constant(np.float32(1.0 - _SUREST)))
        scores = parts.op("Log", parts.op("Clip", means, *bounds))
        if task.multilabel:
            others = parts.op("Sub", parts.constant(np.float32(1.0)), means)
            scores = parts.op("Sub", scores, parts.op("Log", parts.op("Clip", others, *bounds)))
        return scores


def _log(shares: np.ndarray) -> np.ndarray:
    logs: np.ndarray = np.log(np.clip(shares, _SUREST, 1.0 - _SUREST))
    return logs
