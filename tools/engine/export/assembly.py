"""Putting ONNX graphs together: nodes are appended, whole models are absorbed under a prefix."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from tools.engine.export.graph import IR_VERSION, OPSET

if TYPE_CHECKING:
    import onnx


def free_name(wanted: str, taken: set[str]) -> str:
    """`wanted`, or the first of `wanted_2`, `wanted_3` … that nobody has; it is added to `taken`.

    ONNX names are any text that is not empty, so column names stay as they are whenever they can.

    >>> free_name("age", taken := {"label"}), free_name("label", taken), free_name("", taken), free_name("", taken)
    ('age', 'label_2', 'column', 'column_2')
    """
    base = wanted or "column"
    name, count = base, 1
    while name in taken:
        count += 1
        name = f"{base}_{count}"
    taken.add(name)
    return name


class Assembly:
    """A graph that grows.

    Args:
        opset: ai.onnx opset; absorbed models with an older one are converted.
        taken: Names that inner values must not get.
    """

    def __init__(self, opset: int = OPSET, taken: Iterable[str] = ()) -> None:
        self.opset = opset
        self._taken = set(taken)
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._domains: dict[str, int] = {"": opset}

    def constant(self, value: Any, name: str = "constant") -> str:
        """Add a constant; `value` is an array or what becomes one (str arrays are allowed)."""
        from onnx import TensorProto, helper, numpy_helper

        array = np.asarray(value)
        name = free_name(f"/{name}", self._taken)
        if array.dtype.kind in "OU":
            flat = [str(item).encode() for item in array.ravel()]
            self._constants.append(helper.make_tensor(name, TensorProto.STRING, array.shape, flat))
        else:
            self._constants.append(numpy_helper.from_array(array, name))
        return name

    def default(self, value: onnx.TensorProto) -> None:
        """Add the default of an input of that name."""
        self._taken.add(value.name)
        self._constants.append(value)

    def op(self, kind: str, inputs: list[str], output: str | None = None, **attributes: Any) -> str:
        """Append one node of ai.onnx with one output; returns the output's name (a new one, or `output`)."""
        from onnx import helper

        name = output if output is not None else free_name(f"/{kind}", self._taken)
        self._nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def absorb(self, model: onnx.ModelProto, prefix: str, feeds: dict[str, str]) -> dict[str, str]:
        """Append a whole model.

        Args:
            model: Its names are prefixed, so that they meet nobody else's.
            prefix: For instance "/model1/".
            feeds: Input of the model -> name in this graph.

        Returns:
            Output of the model -> name in this graph.
        """
        import onnx
        from onnx import compose, helper, inliner

        model = _at_opset(model, self.opset)
        if model.functions:
            model = inliner.inline_local_functions(model)
        while any(name.startswith(prefix) for name in self._taken):
            prefix = f"{prefix}_"
        inner = compose.add_prefix(model, prefix)
        for entry, original in zip(inner.graph.input, model.graph.input, strict=True):
            if original.name in feeds:
                self._nodes.append(helper.make_node("Identity", [feeds[original.name]], [entry.name]))
        for node in inner.graph.node:
            node.doc_string = ""
            node.ClearField("metadata_props")  # stack traces of the exporter
        self._nodes.extend(inner.graph.node)
        self._constants.extend(inner.graph.initializer)
        for domain in model.opset_import:
            self._domains[domain.domain] = max(self._domains.get(domain.domain, 0), domain.version)
        if inner.graph.sparse_initializer:
            raise onnx.checker.ValidationError("sparse constants are not supported")
        outputs = zip(model.graph.output, inner.graph.output, strict=True)
        return {original.name: entry.name for original, entry in outputs}

    def model(
        self, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto], properties: dict[str, str]
    ) -> onnx.ModelProto:
        """The finished model, checked.

        Raises:
            onnx.checker.ValidationError: the parts do not make a valid graph.
        """
        import onnx
        from onnx import helper

        graph = helper.make_graph(self._nodes, "automl", inputs, outputs, self._constants)
        imports = [helper.make_opsetid(domain, version) for domain, version in self._domains.items()]
        model = helper.make_model(graph, opset_imports=imports, ir_version=IR_VERSION, producer_name="automl-agent")
        helper.set_model_props(model, properties)
        onnx.checker.check_model(model)
        return model


def default_opset(model: onnx.ModelProto) -> int:
    """The ai.onnx opset of a model."""
    return max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=OPSET)


def _at_opset(model: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    """The model in the wanted opset (a copy where it has to change)."""
    from onnx import version_converter

    return model if default_opset(model) == opset else version_converter.convert_version(model, opset)
