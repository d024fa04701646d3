"""Decision trees as flat arrays: what every kind of tree here becomes before it is exported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from tools.engine.training.table_features import TableFeatures

_BLOCK = 1 << 16
_SHAPES = 8


@dataclass(frozen=True)
class Trees:
    """Trees over the narrow matrix of `TableFeatures`; their leaf values are added up.

    An inner node sends a row left when `x[column] <= threshold`, or, where `equals`, when it is the same number; a
    missing value goes left where `missing_left`. Thresholds are float32, rounded down: for a float32 x and a double t,
    x <= t exactly when x <= the largest float32 that is not above t. A leaf is its own left and right.

    Attributes:
        roots: int64 [n_trees].
        outputs: int64 [n_trees], which score a tree adds to; unused when `value` has several columns.
        column: int64 [n_nodes].
        threshold: float32 [n_nodes].
        equals: bool [n_nodes].
        missing_left: bool [n_nodes].
        left: int64 [n_nodes].
        right: int64 [n_nodes].
        value: float32 [n_nodes, 1] or [n_nodes, n_outputs]; meaningful at leaves.
        n_outputs: Scores per row.
    """

    roots: np.ndarray
    outputs: np.ndarray
    column: np.ndarray
    threshold: np.ndarray
    equals: np.ndarray
    missing_left: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray
    n_outputs: int

    @property
    def is_leaf(self) -> np.ndarray:
        """Which nodes are leaves, bool [n_nodes]."""
        leaves: np.ndarray = self.left == np.arange(len(self.left))
        return leaves

    @property
    def n_parameters(self) -> int:
        """Thresholds and leaf values."""
        leaves = int(self.is_leaf.sum())
        return len(self.left) - leaves + leaves * int(self.value.shape[1])

    def first(self, n_trees: int) -> Trees:
        """The first trees only."""
        if n_trees >= len(self.roots):
            return self
        end = int(self.roots[n_trees])
        cut = {name: getattr(self, name)[:end] for name in _PER_NODE}
        return Trees(roots=self.roots[:n_trees], outputs=self.outputs[:n_trees], n_outputs=self.n_outputs, **cut)

    def sums(self, narrow: np.ndarray) -> np.ndarray:
        """float32 [n, n_columns] -> summed leaf values, float64 [n, n_outputs]."""
        n = len(narrow)
        total = np.zeros((n, self.n_outputs))
        if not n or not len(self.roots):
            return total
        rows_at_once = min(n, 4096)
        trees_at_once = max(1, _BLOCK // rows_at_once)
        for start in range(0, n, rows_at_once):
            rows = narrow[start : start + rows_at_once]
            for first in range(0, len(self.roots), trees_at_once):
                block = slice(first, first + trees_at_once)
                values = self.value[self._leaves(rows, self.roots[block])].astype(np.float64)
                if self.value.shape[1] == 1:
                    for output, part in zip(self.outputs[block], values[:, :, 0], strict=True):
                        total[start : start + len(rows), output] += part
                else:
                    total[start : start + len(rows)] += values.sum(axis=0)
        return total

    def _leaves(self, rows: np.ndarray, roots: np.ndarray) -> np.ndarray:
        """Leaf of every tree for every row, int64 [n_trees, n_rows]."""
        at = np.repeat(roots[:, None], len(rows), axis=1)
        number = np.arange(len(rows))
        while True:
            x, threshold = rows[number, self.column[at]], self.threshold[at]
            left = np.where(self.equals[at], x == threshold, x <= threshold)
            left |= np.isnan(x) & self.missing_left[at]
            after = np.where(left, self.left[at], self.right[at])
            if np.array_equal(after, at):
                return at
            at = after

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything, to be saved."""
        return {f"trees_{field.name}": np.asarray(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Trees:
        """The inverse of `arrays`; other entries are left alone."""
        found: dict[str, Any] = {field.name: arrays[f"trees_{field.name}"] for field in fields(cls)}
        return cls(**{**found, "n_outputs": int(found["n_outputs"])})


_PER_NODE = ("column", "threshold", "equals", "missing_left", "left", "right", "value")


@dataclass(frozen=True)
class GrownTree:
    """One tree as a library grew it, over the wide matrix.

    Attributes:
        output: Which score it adds to.
        feature: int64 [n_nodes]; anything at leaves.
        threshold: float64 [n_nodes].
        missing_left: bool [n_nodes].
        left: int64 [n_nodes], -1 at leaves; node 0 is the root.
        right: int64 [n_nodes].
        value: [n_nodes, 1 or n_outputs].
    """

    output: int
    feature: np.ndarray
    threshold: np.ndarray
    missing_left: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray


def flatten(grown: Sequence[GrownTree], features: TableFeatures, n_outputs: int) -> Trees:
    """Put trees one behind the other and translate their splits to the narrow matrix."""
    if not grown:
        return _none(n_outputs)
    starts = np.concatenate([[0], np.cumsum([len(tree.left) for tree in grown])]).astype(np.int64)
    shift = np.repeat(starts[:-1], np.diff(starts))
    own = np.arange(starts[-1])
    left = np.concatenate([tree.left for tree in grown])
    right = np.concatenate([tree.right for tree in grown])
    leaf = left < 0
    left, right = np.where(leaf, own, left + shift), np.where(leaf, own, right + shift)
    feature = np.where(leaf, 0, np.concatenate([tree.feature for tree in grown]))
    threshold = round_down(np.where(leaf, 0.0, np.concatenate([tree.threshold for tree in grown])))
    missing_left = np.concatenate([tree.missing_left for tree in grown]).astype(bool) & ~leaf
    if len(features.columns):
        asked = features.ids[feature]
        equals = ~np.isnan(asked) & ~leaf
        # "Is it this id?" was 0 or 1: up to 0.5 means no. The graph asks for yes, so the sides change places.
        left, right = np.where(equals, right, left), np.where(equals, left, right)
        threshold = np.where(equals, asked, threshold).astype(np.float32)
        missing_left &= ~equals
        column = np.where(leaf, 0, features.columns[feature])
    else:
        equals, column = np.zeros(len(leaf), bool), np.zeros(len(leaf), np.int64)
    return Trees(
        roots=starts[:-1],
        outputs=np.array([tree.output for tree in grown], np.int64),
        column=column,
        threshold=threshold,
        equals=equals,
        missing_left=missing_left,
        left=left,
        right=right,
        value=np.concatenate([tree.value for tree in grown]).astype(np.float32),
        n_outputs=n_outputs,
    )


def round_down(values: np.ndarray) -> np.ndarray:
    """The largest float32 that is not above each float64.

    >>> bool(round_down(np.array([0.1]))[0] <= 0.1), float(round_down(np.array([0.5]))[0])
    (True, 0.5)
    """
    with np.errstate(over="ignore"):
        short = values.astype(np.float32)
    below = np.nextafter(short, np.float32(-np.inf))
    return np.where(short.astype(np.float64) > values, below, short).astype(np.float32)


def round_half(values: np.ndarray) -> np.ndarray:
    """Leaf vectors as the graph stores them: rounded to 11 bits."""
    return values.astype(np.float16).astype(np.float64)


def random_trees(n_trees: int, n_leaves: int, features: TableFeatures, n_outputs: int, width: int, seed: int) -> Trees:
    """Trees of a given size with random splits, to measure what a trained model would cost.

    Args:
        n_trees: How many.
        n_leaves: Leaves of each.
        features: Decides what can be split.
        n_outputs: Scores per row.
        width: Values per leaf.
        seed: Of the splits.
    """
    rng = np.random.default_rng(seed)
    n_leaves = max(1, n_leaves if len(features.columns) else 1)
    n_nodes = 2 * n_leaves - 1
    shapes = [_random_shape(n_nodes, rng) for _ in range(min(n_trees, _SHAPES))]
    grown = []
    for number in range(n_trees):
        left, right = shapes[number % _SHAPES]
        grown.append(
            GrownTree(
                output=number % n_outputs if width == 1 else 0,
                feature=rng.integers(max(1, len(features.columns)), size=n_nodes),
                threshold=rng.normal(size=n_nodes),
                missing_left=rng.random(n_nodes) < 0.5,
                left=left,
                right=right,
                value=_leaf_values(n_nodes, width, rng),
            )
        )
    return flatten(grown, features, n_outputs)


def _random_shape(n_nodes: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Children of a tree that is neither balanced nor a chain: any leaf may be the next to split."""
    left, right = np.full(n_nodes, -1, np.int64), np.full(n_nodes, -1, np.int64)
    open_leaves = [0]
    for made in range(1, n_nodes, 2):
        place = int(rng.integers(len(open_leaves)))
        parent = open_leaves[place]
        left[parent], right[parent] = made, made + 1
        open_leaves[place] = made
        open_leaves.append(made + 1)
    return left, right


def _leaf_values(n_nodes: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Numbers between 0 and 1; of vectors half are a sure class (the least that was seen in deep trees)."""
    values = rng.random((n_nodes, width))
    if width == 1:
        return values
    sure = rng.random(n_nodes) < 0.5
    values[sure] = np.eye(width)[rng.integers(width, size=int(sure.sum()))]
    return round_half(values)


def _none(n_outputs: int) -> Trees:
    whole, none = np.zeros(0, np.int64), np.zeros(0, bool)
    return Trees(
        whole, whole, whole, np.zeros(0, np.float32), none, none, whole, whole, np.zeros((0, 1), np.float32), n_outputs
    )
