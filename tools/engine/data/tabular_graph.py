"""The preprocessing of a table as an ONNX graph: raw columns in, `num` and `cat` out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

OPSET, ML_OPSET, IR_VERSION = 18, 3, 10


def tabular_graph(
    numeric: list[str], categorical: dict[str, list[str]], others: frozenset[str] = frozenset()
) -> onnx.ModelProto:
    """Build the graph.

    Inputs are [batch, 1]: float32 for numbers, string for categories. `num` float32 [batch, n_numeric] keeps NaN; `cat`
    int64 [batch, n_categorical] is 0 for missing and unknown. A part without columns has width 0.

    Args:
        numeric: Input names of the numeric columns, in order.
        categorical: Input name -> levels; ids count from 1.
        others: Inputs whose unknown levels have an id of their own, after the last level; missing stays 0.
    """
    from onnx import TensorProto, helper

    taken = {*numeric, *categorical}

    def inner(wanted: str) -> str:
        while wanted in taken:
            wanted += "_"
        taken.add(wanted)
        return wanted

    num, cat = (inner(f"encoded_{name}" if name in taken else name) for name in ("num", "cat"))
    nodes, ids = [], []
    for position, (name, levels) in enumerate(categorical.items()):
        ids.append(inner(f"/cat/id{position}"))
        # An operator of ai.onnx.ml refuses empty tables; no value can be this key, because levels are never empty text.
        keys, values = (levels, list(range(1, len(levels) + 1))) if levels else ([""], [0])
        if name in others:
            keys, values = ["", *levels], list(range(len(levels) + 1))
        nodes.append(
            helper.make_node(
                "LabelEncoder", [name], [ids[-1]], domain="ai.onnx.ml",
                keys_strings=keys, values_int64s=values, default_int64=len(levels) + 1 if name in others else 0,
            )
        )  # fmt: skip
    constants = []
    if ids:
        nodes.append(helper.make_node("Concat", ids, [cat], axis=1))
    if numeric:
        nodes.append(helper.make_node("Concat", numeric, [num], axis=1))
    if not ids or not numeric:
        # Width 0, with the batch of the other part: cut off all of its columns, and cast.
        zero, axis, none = inner("/zero"), inner("/axis"), inner("/none")
        constants = [helper.make_tensor(key, TensorProto.INT64, [1], [value]) for key, value in ((zero, 0), (axis, 1))]
        lacking, there = (cat, num) if not ids else (num, cat)
        nodes.append(helper.make_node("Slice", [there, zero, zero, axis], [none]))
        kind = TensorProto.INT64 if not ids else TensorProto.FLOAT
        nodes.append(helper.make_node("Cast", [none], [lacking], to=kind))
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 1]) for name in numeric]
    inputs += [helper.make_tensor_value_info(name, TensorProto.STRING, ["batch", 1]) for name in categorical]
    outputs = [
        helper.make_tensor_value_info(num, TensorProto.FLOAT, ["batch", len(numeric)]),
        helper.make_tensor_value_info(cat, TensorProto.INT64, ["batch", len(ids)]),
    ]
    graph = helper.make_graph(nodes, "columns", inputs, outputs, constants)
    imports = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    return helper.make_model(graph, opset_imports=imports, ir_version=IR_VERSION)
