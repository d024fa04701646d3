"""Gradient boosting, grown by LightGBM and exported by this project."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tools.core.errors import OptimizationError
from tools.engine.data.dataset import DataSpec, Encoded
from tools.engine.training.learner import FitContext
from tools.engine.training.table_features import TableFeatures
from tools.engine.training.tree_graph import GraphParts
from tools.engine.training.tree_learner import Growth, TreeLearner
from tools.engine.training.trees import GrownTree, Trees, flatten

_NOTHING = {"num_leaves": "1", "leaf_value": "0"}
_DEFAULT_LEFT, _MISSING, _MISSING_IS_NAN = 2, 12, 8


class BoostedLearner(TreeLearner):
    """One booster for a class or a number; for several labels (or several numbers) one each, grown side by side.

    Args:
        settings: LightGBM's parameters, without objective, seed and threads.
        loss: LightGBM's objective for numbers.
        features: From encoded inputs to what trees split.
        growth: How many rounds, and how they are reported.
        spec: Shapes of the data.
        train: Training rows; None for a learner that is only measured or loaded.
        validation: Rows that are scored.
        context: Seed, score, deadline.
    """

    def __init__(
        self,
        settings: dict[str, Any],
        loss: str,
        features: TableFeatures,
        growth: Growth,
        spec: DataSpec,
        train: Encoded | None,
        validation: Encoded | None,
        context: FitContext,
    ) -> None:
        self._settings, self._objective = settings, loss
        self._boosters: list[Any] = []
        self._ended: set[int] = set()
        super().__init__(features, growth, spec, train, validation, context)

    def _open(self, wide: np.ndarray, target: np.ndarray) -> None:
        lightgbm = _library()
        columns = [target] if target.ndim == 1 else list(target.T)
        params = self._settings | {
            "seed": self.context.seed,
            # One thread per worker; with it and a fixed layout the same seed gives the same trees.
            "num_threads": 1,
            "deterministic": True,
            "force_col_wise": True,
            "verbosity": -1,
            **self._task(),
        }
        self._boosters, self._ended = [], set()
        if not wide.shape[1]:  # only constant columns: trees without a split
            wide = np.zeros((len(wide), 1), np.float32)
        first = None
        with _told():
            for number, column in enumerate(columns):
                data = lightgbm.Dataset(
                    wide, column.astype(np.float32), params=params, reference=first, free_raw_data=True
                )
                first = first or data
                self._boosters.append(lightgbm.Booster(params | {"seed": self.context.seed + number}, data))

    def _task(self) -> dict[str, Any]:
        task = self.spec.task
        if task.kind == "regression":
            return {"objective": self._objective, "metric": "l2"}
        if task.multilabel or task.n_outputs == 2:
            return {"objective": "binary", "metric": "binary_logloss"}
        return {"objective": "multiclass", "metric": "multi_logloss", "num_class": task.n_outputs}

    def _grow(self) -> bool:
        with _told():
            for number, booster in enumerate(self._boosters):
                if number not in self._ended and booster.update():
                    self._ended.add(number)
        return len(self._ended) == len(self._boosters)

    def _loss(self) -> float:
        return float(np.mean([booster.eval_train()[0][2] for booster in self._boosters]))

    def _added(self, wide: np.ndarray, first: int, n_rounds: int) -> np.ndarray:
        if not wide.shape[1]:
            wide = np.zeros((len(wide), 1), np.float32)
        parts = [
            np.asarray(
                booster.predict(wide, start_iteration=first, num_iteration=n_rounds, raw_score=True, num_threads=1)
            ).reshape(len(wide), -1)
            if first < booster.current_iteration()
            else np.zeros((len(wide), booster.num_model_per_iteration()))
            for booster in self._boosters
        ]
        return np.concatenate(parts, axis=1)

    def _trees(self, n_rounds: int) -> Trees:
        per_booster = [
            _read(booster.model_to_string(num_iteration=n_rounds, importance_type="split"))
            for booster in self._boosters
        ]
        width = self._n_sums // len(per_booster)
        longest = max(len(trees) for trees in per_booster)
        grown = []
        # Round by round, so that the first rounds are the first trees.
        for start in range(0, longest, width):
            for number, trees in enumerate(per_booster):
                # A booster that ended before the others adds nothing.
                fields = trees[start : start + width] or [_NOTHING] * width
                grown += [_grown(field, number * width + offset) for offset, field in enumerate(fields)]
        return flatten(grown, self.features, self._n_sums)

    def _scores(self, sums: np.ndarray, n_rounds: int) -> np.ndarray:
        if self._one_of_two:
            # A logit against 0 is the logit of the second class against the first.
            sums = np.concatenate([np.zeros_like(sums), sums], axis=1)
        return sums.astype(np.float32)

    def _head(self, parts: GraphParts, sums: str, n_rounds: int) -> str:
        if not self._one_of_two:
            return sums
        zero = parts.op("Sub", sums, sums)
        return parts.op("Concat", zero, sums, axis=1)

    @property
    def _one_of_two(self) -> bool:
        task = self.spec.task
        return task.kind == "classification" and not task.multilabel and task.n_outputs == 2


@contextmanager
def _told() -> Iterator[None]:
    """LightGBM's own error is a plain `Exception` that would end the worker: out of memory becomes a `MemoryError`.

    Raises:
        MemoryError: there was not enough memory.
        OptimizationError: LightGBM refused the data or the settings.
    """
    from lightgbm.basic import LightGBMError

    try:
        yield
    except LightGBMError as error:
        if "alloc" in str(error):
            raise MemoryError(str(error)) from error
        raise OptimizationError(
            f"LightGBM failed: {str(error).splitlines()[0]}.", hint="Leave gradient boosting out of the search."
        ) from error


def _library() -> Any:
    # scikit-learn, which LightGBM imports where it is there, looks for cores in ways that can be slow and loud.
    os.environ.setdefault("LOKY_MAX_CPU_COUNT", "1")
    try:
        import lightgbm
    except (ImportError, OSError) as error:
        raise OptimizationError(
            f"LightGBM cannot be loaded: {error}.",
            hint="Install lightgbm and the OpenMP runtime (libgomp), or leave gradient boosting out.",
        ) from error
    return lightgbm


def _read(model: str) -> list[dict[str, str]]:
    """The trees of LightGBM's text format, each as field -> text."""
    trees = []
    for block in model.split("\n\nend of trees")[0].split("\nTree=")[1:]:
        pairs = (line.partition("=") for line in block.splitlines()[1:])
        trees.append({name: value for name, mark, value in pairs if mark})
    return trees


