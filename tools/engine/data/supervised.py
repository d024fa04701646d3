"""From a target column to a task: classification or regression, which classes, which metric."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pandas as pd

from tools.core.errors import TaskError
from tools.core.metrics import METRIC_NAMES, default_metric, metrics_for
from tools.engine.data.candidates import find_column, find_targets, no_candidate, rank_candidates
from tools.engine.data.dataset import Dataset, TaskSpec
from tools.engine.data.labels import label_separator, label_values, ordered, split_labels
from tools.engine.data.missing import listed

MIN_ROWS = 10
MAX_CLASSES = 1000
FEW_ROWS = 10
"""Rows below which a class has only one or two in the test, and a user is told."""
MOST_NUMBER_CLASSES, ROWS_PER_NUMBER = 20, 3
"""A column of more different numbers than that, each in fewer rows than that on average, holds no classes."""


@dataclass(frozen=True)
class Classes:
    """Classes of a target column.

    Attributes:
        kept: Label -> rows, for classes with at least two rows.
        single: Labels with one row only; those rows are left out.
    """

    kept: dict[str | int, int]
    single: tuple[str | int, ...]


def count_classes(values: pd.Series) -> Classes:
    """Count the labels of a target column (missing cells do not count)."""
    counts = Counter(label for label in label_values(values) if label is not None)
    kept = {label: count for label, count in counts.most_common() if count > 1}
    return Classes(kept, ordered({label for label, count in counts.items() if count == 1}))


def choose_targets(dataset: Dataset, target: str | None) -> tuple[str, ...]:
    """Likewise, where several may be asked for."""
    return (choose_target(dataset, None),) if target is None else find_targets(dataset, target)


def choose_target(dataset: Dataset, target: str | None) -> str:
    """The target asked for, the one the source knows, or the best candidate.

    Raises:
        TaskError: there is no such column, or no candidate at all.
    """
    if target is not None:
        return find_column(dataset, target)
    if dataset.target is not None:
        return dataset.target
    text = dataset.details.get("text")
    others = dataset.frame.drop(columns=[text] if text in dataset.frame.columns else [])
    ranked = rank_candidates(others)
    if not ranked:
        raise TaskError(
            f"No column of '{dataset.name}' can serve as a target. {no_candidate(others)}".strip(),
            hint="Say which column to predict; pictures need one folder per class.",
        )
    return ranked[0]


def supervised_task(
    dataset: Dataset, target: str | None, kind: str | None, metric: str | None, allow_multilabel: bool = False
) -> TaskSpec:
    """Decide what is predicted from a target column.

    Words and booleans are classes; fractions are values; whole numbers are classes when they are few and repeat.

    Args:
        dataset: The data.
        target: The column, or None.
        kind: "classification" or "regression", or None.
        metric: A name of `METRIC_NAMES`, or None.
        allow_multilabel: Cells may hold several labels ("a|b").

    Raises:
        TaskError: see `Modality.task`.
    """
    if kind not in (None, "classification", "regression"):
        raise TaskError(
            f"A task of type '{kind}' cannot be trained on '{dataset.name}'.",
            hint="Use classification or regression here; generation needs a plain text file.",
        )
    column, *others = choose_targets(dataset, target)
    if others:
        return _several(dataset, [column, *others], kind, metric)
    values = dataset.frame[column]
    present = values.dropna()
    _check_rows(dataset, column, len(present))
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        raise TaskError(
            f"The column '{column}' holds dates, which cannot be predicted.",
            hint="Choose a column with classes or numbers as the target.",
        )
    numeric = pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype)
    if kind == "regression" and not numeric:
        raise TaskError(
            f"The column '{column}' holds words (for instance {listed(present.unique(), 2)}), so its values cannot be "
            "predicted as numbers.",
            hint="Ask for a classification, or choose a column of numbers.",
        )
    if present.nunique() < 2:
        raise TaskError(
            f"The target '{column}' has the same value in every row ('{present.iloc[0]}'): there is nothing to learn.",
            hint="Choose another target, or data with at least two classes.",
        )
    kind = kind or ("regression" if numeric and not _few_whole(present) else "classification")
    if kind == "regression":
        return TaskSpec("regression", column, _metric(kind, metric), n_outputs=1)
    mark = label_separator(values) if allow_multilabel else None
    if mark is not None:
        counts = Counter(part for cell in present for part in split_labels(str(cell), mark))
        labels = ordered({label for label, count in counts.items() if count > 1})
        if len(labels) > 1:
            name = _metric(kind, metric, len(labels), multilabel=True)
            return TaskSpec(kind, column, name, len(labels), labels, multilabel=True)
    classes = _classes(column, values, numeric)
    if metric == "roc_auc" and len(classes) == 2:
        _check_ranked(column, values)
    return TaskSpec(kind, column, _metric(kind, metric, len(classes)), len(classes), classes)


def _several(dataset: Dataset, columns: list[str], kind: str | None, metric: str | None) -> TaskSpec:
    """One model for several columns; each of them decides by itself whether it holds classes or values."""
    parts = []
    for column in columns:
        values = dataset.frame[column].dtype
        numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
        own = "regression" if kind == "regression" and numeric else None
        parts.append(supervised_task(dataset, column, own, None))
    chosen = _metric("multitask", metric)
    return TaskSpec("multitask", ", ".join(columns), chosen, sum(part.n_outputs for part in parts), parts=tuple(parts))


def usable_rows(dataset: Dataset, task: TaskSpec) -> np.ndarray:
    """Rows that can be learned from and judged: the target is there and, for classes, one of the task's. int64 [m]."""
    if not task.target:
        return np.arange(dataset.n_rows)
    if task.parts:
        return reduce(np.intersect1d, (usable_rows(dataset, part) for part in task.parts))
    values = dataset.frame[task.target]
    known = values.notna().to_numpy()
    if task.kind == "classification" and not task.multilabel:
        from tools.engine.data.labels import class_numbers

        known = class_numbers(values, task.classes) >= 0
    return np.flatnonzero(known)


