"""Trees as an ONNX graph: encoded inputs in, raw scores out, one operator for all trees."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tools.engine.training.table_features import TableFeatures
from tools.engine.training.trees import Trees

if TYPE_CHECKING:
    import onnx

OPSET, ML_OPSET, IR_VERSION = 18, 5, 10
_LEQ, _EQ = 0, 4


class GraphParts:
    """Nodes and constants under construction."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, value: Any) -> str:
        """Add a constant; returns its name."""
        from onnx import numpy_helper

        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def op(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Append a node with one output; returns its name."""
        from onnx import helper

        name = output or f"value{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name


Head = Callable[[GraphParts, str], str]
"""Adds the nodes from summed leaf values [n, n_outputs] to `scores`; returns the name of its last value."""


def tree_graph(trees: Trees, features: TableFeatures, input_names: tuple[str, ...], head: Head) -> onnx.ModelProto:
    """Build the graph.

    Args:
        trees: The trees; their `column` counts the narrow matrix.
        features: Makes the narrow matrix.
        input_names: `num`, `cat` or both.
        head: From sums to scores.
    """
    from onnx import TensorProto, helper

    parts = GraphParts()
    blocks, inputs = [], []
    if "num" in input_names:
        inputs.append(helper.make_tensor_value_info("num", TensorProto.FLOAT, ["batch", len(features.fill)]))
        missing = parts.op("IsNaN", "num")
        blocks.append(parts.op("Where", missing, parts.constant(features.fill[None]), "num"))
    if "cat" in input_names:
        inputs.append(helper.make_tensor_value_info("cat", TensorProto.INT64, ["batch", len(features.offsets)]))
        places = parts.op("Add", "cat", parts.constant(features.offsets[None]))
        blocks.append(parts.op("Gather", parts.constant(features.table), places))
    narrow = parts.op("Concat", *blocks, axis=1) if len(blocks) > 1 else blocks[0]
    sums = _ensemble(parts, trees, narrow)
    scores = parts.op("Identity", head(parts, sums), output="scores")
    outputs = [helper.make_tensor_value_info(scores, TensorProto.FLOAT, ["batch", None])]
    graph = helper.make_graph(parts.nodes, "trees", inputs, outputs, parts.constants)
    imports = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    return helper.make_model(graph, opset_imports=imports, ir_version=IR_VERSION)


def _ensemble(parts: GraphParts, trees: Trees, narrow: str) -> str:
    """The trees over `narrow`; returns the name of the sums [n, n_outputs].

    A leaf of the operator adds one number to one target. Where leaves hold a vector each, a tree's target is the tree
    itself and the number says which row of a table its leaf holds; many leaves hold the same (a sure class), so the
    table is short.
    """
    leaf = trees.is_leaf
    if trees.value.shape[1] == 1:
        tree_of = np.searchsorted(trees.roots, np.flatnonzero(leaf), side="right") - 1
        weights, targets = trees.value[leaf, 0], trees.outputs[tree_of]
        return parts.op("Identity", _tree_node(parts, trees, narrow, weights, targets, trees.n_outputs))
    vectors, kind = np.unique(trees.value[leaf], axis=0, return_inverse=True)
    tree_of = np.searchsorted(trees.roots, np.flatnonzero(leaf), side="right") - 1
    chosen = _tree_node(parts, trees, narrow, kind.ravel().astype(np.float32), tree_of, len(trees.roots))
    numbers = parts.op("Cast", chosen, to=7)
    # Rounded to half precision already (`round_half`); the runtime widens the table once, when the model is loaded.
    table = parts.op("Cast", parts.constant(vectors.astype(np.float16)), to=1)
    found = parts.op("Gather", table, numbers)
    return parts.op("ReduceSum", found, parts.constant(np.array([1], np.int64)), keepdims=0)


def _tree_node(
    parts: GraphParts, trees: Trees, narrow: str, weights: np.ndarray, targets: np.ndarray, n_targets: int
) -> str:
    """One `TreeEnsemble` with the given number and target for every leaf, in the order of the nodes."""
    from onnx import numpy_helper

    leaf = trees.is_leaf
    inner, leaves = np.cumsum(~leaf) - 1, np.cumsum(leaf) - 1
    alone = leaf[trees.roots]  # trees without a split: the operator wants one, with the same leaf on both sides
    n_inner = int((~leaf).sum())
    number = np.where(leaf, leaves, inner)
    at = ~leaf
    one_leaf = leaves[trees.roots[alone]]
    extra = len(one_leaf)

    def column(values: np.ndarray, added: np.ndarray) -> np.ndarray:
        return np.concatenate([values, added])

    roots = inner[trees.roots].copy()
    roots[alone] = n_inner + np.arange(extra)
    nothing, whole = np.zeros(extra, np.int64), np.ones(extra, np.int64)
    modes = column(np.where(trees.equals[at], _EQ, _LEQ), nothing).astype(np.uint8)
    splits = column(trees.threshold[at], nothing).astype(np.float32)
    return parts.op(
        "TreeEnsemble",
        narrow,
        domain="ai.onnx.ml",
        n_targets=n_targets,
        aggregate_function=1,
        post_transform=0,
        tree_roots=roots.tolist(),
        nodes_modes=numpy_helper.from_array(modes),
        nodes_splits=numpy_helper.from_array(splits),
        nodes_featureids=column(trees.column[at], nothing).tolist(),
        nodes_truenodeids=column(number[trees.left[at]], one_leaf).tolist(),
        nodes_falsenodeids=column(number[trees.right[at]], one_leaf).tolist(),
        nodes_trueleafs=column(leaf[trees.left[at]].astype(np.int64), whole).tolist(),
        nodes_falseleafs=column(leaf[trees.right[at]].astype(np.int64), whole).tolist(),
        nodes_missing_value_tracks_true=column(trees.missing_left[at].astype(np.int64), nothing).tolist(),
        leaf_targetids=np.asarray(targets).tolist(),
        leaf_weights=numpy_helper.from_array(np.asarray(weights, np.float32)),
    )
