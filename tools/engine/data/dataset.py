"""Raw data in memory, of whatever modality."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import numpy as np
import pandas as pd

from tools.core.records import Modality
from tools.engine.data.forms import Forms


@dataclass(frozen=True)
class Dataset:
    """What a reader returns: nothing encoded, nothing split.

    Attributes:
        name: Short name for people, for instance `iris` or `churn.csv`.
        source: Where it came from: a path, or the sample's name.
        fingerprint: SHA-256 of the content, hex, first 16 digits.
        modality: Which file in `modalities/` treats it.
        frame: One row per example: all columns of a table; for images the columns `label` (and `file`);
            for a corpus one row per block of text with the column `text`.
        images: uint8 [n_rows, height, width, channels] for images, else None.
        target: The column to predict, which encoders leave out: the one asked for, the one the source itself tells
            (samples, class folders), or the likeliest; None where there is none.
        details: What is special to the modality, for instance the text column.
        forms: How the columns were written, as far as it was found out or told; encoders keep it.
        aside: Columns that no model reads besides the target: they serve the split, or are predicted as well.
        kinds: Kind of every column of `frame`, where the reader had to find it out; see `column_kinds`.
    """

    name: str
    source: str
    fingerprint: str
    modality: Modality
    frame: pd.DataFrame
    images: np.ndarray | None = None
    target: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    forms: Forms = field(default_factory=dict)
    aside: tuple[str, ...] = ()
    kinds: dict[str, str] | None = field(default=None, repr=False, compare=False)

    @property
    def n_rows(self) -> int:
        """Number of examples."""
        return len(self.frame)


@dataclass(frozen=True)
class TaskSpec:
    """What is to be predicted.

    Attributes:
        kind: classification, regression, generation or multitask (custom comes with its own file).
        target: The target column ("" for generation; all of them, separated by commas, for multitask).
        classes: Class labels in a fixed order, as they stand in the data (str or int); () otherwise.
        multilabel: Several classes may hold for one row (`classes` then lists all labels).
        metric: Name in `evaluation.metrics` that the search improves.
        n_outputs: Width of the model's output (classes, targets, or vocabulary).
        parts: For multitask the task of every target: classification with one label, or regression. Their outputs lie
            side by side in this order.
    """

    kind: str
    target: str
    metric: str
    n_outputs: int
    classes: tuple[str | int, ...] = ()
    multilabel: bool = False
    parts: tuple[TaskSpec, ...] = ()

    @property
    def targets(self) -> tuple[str, ...]:
        """The target columns; none for generation."""
        return tuple(part.target for part in self.parts) or ((self.target,) if self.target else ())

    @property
    def slices(self) -> tuple[slice, ...]:
        """Which outputs belong to each part."""
        ends = list(accumulate(part.n_outputs for part in self.parts))
        return tuple(slice(end - part.n_outputs, end) for part, end in zip(self.parts, ends, strict=True))

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> TaskSpec:
        """The inverse of `dataclasses.asdict`, also after JSON."""
        parts = tuple(cls.from_state(part) for part in state.get("parts", ()))
        return cls(**{**state, "classes": tuple(state["classes"]), "parts": parts})


@dataclass(frozen=True)
class Encoded:
    """Model-ready arrays.

    Attributes:
        inputs: Name -> array; the first axis is the example. By modality: tabular `num` float32 [n, n_numeric]
            (missing is NaN) and `cat` int64 [n, n_categorical] (0 is missing or unknown); image `pixels` uint8
            [n, channels, height, width]; text and corpus `tokens` int64 [n, length] (0 is padding); text also `pieces`
            int64 [n, piece_length] (0 is padding) where a pretrained model is installed and the texts are few enough.
        target: int64 [n] class numbers; float32 [n, n_labels] for multi-label; float32 [n, 1], standardised, for
            regression; int64 [n, length] next tokens for generation; float32 [n, n_parts] for multitask, a class
            number or a standardised value for each part.
    """

    inputs: dict[str, np.ndarray]
    target: np.ndarray

    def __len__(self) -> int:
        return len(self.target)

    def rows(self, index: np.ndarray) -> Encoded:
        """The examples at `index`."""
        return Encoded({name: array[index] for name, array in self.inputs.items()}, self.target[index])


@dataclass(frozen=True)
class DataSpec:
    """The shapes a model family needs to know; nothing of the data itself.

    Attributes:
        modality: As in `Dataset`.
        task: What is to be predicted.
        n_train: Rows a model will be trained on.
        n_numeric: Columns of `num`.
        cardinalities: For every column of `cat`, the number of ids (0 included).
        image_shape: (channels, height, width).
        vocab_size: Number of token ids (0, padding, included).
        sequence_length: Columns of `tokens`.
        piece_length: Columns of `pieces`; 0 where there are none.
    """

    modality: Modality
    task: TaskSpec
    n_train: int
    n_numeric: int = 0
    cardinalities: tuple[int, ...] = ()
    image_shape: tuple[int, int, int] = (1, 1, 1)
    vocab_size: int = 0
    sequence_length: int = 0
    piece_length: int = 0
