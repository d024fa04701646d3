"""Pictures of one size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tools.core.errors import TaskError
from tools.core.records import DatasetProfile
from tools.engine.data.dataset import Dataset, DataSpec, TaskSpec
from tools.engine.data.describe import describe
from tools.engine.data.modality import MODALITIES, Encoder, Modality
from tools.engine.data.readers.images import fit_shape
from tools.engine.data.supervised import supervised_task

if TYPE_CHECKING:
    import onnx


class ImageEncoder(Encoder):
    """Bytes as they are; channels first for the model. Pictures of another size are resized to the training size."""

    def __init__(self) -> None:
        self.shape: tuple[int, int, int] = (0, 0, 0)
        """(height, width, channels)"""

    def fit(self, dataset: Dataset, rows: np.ndarray) -> None:
        """Remember the size."""
        height, width, channels = _images(dataset).shape[1:]
        self.shape = (int(height), int(width), int(channels))

    def transform(self, dataset: Dataset, rows: np.ndarray) -> dict[str, np.ndarray]:
        """`pixels` uint8 [n, channels, height, width]."""
        return {"pixels": np.ascontiguousarray(self.raw_inputs(dataset, rows)["pixels"].transpose(0, 3, 1, 2))}

    def spec(self, task: TaskSpec, n_train: int) -> DataSpec:
        """The image shape, channels first."""
        height, width, channels = self.shape
        return DataSpec("image", task, n_train, image_shape=(channels, height, width))

    def raw_inputs(self, dataset: Dataset, rows: np.ndarray) -> dict[str, np.ndarray]:
        """`pixels` uint8 [n, height, width, channels]."""
        images = _images(dataset)[rows]
        if images.shape[1:] != self.shape:
            fitted = [fit_shape(image, self.shape) for image in images]
            images = np.stack(fitted) if fitted else np.zeros((0, *self.shape), np.uint8)
        return {"pixels": images}

    def graph(self) -> onnx.ModelProto | None:
        """`pixels` [batch, height, width, channels] -> `encoded_pixels` [batch, channels, height, width]."""
        from onnx import TensorProto, helper

        height, width, channels = self.shape
        node = helper.make_node("Transpose", ["pixels"], ["encoded_pixels"], perm=[0, 3, 1, 2])
        inputs = [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["batch", height, width, channels])]
        outputs = [
            helper.make_tensor_value_info("encoded_pixels", TensorProto.UINT8, ["batch", channels, height, width])
        ]
        graph = helper.make_graph([node], "pixels", inputs, outputs)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)

    def state(self) -> dict[str, Any]:
        """The shape."""
        return {"shape": list(self.shape)}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> ImageEncoder:
        """The inverse of `state`."""
        encoder = cls()
        height, width, channels = state["shape"]
        encoder.shape = (height, width, channels)
        return encoder


@MODALITIES.register
class Image(Modality):
    """One picture, one label."""

    name = "image"
    title: ClassVar[str] = "Images"

    def profile(self, dataset: Dataset, target: str | None) -> DatasetProfile:
        """Size of the pictures, and the classes."""
        height, width, channels = _images(dataset).shape[1:]
        details = {"height": int(height), "width": int(width), "channels": int(channels)}
        skip = ("file",) if "file" in dataset.frame.columns and dataset.target != "file" else ()
        return describe(dataset, target, skip_candidates=skip, details=details, look_for_leaks=False)

    def task(self, dataset: Dataset, target: str | None, kind: str | None, metric: str | None) -> TaskSpec:
        """Classification by folder or label; regression when labels are values."""
        if target is None and dataset.target is None:
            raise TaskError(
                f"The pictures of '{dataset.name}' have no labels.",
                hint="Put them in one folder per class, for instance cats/1.jpg and dogs/1.jpg.",
            )
        return supervised_task(dataset, target, kind, metric)

    def encoder(self) -> Encoder:
        """A new, unfitted encoder."""
        return ImageEncoder()

    def encoder_from_state(self, state: dict[str, Any]) -> Encoder:
        """The encoder of a stored bundle."""
        return ImageEncoder.from_state(state)


def _images(dataset: Dataset) -> np.ndarray:
    if dataset.images is None:
        raise TaskError(f"'{dataset.name}' holds no pictures.", hint="Give a picture, or a zip or folder of pictures.")
    return dataset.images