def _grown(fields: dict[str, str], output: int) -> GrownTree:
    """One tree: inner nodes first, then the leaves (LightGBM counts them -1, -2, …)."""
    n_leaves = int(fields["num_leaves"])
    values = _numbers(fields["leaf_value"])
    n_inner = n_leaves - 1
    leaf_value = np.concatenate([np.zeros(n_inner), values])[:, None]
    none = np.full(n_leaves, -1, np.int64)
    if not n_inner:
        return GrownTree(output, none * 0, none * 0.0, none > 0, none, none, leaf_value)
    decision = _numbers(fields["decision_type"]).astype(np.int64)
    threshold = _numbers(fields["threshold"])
    default_left = (decision & _DEFAULT_LEFT) > 0
    # Where training saw no missing value, LightGBM takes one for 0.
    missing_left = np.where((decision & _MISSING) == _MISSING_IS_NAN, default_left, threshold >= 0)
    children = [_numbers(fields[f"{side}_child"]).astype(np.int64) for side in ("left", "right")]
    left, right = (np.concatenate([np.where(child < 0, n_inner - 1 - child, child), none]) for child in children)
    return GrownTree(
        output=output,
        feature=np.concatenate([_numbers(fields["split_feature"]).astype(np.int64), none * 0]),
        threshold=np.concatenate([threshold, none * 0.0]),
        missing_left=np.concatenate([missing_left, none > 0]),
        left=left,
        right=right,
        value=leaf_value,
    )


def _numbers(text: str) -> np.ndarray:
    return np.array(text.split(), dtype=np.float64)
