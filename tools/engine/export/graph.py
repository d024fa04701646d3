"""From a trained learner to the ONNX graph of its core: encoded inputs in, raw `scores` out.

The TorchScript exporter takes 10-100 ms, `torch.export` 4-30 s, so the fast one goes first. It traces: what depends on
the example (a baked batch size or sequence length) would be wrong without an error. Each graph is therefore compared
with its module at other batch sizes and lengths than it was traced with; the slow exporter is used where that fails.
"""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tools.core.errors import OptimizationError
from tools.engine.export import memory
from tools.engine.export.runtime import n_rows, open_session, repeat_to, run_session, runtime_errors

if TYPE_CHECKING:
    import onnx
    from torch import nn

    from tools.engine.training.learner import Learner

logger = logging.getLogger(__name__)

OPSET = 18
"""ai.onnx opset of every graph here: the newest that the TorchScript exporter knows well."""
IR_VERSION = 10
"""ONNX file format version: read by onnxruntime 1.18 (2024) and later."""
TOLERANCE = 1e-3
"""Largest difference of raw scores, as a part of the largest score, between a module and its graph."""
SEQUENCES = frozenset({"tokens", "pieces"})
"""Inputs whose second axis (the length) may differ from call to call."""

Feed = dict[str, np.ndarray]


def core_graph(learner: Learner, example: Feed) -> onnx.ModelProto:
    """Export a learner's model and check the graph against it.

    Args:
        learner: Trained or not.
        example: At least one encoded example, input name -> array [n, ...]; more rows make a sharper check.

    Returns:
        Graph with the inputs `learner.input_names` and one output, `scores`; batch (and sequence length) are free. That
        of a text generator has a memory as well (see `memory`).

    Raises:
        OptimizationError: the learner has no exportable form, or no exporter gives its numbers.
    """
    example = {name: example[name] for name in learner.input_names}
    ready = learner.onnx_core()
    if ready is not None:
        problem = _difference(ready, lambda feed: learner.predict(feed), [repeat_to(example, n) for n in (1, 3)])
        if problem is not None:
            raise OptimizationError(f"The exported model does not give the model's numbers: {problem}.")
        return ready
    from tools.engine.training.network import Network

    module = learner.module()
    if module is None:
        raise OptimizationError(
            "This model can be exported neither as a torch module nor as an ONNX graph.",
            hint="Choose another model family.",
        )
    # A copy on the CPU: exporters change modes and hooks, and onnxruntime checks it on the CPU too.
    module = copy.deepcopy(module).to("cpu").eval()
    probes = _probes(module, example)
    problems = []
    remembers = isinstance(module, Network) and module.stepwise() is not None
    steps = [_stepwise] if remembers and example["tokens"].shape[1] >= memory.LEAST_LENGTH else []
    for export in (*steps, _torchscript, _dynamo):
        try:
            graph = export(module, repeat_to(example, 3))
        except _export_errors() as error:
            problems.append(f"{export.__name__[1:]}: {str(error).splitlines()[0][:200] if str(error) else error!r}")
            continue
        problem = _difference(graph, lambda feed: _forward(module, feed), probes)
        if problem is None:
            return graph
        problems.append(f"{export.__name__[1:]}: {problem}")
        logger.info("%s export of %s failed its check: %s", export.__name__[1:], type(module).__name__, problem)
    raise OptimizationError(
        f"The model could not be exported to ONNX ({'; '.join(problems)}).", hint="Choose another model family."
    )


