"""The part of a profile that all modalities with a table share."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from tools.core.config import TaskKind
from tools.core.errors import TaskError
from tools.core.records import ColumnProfile, DatasetProfile
from tools.engine.data.candidates import find_targets, rank_candidates
from tools.engine.data.ceiling import Ceiling, accuracy_ceiling
from tools.engine.data.columns import column_kinds
from tools.engine.data.dataset import Dataset, TaskSpec
from tools.engine.data.labels import label_values
from tools.engine.data.leaks import likely_leaks
from tools.engine.data.missing import listed
from tools.engine.data.supervised import supervised_task, target_warnings

_MAX_CLASSES = 50
_MAX_COLUMNS = 2000
_ROWS_FOR_DUPLICATES = 200_000


def describe(
    dataset: Dataset,
    target: str | None,
    *,
    allow_multilabel: bool = False,
    skip_candidates: tuple[str, ...] = (),
    details: dict[str, Any] | None = None,
    look_for_leaks: bool = True,
) -> DatasetProfile:
    """Profile the table of a dataset; large ones are sampled where the answer hardly depends on every row.

    Args:
        dataset: The data.
        target: Asked for, or None.
        allow_multilabel: Passed to `supervised_task`.
        skip_candidates: Columns that are never a target (the text, file names).
        details: What is special to the modality.
        look_for_leaks: Whether single columns may be compared with the target.

    Raises:
        TaskError: `target` is given and is not there.
    """
    frame = dataset.frame
    kinds = dataset.kinds if dataset.kinds and set(dataset.kinds) == set(frame.columns) else column_kinds(frame)
    ranked = rank_candidates(frame.drop(columns=list(skip_candidates)), _without(kinds, skip_candidates))
    targets = find_targets(dataset, target) if target is not None else ()
    known = targets[0] if targets else dataset.target
    chosen = known or (ranked[0] if ranked else None)
    if chosen is not None:
        ranked = (chosen, *(name for name in ranked if name != chosen))
    warnings = [str(text) for text in dataset.details.get("warnings", [])]
    task: TaskSpec | None = None
    if chosen is not None:
        try:
            task = supervised_task(dataset, target or chosen, None, None, allow_multilabel)
            warnings += target_warnings(dataset, task)
        except TaskError as error:
            warnings.append(str(error))
    leaks = tuple(likely_leaks(frame, task, kinds)) if task is not None and look_for_leaks else ()
    warnings += [
        f"Column '{name}' alone predicts '{chosen}' almost perfectly; if it is only known afterwards, leave it out "
        "(a likely leak)."
        for name in leaks
    ]
    warnings += _column_warnings(kinds, chosen, skip_candidates)
    duplicates = _duplicates(frame) if dataset.images is None else _duplicate_images(dataset.images)
    if duplicates:
        warnings.append(
            f"{duplicates} row(s) repeat another row exactly; copies in the test part make scores look better."
        )
    ceiling = _contradictions(dataset, task, kinds)
    if ceiling is not None:
        warnings.append(
            f"{ceiling.wrong} of {ceiling.rows} rows have the same inputs as others but another class: no model can be "
            f"right in more than {100 * ceiling.accuracy:.3g} % of these rows."
        )
    names = _shown_columns([str(name) for name in frame.columns], targets or ((chosen,) if chosen else ()))
    return DatasetProfile(
        name=dataset.name,
        source=dataset.source,
        fingerprint=dataset.fingerprint,
        modality=dataset.modality,
        n_rows=dataset.n_rows,
        n_bytes=_n_bytes(dataset),
        n_columns=len(frame.columns),
        columns=tuple(_column(name, frame[name], kinds[name]) for name in names),
        target=", ".join(targets) or chosen,
        target_candidates=ranked,
        task=_kind(task),
        classes=_class_counts(frame, task),
        duplicates=duplicates,
        missing=int(frame.isna().to_numpy().sum()),
        leaks=leaks,
        warnings=tuple(warnings),
        details={
            **_plain(dataset.details),
            **(details or {}),
            **({"accuracy_ceiling": round(ceiling.accuracy, 6)} if ceiling else {}),
            **({"multilabel": True} if task and task.multilabel else {}),
        },
    )


def _contradictions(dataset: Dataset, task: TaskSpec | None, kinds: dict[str, str]) -> Ceiling | None:
    """What rows that contradict each other leave possible; None where none do. Pictures are not compared."""
    if task is None or dataset.images is not None or dataset.n_rows > _ROWS_FOR_DUPLICATES:
        return None
    ceiling = accuracy_ceiling(dataset.frame, task, kinds)
    return ceiling if ceiling is not None and ceiling.wrong else None


def _without(kinds: dict[str, str], names: tuple[str, ...]) -> dict[str, str]:
    return {name: kind for name, kind in kinds.items() if name not in names}


def _kind(task: TaskSpec | None) -> TaskKind | None:
    """What kind of task was found, if any."""
    kinds: dict[str, TaskKind] = {"regression": "regression", "multitask": "multitask"}
    return None if task is None else kinds.get(task.kind, "classification")


def _shown_columns(names: list[str], targets: tuple[str, ...]) -> list[str]:
    """The first columns of a very wide table, and always the targets."""
    shown = names[:_MAX_COLUMNS]
    further = [target for target in targets if target not in shown]
    return [*shown[: len(shown) - len(further)], *further]


def _plain(details: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in details.items() if key not in ("warnings", "after")}


def _class_counts(frame: pd.DataFrame, task: TaskSpec | None) -> dict[str, int]:
    if task is None or task.kind != "classification":
        return {}
    if task.multilabel:
        from tools.engine.data.labels import label_matrix

        counts = np.nansum(label_matrix(frame[task.target], task.classes), axis=0)
        marks = sorted(zip(task.classes, counts, strict=True), key=lambda pair: (-pair[1], str(pair[0])))
        return {str(label): int(count) for label, count in marks[:_MAX_CLASSES]}
    labels = pd.Series(label_values(frame[task.target])).dropna().astype(str)
    counted = Counter(str(label) for label in labels)
    pairs = sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))
    return {str(label): int(count) for label, count in pairs[:_MAX_CLASSES]}


def _column_warnings(kinds: dict[str, str], target: str | None, skip: tuple[str, ...]) -> list[str]:
    said = []
    for kind, sentence in (
        ("identifier", "looks like an identifier"),
        ("constant", "has the same value everywhere"),
        ("empty", "is empty"),
    ):
        names = [name for name, found in kinds.items() if found == kind and name != target and name not in skip]
        if len(names) == 1:
            said.append(f"Column '{names[0]}' {sentence} and is not used.")
        elif names:
            said.append(f"{len(names)} columns are not used, because each {sentence}: {listed(names)}.")
    return said


def _column(name: str, values: pd.Series, kind: str) -> ColumnProfile:
    present = values.dropna()
    numbers: np.ndarray | None = None
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype) and len(present):
        numbers = present.to_numpy(dtype=np.float64)
    dtype = str(values.dtype)
    return ColumnProfile(
        name=name,
        kind=kind,
        dtype="text" if dtype in ("object", "str", "string") else dtype,
        missing=int(len(values) - len(present)),
        unique=int(present.nunique()),
        example=str(present.iloc[0])[:80] if len(present) else "",
        minimum=float(numbers.min()) if numbers is not None else None,
        maximum=float(numbers.max()) if numbers is not None else None,
        mean=float(numbers.mean()) if numbers is not None else None,
    )


def _duplicates(frame: pd.DataFrame) -> int:
    if len(frame.columns) == 0:
        return 0
    hashes = pd.util.hash_pandas_object(frame.iloc[:_ROWS_FOR_DUPLICATES], index=False).to_numpy()
    return int(len(hashes) - len(np.unique(hashes)))


def _duplicate_images(images: np.ndarray) -> int:
    flat = images[:_ROWS_FOR_DUPLICATES].reshape(len(images[:_ROWS_FOR_DUPLICATES]), -1)
    # A random projection of the pixels, in whole numbers: equal images have equal sums, others practically never.
    weights = np.random.default_rng(0).integers(1, 2**40, flat.shape[1], dtype=np.int64)
    step = max(1, 10**7 // max(1, flat.shape[1]))
    sums = [(flat[start : start + step].astype(np.int64) * weights).sum(axis=1) for start in range(0, len(flat), step)]
    return int(len(flat) - len(np.unique(np.concatenate(sums)))) if sums else 0


def _n_bytes(dataset: Dataset) -> int:
    pixels = 0 if dataset.images is None else int(dataset.images.nbytes)
    size = 0
    for name in dataset.frame.columns:
        column = dataset.frame[name]
        if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_datetime64_any_dtype(column.dtype):
            size += int(column.memory_usage(index=False))
        else:
            sample = column.iloc[:: max(1, len(column) // 1000)].astype(str)
            size += int(sample.str.len().mean() * len(column)) if len(sample) else 0
    return pixels + size
