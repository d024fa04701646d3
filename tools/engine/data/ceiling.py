"""The best accuracy that any model can have on some rows: those with the same inputs cannot be told apart."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from tools.engine.data.columns import UNUSED
from tools.engine.data.dataset import TaskSpec
from tools.engine.data.labels import class_numbers


class Ceiling(NamedTuple):
    """A bound on accuracy.

    Attributes:
        accuracy: Of a model that always gives the most frequent class among equal inputs, 0 to 1.
        wrong: Rows that it gets wrong: equal inputs, but a rarer class.
        rows: Rows that were looked at.
    """

    accuracy: float
    wrong: int
    rows: int


def accuracy_ceiling(frame: pd.DataFrame, task: TaskSpec, kinds: dict[str, str]) -> Ceiling | None:
    """The bound for a classification with one label; None for other tasks, and for inputs that cannot be compared.

    Args:
        frame: Tidy, with the target.
        task: What is predicted.
        kinds: Kind of every column; those that no model sees do not count.
    """
    if task.kind != "classification" or task.multilabel:
        return None
    inputs = frame.drop(columns=[name for name in frame.columns if name == task.target or kinds.get(name) in UNUSED])
    labels = class_numbers(frame[task.target], task.classes)
    known = labels >= 0
    if inputs.empty or not known.any():
        return None
    try:
        same = pd.util.hash_pandas_object(inputs, index=False).to_numpy()
    except TypeError:  # cells that are lists
        return None
    counts = pd.DataFrame({"same": same[known], "label": labels[known]}).value_counts(sort=False)
    right = int(counts.groupby(level="same").max().sum())
    rows = int(known.sum())
    return Ceiling(right / rows, rows - right, rows)
