"""A table as trees take it: missing numbers where they mean something, categories in a useful order or one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tools.engine.data.dataset import DataSpec, Encoded

CategoryMode = Literal["ordered", "one_hot"]


@dataclass(frozen=True)
class TableFeatures:
    """Two views of the same rows: one value per column for the graph, and the wider matrix that trees are grown on.

    A tree can split an ordered category like a number. A one-hot category is split by "is it this one?", which the
    graph asks of the id itself, so that its matrix stays narrow.

    Attributes:
        fill: float32 [n_numeric], what stands in for a missing number; NaN where missing values were seen in
            training and the trees know what to do with them.
        table: float32 [sum of cardinalities], the value of each id of each column, one column after the other.
        offsets: int64 [n_categorical], where a column starts in `table`.
        columns: int64 [n_features], for each feature of the wide matrix, the column of the narrow one.
        ids: float32 [n_features], the id a one-hot feature asks for; NaN for features that are compared by size.
    """

    fill: np.ndarray
    table: np.ndarray
    offsets: np.ndarray
    columns: np.ndarray
    ids: np.ndarray

    @classmethod
    def fit(
        cls, spec: DataSpec, train: Encoded | None, mode: CategoryMode, most_ids: int, smoothing: float = 10.0
    ) -> TableFeatures:
        """Learn fills and orders.

        Args:
            spec: Shapes of the data.
            train: Training rows; None gives features of the full width without anything learned.
            mode: `ordered`: ids are replaced by their rank by the mean of the target; `one_hot`: only in columns with
                more than `most_ids` ids, the others get one feature per id.
            most_ids: See `mode`.
            smoothing: Rows of the overall mean that each id's mean is mixed with.

        Source:
            Fisher (1958), "On Grouping for Maximum Homogeneity": for a mean the best split of categories is one in the
            order of their means. Smoothing: Micci-Barreca (2001), section 3.1.
        """
        fill = np.full(spec.n_numeric, np.nan, np.float32)
        cardinalities = np.array(spec.cardinalities, np.int64)
        offsets = np.concatenate([[0], np.cumsum(cardinalities)]).astype(np.int64)
        table = np.arange(offsets[-1], dtype=np.float32) - np.repeat(offsets[:-1], cardinalities).astype(np.float32)
        target = None
        if train is not None:
            num = train.inputs["num"]
            whole = ~np.isnan(num).any(axis=0)
            if len(num):
                fill[whole] = np.median(num[:, whole], axis=0)
            target = _centred(train.target, spec)
        columns, ids = list(range(spec.n_numeric)), [np.nan] * spec.n_numeric
        for position, cardinality in enumerate(spec.cardinalities):
            column = spec.n_numeric + position
            seen = np.arange(cardinality)
            if train is not None:
                seen = np.unique(train.inputs["cat"][:, position])
            if mode == "one_hot" and cardinality <= most_ids:
                # Of two ids one says all.
                asked = seen[1:] if len(seen) == 2 else seen
                columns += [column] * len(asked)
                ids += asked.tolist()
                continue
            columns.append(column)
            ids.append(np.nan)
            if train is not None and target is not None:
                start = offsets[position]
                table[start : start + cardinality] = _ranks(
                    train.inputs["cat"][:, position], target, cardinality, smoothing
                )
        return cls(fill, table, offsets[:-1], np.array(columns, np.int64), np.array(ids, np.float32))

    def narrow(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        """`num` and `cat` -> float32 [n, n_numeric + n_categorical], what the graph's trees read."""
        num = inputs["num"] if len(self.fill) else np.zeros((len(inputs["cat"]), 0), np.float32)
        num = np.asarray(np.where(np.isnan(num), self.fill, num), np.float32)
        if not len(self.offsets):
            return num
        values: np.ndarray = np.concatenate([num, self.table[inputs["cat"] + self.offsets]], axis=1)
        return values

    def wide(self, narrow: np.ndarray) -> np.ndarray:
        """The narrow matrix -> float32 [n, n_features], what trees are grown on."""
        values = narrow[:, self.columns]
        asks = ~np.isnan(self.ids)
        values[:, asks] = values[:, asks] == self.ids[asks]
        return np.asarray(np.ascontiguousarray(values, dtype=np.float32))

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything, to be saved."""
        names = ("fill", "table", "offsets", "columns", "ids")
        return {f"features_{name}": getattr(self, name) for name in names}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> TableFeatures:
        """The inverse of `arrays`; other entries are left alone."""
        names = ("fill", "table", "offsets", "columns", "ids")
        return cls(**{name: arrays[f"features_{name}"] for name in names})


def _centred(target: np.ndarray, spec: DataSpec) -> np.ndarray:
    """The target as columns of mean 0, float64 [n, k]."""
    if target.ndim == 1:
        values = (target[:, None] == np.arange(spec.task.n_outputs)).astype(np.float64)
    else:
        values = target.astype(np.float64)
    centred: np.ndarray = values - values.mean(axis=0)
    return centred


def _ranks(ids: np.ndarray, target: np.ndarray, cardinality: int, smoothing: float) -> np.ndarray:
    """Rank of each id by the mean of the target; with several columns, along the direction in which means differ most.

    Ids that were not seen stand where the overall mean does.
    """
    counts = np.bincount(ids, minlength=cardinality)
    sums = np.stack([np.bincount(ids, weights=column, minlength=cardinality) for column in target.T], axis=1)
    means = sums / (counts + smoothing)[:, None]
    if means.shape[1] == 1:
        along = means[:, 0]
    else:
        _, _, directions = np.linalg.svd(means * np.sqrt(counts)[:, None], full_matrices=False)
        along = means @ directions[0]
    # Rounded, so that sums added in another order do not change the ranks.
    _, ranks = np.unique(along.round(9), return_inverse=True)
    return np.asarray(ranks, np.float32)
