"""Half-precision storage: weights are kept as float16 and widened when the model is loaded.

Arithmetic stays float32: half-precision kernels are missing or slow on most CPUs, and whole graphs in float16 have
crashed onnxruntime. So the file is half the size, the speed is the same, and only the rounding of the weights (11 bits
of mantissa, a relative error of at most 2^-11) can cost quality.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnx

FEWEST_VALUES = 64
"""Smaller constants cost more as a Cast node than they save."""
LARGEST = float(np.finfo(np.float16).max)


def halve(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of the model with its large float32 constants stored as float16.

    Constants that float16 cannot hold (larger than 65504, or a value that would become 0) stay as they are.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    halved = onnx.ModelProto()
    halved.CopyFrom(model)
    graph, casts = halved.graph, []
    for constant in graph.initializer:
        if constant.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(constant)
        if values.size < FEWEST_VALUES or not _holds(values):
            continue
        name = constant.name
        constant.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}/half"))
        casts.append(helper.make_node("Cast", [f"{name}/half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]  # a Cast stands before whatever reads it
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(halved)
    return halved


def _holds(values: np.ndarray) -> bool:
    """Whether float16 keeps these numbers: none overflows, and what is lost near 0 is nothing beside the largest."""
    largest = float(np.abs(values).max(initial=0.0))
    if not np.isfinite(largest) or largest > LARGEST:
        return False
    error = float(np.abs(values.astype(np.float16).astype(np.float32) - values).max(initial=0.0))
    return error <= largest * 2**-10
