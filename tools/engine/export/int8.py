"""Eight-bit weights, two ways.

*dynamic*: weights are stored as int8, activations are scaled when they arrive. Needs no data; kept at least 0.97 of the
decisions of every kind of model tried. *static*: activations are scaled with ranges seen on calibration rows; good for
perceptrons and convolutional networks, bad for attention.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tools.engine.export.runtime import n_rows, take

DYNAMIC = ["MatMul", "Gemm", "Gather", "EmbedLayerNormalization", "Attention", "LSTM"]
"""Not Conv: its dynamic form (ConvInteger) is several times slower than float on most CPUs."""
STATIC = ["MatMul", "Gemm", "Conv"]
CALIBRATION_ROWS = 256


def quantize_dynamically(source: Path, destination: Path) -> None:
    """Write the model with int8 weights and activations that are scaled as they come.

    Args:
        source: The float32 model.
        destination: The file to write.

    Raises:
        What onnxruntime raises for a graph it cannot quantise (`runtime_errors`).
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _quiet(), TemporaryDirectory() as folder:
        prepared = _prepared(source, Path(folder))
        quantize_dynamic(
            prepared,
            destination,
            op_types_to_quantize=DYNAMIC,
            per_channel=True,
            weight_type=QuantType.QInt8,
            extra_options={"MatMulConstBOnly": True},
        )


def quantize_statically(source: Path, destination: Path, feed: dict[str, np.ndarray]) -> None:
    """Write the model with int8 weights and activations scaled by what `feed` shows.

    Args:
        source: The float32 model.
        destination: The file to write.
        feed: Raw inputs of training rows, name -> array.

    Raises:
        What onnxruntime raises for a graph it cannot quantise (`runtime_errors`).
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Rows(CalibrationDataReader):  # type: ignore[misc]
        """Calibration rows, 32 at a time."""

        def __init__(self) -> None:
            total = min(n_rows(feed), CALIBRATION_ROWS)
            self._parts = iter([take(feed, slice(start, min(start + 32, total))) for start in range(0, total, 32)])

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self._parts, None)

    with _quiet(), TemporaryDirectory() as folder:
        prepared = _prepared(source, Path(folder))
        quantize_static(
            prepared,
            destination,
            Rows(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=STATIC,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )


def _prepared(source: Path, folder: Path) -> Path:
    """The model with the shapes of its inner values written down, which the quantiser looks at."""
    import onnx

    path = folder / "prepared.onnx"
    onnx.save(onnx.shape_inference.infer_shapes(onnx.load(source)), path)
    return path


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The quantiser logs advice through the root logger; what counts is measured afterwards."""
    root = logging.getLogger()
    level, disabled = root.level, root.manager.disable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(disabled)
            root.setLevel(level)
