"""Graphs that go on from what they have seen: an input `past` that may be left out, an output `present`.

`past` is an input with a default, the empty memory: a caller that feeds tokens alone gets the scores of a whole text.
One that feeds `present` back as `past` has only the new tokens computed.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tools.engine.export.runtime import PAST, PRESENT

if TYPE_CHECKING:
    import onnx

    from tools.engine.training.stepwise import Stepwise

_PLACES = "places"
"""Name of the axis that grows."""
LEAST_LENGTH = 4
_TRACED = 2
"""Earlier places in the traced example: neither none nor one, which exporters take for fixed."""


def export_stepwise(module: Stepwise, tokens: np.ndarray, opset: int) -> onnx.ModelProto:
    """Export a stepwise module.

    Args:
        module: On the CPU, in eval mode.
        tokens: Example, int64 [n, length], at least `LEAST_LENGTH` long.
        opset: Of ai.onnx.

    Returns:
        Graph with the inputs `tokens` and, with a default, `past`; outputs `scores` and `present`.
    """
    import onnx
    import torch
    from onnx import numpy_helper

    tokens = tokens[:, : tokens.shape[1] // 2]  # the earlier places of the example take some of the length
    shape = [_TRACED if size == 0 else size for size in module.empty.shape]
    past = torch.zeros(len(tokens), *shape[1:])
    grows = [axis for axis, size in enumerate(module.empty.shape) if size == 0]
    widened = [axis for axis, size in enumerate(module.empty.shape) if size <= 1]
    if not grows:
        with torch.no_grad():
            past = module(torch.from_numpy(tokens), module.empty)[1]
    buffer = io.BytesIO()
    torch.onnx.export(
        module,
        (torch.from_numpy(tokens), past),
        buffer,  # type: ignore[arg-type]
        dynamo=False,
        opset_version=opset,
        input_names=["tokens", PAST],
        output_names=["scores", PRESENT],
        dynamic_axes={
            "tokens": {0: "batch", 1: "sequence"},
            PAST: {axis: _PLACES if axis in grows else f"past_{axis}" for axis in widened},
            "scores": {0: "batch", 1: "sequence"},
            PRESENT: {0: "batch", **{axis: f"present_{axis}" for axis in grows}},
        },
    )
    graph = onnx.load_from_string(buffer.getvalue())
    graph.graph.initializer.append(numpy_helper.from_array(module.empty.numpy(), PAST))
    return graph


def in_two(session: Any, tokens: np.ndarray) -> np.ndarray | None:
    """Scores [n, length, vocab] of tokens read in two stretches; None for a core without a memory."""
    if not any(output.name == PRESENT for output in session.get_outputs()):
        return None
    cut = tokens.shape[1] // 2
    first, memory = session.run(["scores", PRESENT], {"tokens": tokens[:, :cut]})
    second = session.run(["scores"], {"tokens": tokens[:, cut:], PAST: memory})[0]
    return np.concatenate([first, second], axis=1)


def own_memory(core: onnx.ModelProto) -> tuple[onnx.ValueInfoProto, onnx.TensorProto, onnx.ValueInfoProto] | None:
    """(input, its default, output) of a core's memory; None where it has none."""
    if not any(entry.name == PRESENT for entry in core.graph.output):
        return None
    entry = next(entry for entry in core.graph.input if entry.name == PAST)
    default = next(constant for constant in core.graph.initializer if constant.name == PAST)
    return entry, default, next(entry for entry in core.graph.output if entry.name == PRESENT)


@dataclass
class Memory:
    """What a text generator keeps between two calls.

    Attributes:
        names: Input -> output of each member's memory.
        grows: Whether it grows with the tokens, so that it has an end.
    """

    names: dict[str, str]
    grows: bool

    @classmethod
    def of(cls, session: Any) -> Memory | None:
        """The memory of a loaded graph; None for graphs without one (those of earlier versions, and of other tasks)."""
        entries = [entry for entry in session.get_overridable_initializers() if entry.name.startswith(PAST)]
        outputs = {entry.name for entry in session.get_outputs()}
        names = {entry.name: entry.name.replace(PAST, PRESENT, 1) for entry in entries}
        if not names or not set(names.values()) <= outputs:
            return None
        return cls(names, any(str(axis).startswith(_PLACES) for entry in entries for axis in entry.shape))