def _probes(module: nn.Module, example: Feed) -> list[Feed]:
    """Feeds that differ from the traced one: batch 1 and 5, and half the sequence length where the module takes it."""
    probes = [repeat_to(example, 1), repeat_to(example, 5)]
    if SEQUENCES & set(example):
        half = {
            name: array[:2, : max(1, array.shape[1] // 2)] if name in SEQUENCES else array[:2]
            for name, array in example.items()
        }
        with contextlib.suppress(RuntimeError):  # a convolution wider than the text: then the graph need not take it
            _forward(module, half)
            probes.append(half)
    return probes


def _forward(module: nn.Module, feed: Feed) -> np.ndarray:
    import torch

    with torch.inference_mode():
        scores = module(*(torch.from_numpy(np.ascontiguousarray(array)) for array in feed.values()))
    return np.asarray(scores.float().numpy())


def _difference(graph: onnx.ModelProto, reference: Any, probes: list[Feed]) -> str | None:
    """What is wrong with the graph, in words; None when it gives the reference's numbers on every probe."""
    try:
        session = open_session(graph)
        for feed in probes:
            expected = reference(feed)
            scores = run_session(session, feed, ["scores"])["scores"]
            shape = f"with {n_rows(feed)} rows"
            if scores.shape != expected.shape:
                return f"{shape}, its scores have the shape {scores.shape}, not {expected.shape}"
            stretches = memory.in_two(session, feed["tokens"]) if "tokens" in feed else None
            for how, found in (("", scores), (" in two stretches", stretches)):
                difference = 0.0 if found is None else float(np.abs(found - expected).max(initial=0.0))
                if not difference <= TOLERANCE * max(1.0, float(np.abs(expected).max(initial=0.0))):
                    return f"{shape}{how}, its scores differ by {difference:.2g}"
    except runtime_errors() as error:
        return str(error).splitlines()[0][:200]
    return None


def _axes(example: Feed, scores: np.ndarray) -> dict[str, dict[int, str]]:
    """Which axes are free, by input and output name."""
    axes = {name: {0: "batch", 1: "sequence"} if name in SEQUENCES else {0: "batch"} for name in example}
    axes["scores"] = {0: "batch", 1: "sequence"} if scores.ndim == 3 else {0: "batch"}
    return axes


def _stepwise(module: Any, example: Feed) -> onnx.ModelProto:
    with _quiet():
        graph = memory.export_stepwise(module.stepwise().eval(), np.ascontiguousarray(example["tokens"]), OPSET)
    graph.ir_version = IR_VERSION
    return graph


def _torchscript(module: nn.Module, example: Feed) -> onnx.ModelProto:
    import onnx
    import torch

    buffer = io.BytesIO()
    with _quiet():
        torch.onnx.export(
            module,
            tuple(torch.from_numpy(np.ascontiguousarray(array)) for array in example.values()),
            buffer,  # type: ignore[arg-type]  # the TorchScript exporter takes buffers; the annotation is of the other one
            dynamo=False,
            opset_version=OPSET,
            input_names=list(example),
            output_names=["scores"],
            dynamic_axes=_axes(example, _forward(module, example)),
        )
    graph = onnx.load_from_string(buffer.getvalue())
    graph.ir_version = IR_VERSION
    return graph


def _dynamo(module: nn.Module, example: Feed) -> onnx.ModelProto:
    import torch

    batch, length = torch.export.Dim("batch", min=1), torch.export.Dim("sequence", min=1)
    shapes = tuple({0: batch, 1: length} if name in SEQUENCES else {0: batch} for name in example)
    with _quiet():
        program = torch.onnx.export(
            module,
            tuple(torch.from_numpy(np.ascontiguousarray(array)) for array in example.values()),
            dynamo=True,
            opset_version=OPSET,
            dynamic_shapes=shapes,
            input_names=list(example),
            output_names=["scores"],
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export returned nothing")
    graph = program.model_proto
    graph.ir_version = IR_VERSION
    return graph


def _export_errors() -> tuple[type[Exception], ...]:
    """What the exporters raise for a model they cannot express (their own classes derive from these)."""
    import torch

    return (RuntimeError, ValueError, TypeError, torch.onnx.errors.OnnxExporterError)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Exporters warn about tracing and about themselves; the check after them is what counts."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [entry.level for entry in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for entry in loggers:
            entry.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for entry, level in zip(loggers, levels, strict=True):
                entry.setLevel(level)