def target_warnings(dataset: Dataset, task: TaskSpec) -> list[str]:
    """What is left out because of the target, and imbalance; one sentence each."""
    if task.parts:
        return [warning for part in task.parts for warning in target_warnings(dataset, part)]
    values = dataset.frame[task.target]
    said = []
    n_missing = int(values.isna().sum())
    if n_missing:
        said.append(f"{n_missing} row(s) have no '{task.target}' and are left out.")
    if task.kind == "classification" and not task.multilabel:
        classes = count_classes(values)
        if classes.single:
            said.append(
                f"{len(classes.single)} class(es) with a single row cannot be learned and tested; those rows are left "
                f"out: {listed(classes.single)}."
            )
        few = [label for label, n_rows in classes.kept.items() if n_rows < FEW_ROWS]
        if few:
            said.append(
                f"{len(few)} class(es) have fewer than {FEW_ROWS} rows, too few to judge the model on each of them "
                f"(two rows are only learned from, of three one is in the test): {listed(few)}."
            )
        largest, smallest = max(classes.kept.values()), min(classes.kept.values())
        if largest >= 10 * smallest:
            rare = min(classes.kept, key=lambda label: classes.kept[label])
            said.append(
                f"The classes are very unequal: the rarest, '{rare}', has {smallest} rows, the largest {largest}; "
                "balanced_accuracy or f1_macro say more than accuracy here."
            )
    return said


def _few_whole(present: pd.Series) -> bool:
    numbers = present.to_numpy(dtype=np.float64)
    if not (numbers == np.round(numbers)).all():
        return False
    unique = len(np.unique(numbers))
    return unique == 2 or (unique <= 20 and len(numbers) >= 5 * unique)


def _classes(column: str, values: pd.Series, numeric: bool) -> tuple[str | int, ...]:
    counted = count_classes(values)
    n_rows = sum(counted.kept.values())
    n_values, n_all = len(counted.kept) + len(counted.single), n_rows + len(counted.single)
    if numeric and n_values > MOST_NUMBER_CLASSES and n_all < ROWS_PER_NUMBER * n_values:
        raise TaskError(
            f"The target '{column}' has {n_values} different numbers in {n_all} rows: these are measurements rather "
            "than classes.",
            hint="Ask for a regression, which predicts the number itself.",
        )
    if len(counted.kept) < 2 or len(counted.kept) > MAX_CLASSES or len(counted.single) > max(10, n_rows):
        raise TaskError(
            f"The target '{column}' has {n_values} different values in {n_all} rows; too few of them "
            "come again to be learned as classes.",
            hint="Ask for a regression." if numeric else "Choose a column with fewer classes as the target.",
        )
    return ordered(set(counted.kept))


def _check_rows(dataset: Dataset, column: str, n_present: int) -> None:
    if n_present == 0:
        raise TaskError(
            f"The target '{column}' is missing in every row.", hint="Choose another target, or fill in that column."
        )
    if n_present < MIN_ROWS:
        raise TaskError(
            f"'{dataset.name}' has only {n_present} row(s) with a value of '{column}'; at least {MIN_ROWS} are needed.",
            hint="Add more rows; a useful model wants a hundred or more.",
        )


def _check_ranked(column: str, values: pd.Series) -> None:
    """Two classes are ranked against each other: both must be in the training, the validation and the test."""
    kept = count_classes(values).kept
    rare = min(kept, key=lambda label: kept[label])
    if kept[rare] < 3:
        raise TaskError(
            f"roc_auc cannot be measured: only {kept[rare]} rows of '{column}' are '{rare}', and at least 3 are needed "
            "(one each to learn from, to validate and to test).",
            hint=f"Add rows of '{rare}', or choose another metric, for instance accuracy.",
        )


def _metric(kind: str, metric: str | None, n_classes: int = 2, multilabel: bool = False) -> str:
    if metric is None:
        return default_metric(kind, n_classes, multilabel)
    fitting = metrics_for(kind, multilabel)
    if metric not in fitting:
        known = "is not a known metric" if metric not in METRIC_NAMES else f"cannot judge a {kind}"
        raise TaskError(f"'{metric}' {known}.", hint=f"Use one of: {', '.join(fitting)}.")
    return metric
