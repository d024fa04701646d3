"""Examples as model-ready arrays: inputs from the encoder, the target from where it comes."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from tools.core.errors import TaskError
from tools.engine.data.dataset import Dataset, Encoded
from tools.engine.data.modality import Encoder
from tools.engine.data.target import TargetEncoder


@runtime_checkable
class NextTokens(Protocol):
    """An encoder whose target is its own input, one step ahead."""

    def next_tokens(self, dataset: Dataset, rows: np.ndarray) -> np.ndarray:
        """Next token ids, int64 [n, length]."""


def encode(dataset: Dataset, rows: np.ndarray, encoder: Encoder, target: TargetEncoder) -> Encoded:
    """Encode the examples at `rows`, inputs and target.

    Args:
        dataset: The data.
        rows: Row numbers.
        encoder: Fitted.
        target: Fitted on the same rows as `encoder`.

    Raises:
        TaskError: the encoder was fitted on a dataset whose `target` was another column, so it would see the answer.
    """
    for column in (part.column for part in target.parts or (target,)):
        if column and column in getattr(encoder, "columns", ()):
            raise TaskError(
                f"The target '{column}' is among the model's inputs.",
                hint=f"Load the data with '{column}' as its target before fitting the encoder.",
            )
    inputs = encoder.transform(dataset, rows)
    if target.kind == "generation" and isinstance(encoder, NextTokens):
        return Encoded(inputs, encoder.next_tokens(dataset, rows))
    return Encoded(inputs, target.encode(dataset, rows))
