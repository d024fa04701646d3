"""One ONNX graph for everything: raw columns (or pixels, or tokens) -> encoding -> models -> labels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.core.errors import OptimizationError
from tools.engine.data.dataset import TaskSpec
from tools.engine.export.assembly import Assembly, default_opset, free_name
from tools.engine.export.decode import decode, output_names
from tools.engine.export.graph import OPSET
from tools.engine.export.memory import own_memory
from tools.engine.export.runtime import PAST, PRESENT

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True)
class Composed:
    """The whole graph.

    Attributes:
        model: The checked model.
        inputs: Name of a raw input, as the encoder knows it -> name of the graph's input. They differ only where a
            column has the name of an output, or none.
    """

    model: onnx.ModelProto
    inputs: dict[str, str]


def compose(
    encoding: onnx.ModelProto | None,
    encoded_names: Sequence[str],
    cores: list[onnx.ModelProto],
    weights: list[float],
    task: TaskSpec,
    *,
    mean: Sequence[float] = (0.0,),
    scale: Sequence[float] = (1.0,),
    properties: dict[str, str] | None = None,
) -> Composed:
    """Put the parts together.

    Args:
        encoding: From raw to encoded inputs (`Encoder.graph`); None when they are the same.
        encoded_names: Names of the encoded inputs (`Encoder.transform`), in the order of the outputs of `encoding`.
        cores: Graphs of `core_graph`, at least one.
        weights: How much each core's predictions count.
        task: Decides the outputs (see `decode`).
        mean: Mean of a regression target; see `decode`.
        scale: Standard deviation of a regression target; see `decode`.
        properties: Metadata stored in the file; `inputs` (raw name -> name in the graph) is added.

    Raises:
        OptimizationError: a core wants an input that the encoding does not make.
    """
    from onnx import ValueInfoProto

    parts = [part for part in (encoding, *cores) if part is not None]
    taken = set(output_names(task))
    entries: list[ValueInfoProto] = []
    names: dict[str, str] = {}
    sources = [encoding] if encoding is not None else cores
    for entry in (entry for source in sources for entry in _inputs(source)):
        if entry.name in names:  # several models may take the same
            continue
        names[entry.name] = free_name(entry.name, taken)
        renamed = ValueInfoProto()
        renamed.CopyFrom(entry)
        renamed.name = names[entry.name]
        renamed.type.tensor_type.shape.dim[0].dim_param = "batch"
        for axis in list(renamed.type.tensor_type.shape.dim)[1:]:
            if axis.dim_param and entries:  # a text has other numbers of words and pieces: one name promises equality
                axis.dim_param = f"{axis.dim_param}_{entry.name}"
        entries.append(renamed)

    graph = Assembly(max([OPSET, *(default_opset(part) for part in parts)]), taken)
    encoded = names
    if encoding is not None:
        # By position: an output is called otherwise where a column has its name already.
        made = graph.absorb(encoding, "/encode/", names)
        encoded = dict(zip(encoded_names, made.values(), strict=True))
    scores, memories = [], list[ValueInfoProto]()
    for number, core in enumerate(cores, start=1):
        wanted = [entry.name for entry in _inputs(core)]
        lacking = [name for name in wanted if name not in encoded]
        if lacking:
            raise OptimizationError(f"The model needs the inputs {lacking}, which the encoding does not make.")
        feeds = {name: encoded[name] for name in wanted}
        kept = own_memory(core)
        if kept is not None:
            core, entry, kept_output = _with_memory(core, kept, f"_{number}", graph)
            feeds[PAST] = entry.name
            entries.append(entry)
            memories.append(kept_output)
        made = graph.absorb(core, f"/model{number}/", feeds)
        scores.append(made["scores"])
        if kept is not None:
            graph.op("Identity", [made[PRESENT]], memories[-1].name)
    outputs = [*decode(graph, task, scores, weights, mean, scale), *memories]
    properties = {**(properties or {}), "inputs": json.dumps(names, ensure_ascii=False)}
    return Composed(graph.model(entries, outputs, properties), names)


def _with_memory(
    core: onnx.ModelProto,
    kept: tuple[onnx.ValueInfoProto, onnx.TensorProto, onnx.ValueInfoProto],
    suffix: str,
    graph: Assembly,
) -> tuple[onnx.ModelProto, onnx.ValueInfoProto, onnx.ValueInfoProto]:
    """A core whose memory is fed from outside; that input of the whole graph (with its default), and its output."""
    from onnx import ModelProto, TensorProto, ValueInfoProto

    entry, default, output = ValueInfoProto(), TensorProto(), ValueInfoProto()
    for copy, original, name in ((entry, kept[0], PAST), (default, kept[1], PAST), (output, kept[2], PRESENT)):
        copy.CopyFrom(original)
        copy.name = name + suffix
    for axis in list(entry.type.tensor_type.shape.dim):
        if axis.dim_param:  # members differ in depth
            axis.dim_param += suffix
    for axis in list(output.type.tensor_type.shape.dim)[1:]:
        if axis.dim_param:
            axis.dim_param += suffix
    graph.default(default)
    bare = ModelProto()
    bare.CopyFrom(core)
    constants = [constant for constant in core.graph.initializer if constant.name != PAST]
    del bare.graph.initializer[:]
    bare.graph.initializer.extend(constants)
    return bare, entry, output


def _inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """Inputs that must be fed (old graphs list constants among their inputs)."""
    constants = {entry.name for entry in model.graph.initializer}
    return [entry for entry in model.graph.input if entry.name not in constants]
