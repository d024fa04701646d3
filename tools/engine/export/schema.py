"""What goes into the model, in words and typical values: the raw input schema of metadata.json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tools.engine.data.dataset import Dataset
from tools.engine.export.compose import Composed

if TYPE_CHECKING:
    from tools.engine.data.modality import Encoder

MOST_ROWS = 2000
"""Rows looked at for typical values."""


def describe_inputs(composed: Composed, encoder: Encoder, dataset: Dataset, train: np.ndarray) -> list[dict[str, Any]]:
    """One entry per input of the graph.

    Args:
        composed: The whole graph.
        encoder: Fitted; makes the raw inputs.
        dataset: The data.
        train: Training rows; typical values are taken from them.

    Returns:
        Entries with `name` (in the graph), `raw` (the encoder's name for it: the column's), `kind` (number, category,
        pixels, tokens, pieces), `shape` (None where free); for columns `typical`, the median or the most frequent value
        (it belongs to no single row, so it may be shown); for tokens `length`, how many the training has seen at once.
    """
    raw = encoder.raw_inputs(dataset, train[:MOST_ROWS])
    entries = []
    shapes = {entry.name: entry.type.tensor_type.shape for entry in composed.model.graph.input}
    for name, onnx_name in composed.inputs.items():
        array = raw[name]
        column = array.ndim == 2 and array.dtype.kind in "fOU"
        kind = ("number" if array.dtype.kind == "f" else "category") if column else name
        shape = [dim.dim_value or None for dim in shapes[onnx_name].dim]
        entry: dict[str, Any] = {"name": onnx_name, "raw": name, "kind": kind, "shape": shape}
        if column:
            entry["typical"] = _typical_number(array) if kind == "number" else _typical_text(array)
        elif kind in ("tokens", "pieces"):
            entry["length"] = int(array.shape[1])
        entries.append(entry)
    return entries


def _typical_number(values: np.ndarray) -> float:
    present = values[np.isfinite(values)]
    return float(f"{np.median(present):.4g}") if len(present) else 0.0


def _typical_text(values: np.ndarray) -> str:
    texts, counts = np.unique(values.astype(str), return_counts=True)
    return str(texts[np.argmax(counts)]) if len(texts) else ""
