"""The target as numbers, and a model's scores back in the data's own words and units."""

from __future__ import annotations

from typing import Any

import numpy as np

from tools.core.errors import TaskError
from tools.engine.data.characters import block_length, characters_of, next_characters
from tools.engine.data.dataset import Dataset, TaskSpec
from tools.engine.data.forms import Form
from tools.engine.data.labels import class_numbers, label_matrix, label_values
from tools.engine.data.missing import listed


class TargetEncoder:
    """Fitted on training rows; its state is JSON.

    For generation, fit it on the same rows as the corpus encoder: both then have the same characters.

    Attributes:
        kind: As in `TaskSpec`.
        column: The target column ("" for generation and multitask).
        classes: Class labels, or all labels for multi-label; the characters for generation; () for regression.
        multilabel: Several labels may hold for a row.
        mean: Mean of a regression target on the training rows, in the data's unit.
        scale: Its standard deviation (1 when that is 0).
        length: Characters in a block (generation).
        form: How the column was written; None where that is not known.
        parts: For multitask, an encoder for each target.
    """

    def __init__(self) -> None:
        self.kind = ""
        self.column = ""
        self.classes: tuple[str | int, ...] = ()
        self.multilabel = False
        self.mean = 0.0
        self.scale = 1.0
        self.length = 0
        self.form: Form | None = None
        self.parts: tuple[TargetEncoder, ...] = ()

    def fit(self, dataset: Dataset, rows: np.ndarray, task: TaskSpec) -> TargetEncoder:
        """Learn mean and scale (regression) or the characters (generation) from the examples at `rows`."""
        if task.parts:
            self.kind, self.parts = task.kind, tuple(TargetEncoder().fit(dataset, rows, part) for part in task.parts)
            return self
        self.kind, self.column, self.classes, self.multilabel = task.kind, task.target, task.classes, task.multilabel
        self.form = dataset.forms.get(task.target)
        if task.kind == "regression":
            values = self._values(dataset, rows)
            self.mean = float(values.mean())
            self.scale = float(values.std()) or 1.0
        elif task.kind == "generation":
            self.length = block_length(dataset)
            self.classes = tuple(characters_of(dataset, rows))
        return self

    def encode(self, dataset: Dataset, rows: np.ndarray) -> np.ndarray:
        """What a model learns from: see `Encoded.target`."""
        if self.parts:
            columns = [part.encode(dataset, rows).reshape(len(rows)) for part in self.parts]
            return np.stack(columns, axis=1).astype(np.float32)
        truth = self.truth(dataset, rows)
        if self.kind == "regression":
            return ((truth - self.mean) / self.scale).astype(np.float32)[:, None]
        return truth

    def truth(self, dataset: Dataset, rows: np.ndarray) -> np.ndarray:
        """What metrics compare with.

        Returns:
            int64 [n] class numbers; float32 0/1 [n, n_labels]; float64 [n] values in the data's unit; int64
            [n, length] next tokens; float64 [n, n_parts], a class number or a value for each part.

        Raises:
            TaskError: the target is missing in a row, or is a class the model does not know (see `usable_rows`).
        """
        if self.parts:
            return np.stack([part.truth(dataset, rows).astype(np.float64) for part in self.parts], axis=1)
        if self.kind == "generation":
            return next_characters(dataset, rows, [str(label) for label in self.classes], self.length)
        if self.column not in dataset.frame.columns:
            raise TaskError(
                f"'{dataset.name}' has no column '{self.column}', so predictions cannot be compared with the truth.",
                hint="Add that column, or ask for predictions only.",
            )
        if self.kind == "regression":
            return self._values(dataset, rows)
        cells = dataset.frame[self.column].iloc[rows]
        if self.multilabel:
            matrix = label_matrix(cells, self.classes)
            self._refuse_missing(dataset, int(np.isnan(matrix).any(axis=1).sum()))
            return matrix
        numbers = class_numbers(cells, self.classes)
        if (numbers < 0).any():
            labels = label_values(cells)
            self._refuse_missing(dataset, sum(label is None for label in labels))
            unknown = dict.fromkeys(label for label, number in zip(labels, numbers, strict=True) if number < 0)
            raise TaskError(
                f"'{dataset.name}' has classes in '{self.column}' that the model does not know: {listed(unknown)}.",
                hint=f"Leave those rows out; known are {listed(self.classes, 10)}.",
            )
        return numbers

    def decode(self, scores: np.ndarray) -> np.ndarray:
        """Raw scores -> predictions.

        Args:
            scores: Logits [n, n_classes]; standardised values [n, 1]; logits [n, length, vocab]; those of all parts
                side by side.

        Returns:
            Probabilities [n, n_classes] (multi-label: each label's own); values [n] in the data's unit, float64;
            probabilities [n, length, vocab]; the predictions of all parts side by side [n, n_outputs], float64.
        """
        if self.parts:
            edges = np.cumsum([part.width for part in self.parts])[:-1]
            divided = zip(self.parts, np.split(scores, edges, axis=1), strict=True)
            found = [part.decode(own).reshape(len(scores), part.width) for part, own in divided]
            return np.concatenate(found, axis=1).astype(np.float64)
        if self.kind == "regression":
            values: np.ndarray = scores.reshape(len(scores), -1)[:, 0].astype(np.float64) * self.scale + self.mean
            return values
        if self.multilabel:
            # The two-sided form never overflows.
            small = np.exp(-np.abs(scores))
            positive: np.ndarray = np.where(scores >= 0, 1.0, small).astype(scores.dtype) / (1.0 + small)
            return positive
        shifted = np.exp(scores - scores.max(axis=-1, keepdims=True))
        result: np.ndarray = shifted / shifted.sum(axis=-1, keepdims=True)
        return result

    @property
    def width(self) -> int:
        """Columns of one row's prediction in a table: classes, or 1 for a value."""
        return len(self.classes) or 1

    def labels(self, predictions: np.ndarray) -> list[Any]:
        """Predictions (as of `decode`) in the data's words: a class, "a|b" for several labels, a number, a text.

        For several targets ask each of `parts`, with its columns.
        """
        if self.kind == "regression":
            return [float(value) for value in predictions]
        if self.multilabel:
            return ["|".join(str(self.classes[i]) for i in np.flatnonzero(row >= 0.5)) for row in predictions]
        best = predictions.argmax(axis=-1)
        if self.kind == "generation":
            return ["".join(str(self.classes[i]) for i in row if i > 1) for row in best]
        return [self.classes[i] for i in best]

    def state(self) -> dict[str, Any]:
        """Everything learned, as JSON values."""
        return {
            "kind": self.kind,
            "column": self.column,
            "classes": list(self.classes),
            "multilabel": self.multilabel,
            "mean": self.mean,
            "scale": self.scale,
            "length": self.length,
            "form": self.form.state() if self.form is not None else None,
            "parts": [part.state() for part in self.parts],
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> TargetEncoder:
        """The inverse of `state`."""
        encoder = cls()
        for name, value in state.items():
            setattr(encoder, name, tuple(value) if name == "classes" else value)
        encoder.form = Form.from_state(state["form"]) if state.get("form") else None
        encoder.parts = tuple(cls.from_state(part) for part in state.get("parts", ()))
        return encoder

    def _values(self, dataset: Dataset, rows: np.ndarray) -> np.ndarray:
        cells = dataset.frame[self.column].iloc[rows]
        try:
            values = cells.to_numpy(dtype=np.float64, na_value=np.nan)
        except (ValueError, TypeError):
            raise TaskError(
                f"The column '{self.column}' of '{dataset.name}' holds values that are not numbers.",
                hint="The model predicts numbers; correct that column.",
            ) from None
        self._refuse_missing(dataset, int(np.isnan(values).sum()))
        return values

    def _refuse_missing(self, dataset: Dataset, count: int) -> None:
        if count:
            raise TaskError(
                f"{count} row(s) of '{dataset.name}' have no '{self.column}'.",
                hint="Leave those rows out, or fill them in.",
            )
