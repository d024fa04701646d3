"""The end of every exported graph: from raw scores of one or several models to what a user wants to read.

Several models are averaged on their predictions (probabilities, values), not on raw scores: members of different
families have scores on different scales, their probabilities are comparable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np

from tools.core.errors import TaskError
from tools.engine.data.dataset import TaskSpec
from tools.engine.export.assembly import Assembly

if TYPE_CHECKING:
    import onnx

_NAMES = ("label", "labels", "probabilities", "prediction", "logits", "predictions")

TINY = float(np.finfo(np.float32).tiny)


def output_names(task: TaskSpec) -> frozenset[str]:
    """Names that no input may have."""
    return frozenset({*_NAMES, *(f"{name}_{target}" for name in _NAMES for target in task.targets)})


def decode(
    graph: Assembly,
    task: TaskSpec,
    scores: list[str],
    weights: list[float],
    mean: Sequence[float] = (0.0,),
    scale: Sequence[float] = (1.0,),
) -> list[onnx.ValueInfoProto]:
    """Append the decoding of `scores`, one name per model.

    Args:
        graph: Is extended.
        task: Decides which outputs there are: `label` and `probabilities`; `labels` (0 or 1) and `probabilities`;
            `prediction`; or `logits`. For several targets those of each with its column's name after them, and all
            predictions side by side as `predictions`.
        scores: Raw scores of every model, as `Learner.predict` gives them.
        weights: One per model; scaled to a sum of 1.
        mean: Mean of a regression target; one for each part of several (0 for classes).
        scale: Standard deviation of a regression target; likewise (1 for classes).

    Returns:
        The graph's outputs.

    Raises:
        TaskError: no decoding is known for this kind of task.
    """
    total = sum(weights)
    shares = [weight / total for weight in weights]
    if task.parts:
        return _side_by_side(graph, task, scores, shares, mean, scale)
    return _decode(graph, task, scores, shares, mean[0], scale[0])


def _decode(
    graph: Assembly,
    task: TaskSpec,
    scores: list[str],
    weights: list[float],
    mean: float,
    scale: float,
    suffix: str = "",
) -> list[onnx.ValueInfoProto]:
    if task.kind not in _DECODERS:
        raise TaskError(
            f"There is no ONNX decoding for tasks of the kind '{task.kind}'.",
            hint=f"Known kinds: {', '.join(sorted(_DECODERS))}.",
        )
    return _DECODERS[task.kind](graph, task, scores, weights, mean, scale, suffix)


def _side_by_side(
    graph: Assembly,
    task: TaskSpec,
    scores: list[str],
    weights: list[float],
    mean: Sequence[float],
    scale: Sequence[float],
) -> list[onnx.ValueInfoProto]:
    """Each target decoded by itself, and all predictions in one matrix."""
    from onnx import TensorProto, helper

    outputs, columns = [], []
    axis = graph.constant(np.array([1], dtype=np.int64), "axes")
    for number, (part, place) in enumerate(zip(task.parts, task.slices, strict=True)):
        ends = [graph.constant(np.array([edge], dtype=np.int64), "edge") for edge in (place.start, place.stop)]
        own = [graph.op("Slice", [name, *ends, axis]) for name in scores]
        suffix = f"_{part.target}"
        outputs += _decode(graph, part, own, weights, mean[number], scale[number], suffix)
        values = part.kind == "regression"
        columns.append(graph.op("Unsqueeze", [f"prediction{suffix}", axis]) if values else f"probabilities{suffix}")
    graph.op("Concat", columns, "predictions", axis=1)
    return [*outputs, helper.make_tensor_value_info("predictions", TensorProto.FLOAT, ["batch", task.n_outputs])]


def _average(graph: Assembly, predictions: list[str], weights: list[float]) -> str:
    if len(predictions) == 1:
        return predictions[0]
    parts = [
        graph.op("Mul", [name, graph.constant(np.float32(weight), "weight")])
        for name, weight in zip(predictions, weights, strict=True)
    ]
    return graph.op("Sum", parts)


def _classes(
    graph: Assembly, task: TaskSpec, scores: list[str], weights: list[float], mean: float, scale: float, suffix: str
) -> list[onnx.ValueInfoProto]:
    """Softmax, or one sigmoid per label; then the label itself, as it stands in the data."""
    from onnx import TensorProto, helper

    n_classes = len(task.classes)
    if task.multilabel:
        average = _average(graph, [graph.op("Sigmoid", [name]) for name in scores], weights)
        graph.op("Identity", [average], f"probabilities{suffix}")
        chosen = graph.op("GreaterOrEqual", [average, graph.constant(np.float32(0.5), "threshold")])
        graph.op("Cast", [chosen], f"labels{suffix}", to=TensorProto.INT64)
        first = helper.make_tensor_value_info(f"labels{suffix}", TensorProto.INT64, ["batch", n_classes])
    else:
        average = _average(graph, [graph.op("Softmax", [name], axis=-1) for name in scores], weights)
        graph.op("Identity", [average], f"probabilities{suffix}")
        best = graph.op("ArgMax", [average], axis=1, keepdims=0)
        numbers = all(isinstance(label, Integral) for label in task.classes)
        labels = np.array(task.classes, dtype=np.int64 if numbers else object)
        graph.op("Gather", [graph.constant(labels, "classes"), best], f"label{suffix}", axis=0)
        kind = TensorProto.INT64 if numbers else TensorProto.STRING
        first = helper.make_tensor_value_info(f"label{suffix}", kind, ["batch"])
    return [first, helper.make_tensor_value_info(f"probabilities{suffix}", TensorProto.FLOAT, ["batch", n_classes])]


def _values(
    graph: Assembly, task: TaskSpec, scores: list[str], weights: list[float], mean: float, scale: float, suffix: str
) -> list[onnx.ValueInfoProto]:
    """Back from standard deviations to the unit of the data."""
    from onnx import TensorProto, helper

    scaled = graph.op("Mul", [_average(graph, scores, weights), graph.constant(np.float32(scale), "scale")])
    shift = graph.constant(np.float32(mean), "mean")
    if task.n_outputs > 1:
        graph.op("Add", [scaled, shift], f"prediction{suffix}")
        return [helper.make_tensor_value_info(f"prediction{suffix}", TensorProto.FLOAT, ["batch", task.n_outputs])]
    axes = graph.constant(np.array([1], dtype=np.int64), "axes")
    graph.op("Squeeze", [graph.op("Add", [scaled, shift]), axes], f"prediction{suffix}")
    return [helper.make_tensor_value_info(f"prediction{suffix}", TensorProto.FLOAT, ["batch"])]


def _tokens(
    graph: Assembly, task: TaskSpec, scores: list[str], weights: list[float], mean: float, scale: float, suffix: str
) -> list[onnx.ValueInfoProto]:
    """Logits of the next token at every place; of several models the logarithm of the mean probability."""
    from onnx import TensorProto, helper

    if len(scores) == 1:
        graph.op("Identity", [scores[0]], f"logits{suffix}")
    else:
        average = _average(graph, [graph.op("Softmax", [name], axis=-1) for name in scores], weights)
        graph.op("Log", [graph.op("Max", [average, graph.constant(np.float32(TINY), "tiny")])], f"logits{suffix}")
    return [helper.make_tensor_value_info(f"logits{suffix}", TensorProto.FLOAT, ["batch", "sequence", "vocabulary"])]


_DECODERS: dict[
    str, Callable[[Assembly, TaskSpec, list[str], list[float], float, float, str], list[onnx.ValueInfoProto]]
] = {"classification": _classes, "regression": _values, "generation": _tokens}


def predictions_of(kind: str, outputs: dict[str, np.ndarray]) -> np.ndarray:
    """What metrics judge, from the outputs of a whole graph; the same as `TargetEncoder.decode` of the raw scores.

    Args:
        kind: Kind of the task.
        outputs: Output name -> array, with the outputs that `decode` made.

    Returns:
        Probabilities [n, k]; values [n]; those of several targets [n, n_outputs]; or probabilities over the vocabulary
        [n, length, vocab].
    """
    if kind == "generation":
        logits = outputs["logits"]
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        probabilities: np.ndarray = powers / powers.sum(axis=-1, keepdims=True)
        return probabilities
    return outputs[needed_output(kind)]


def needed_output(kind: str) -> str:
    """The output that `predictions_of` reads; running for it alone spares the rest."""
    names = {"generation": "logits", "regression": "prediction", "multitask": "predictions"}
    return names.get(kind, "probabilities")
