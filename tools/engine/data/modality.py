"""The contract of a modality: one file in `modalities/` that implements it is registered and tested."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tools.core.records import DatasetProfile
from tools.core.records import Modality as ModalityName
from tools.core.registry import Registry
from tools.engine.data.dataset import Dataset, DataSpec, TaskSpec
from tools.engine.data.forms import Forms

if TYPE_CHECKING:
    import onnx


class Encoder(ABC):
    """Turns raw examples into model inputs; fitted on training rows only; its state is JSON."""

    @abstractmethod
    def fit(self, dataset: Dataset, rows: np.ndarray) -> None:
        """Learn vocabularies and shapes from the examples at `rows`."""

    @abstractmethod
    def transform(self, dataset: Dataset, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Encode the examples at `rows` (see `Encoded.inputs`)."""

    @abstractmethod
    def spec(self, task: TaskSpec, n_train: int) -> DataSpec:
        """The shapes after `fit`."""

    @abstractmethod
    def raw_inputs(self, dataset: Dataset, rows: np.ndarray) -> dict[str, np.ndarray]:
        """What the exported model is fed for the examples at `rows`: name -> array with leading batch axis.

        Columns are [n, 1] (float32, or object holding str), pixels uint8 [n, height, width, channels], tokens int64.
        """

    @abstractmethod
    def graph(self) -> onnx.ModelProto | None:
        """ONNX graph from the raw inputs to the encoded inputs; None when they are the same.

        Inputs are named like the keys of `raw_inputs`. Outputs are named like the keys of `transform` (`num`, `cat`),
        except where an input has that name already: then `encoded_<key>` (images: `encoded_pixels`).
        They stand in the order of `transform`'s keys. Opset 18, IR 10.
        """

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Everything learned, as JSON values."""

    @classmethod
    @abstractmethod
    def from_state(cls, state: dict[str, Any]) -> Encoder:
        """The inverse of `state`."""

    @property
    def forms(self) -> Forms:
        """How the columns it reads are written; a new file is read the same way."""
        return {}

    def narrowed(self, inputs: Collection[str]) -> Encoder:
        """The same encoder without what only other encoded inputs need; for a model that takes just `inputs`."""
        return self

    def installed(self) -> tuple[str, ...]:
        """What it finds installed and lets into what it makes: with other things it would encode differently."""
        return ()

    def files(self) -> dict[str, str]:
        """Extra files that ship with the bundle: file name -> content (for instance tokenizer.json)."""
        return {}


class Modality(ABC):
    """One kind of data."""

    name: ModalityName
    title: ClassVar[str]

    @abstractmethod
    def profile(self, dataset: Dataset, target: str | None) -> DatasetProfile:
        """Describe the data: columns, target candidates, problems, likely leaks.

        Raises:
            TaskError: `target` is given and is not there (the message lists close matches).
        """

    @abstractmethod
    def task(self, dataset: Dataset, target: str | None, kind: str | None, metric: str | None) -> TaskSpec:
        """Decide what is predicted; what is None is chosen from the data.

        Raises:
            TaskError: no usable target, one class only, or a kind or metric that does not fit.
        """

    @abstractmethod
    def encoder(self) -> Encoder:
        """A new, unfitted encoder."""

    @abstractmethod
    def encoder_from_state(self, state: dict[str, Any]) -> Encoder:
        """The encoder of a stored bundle."""


MODALITIES: Registry[Modality] = Registry("modality", "tools.engine.data.modalities")
