"""From a plan to arrays: load, profile, decide the task, split, encode each fold with encoders of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tools.core.metrics import METRIC_NAMES
from tools.core.records import DatasetProfile, ExperimentPlan
from tools.engine.data.dataset import Dataset, DataSpec, Encoded, TaskSpec
from tools.engine.data.encode import encode
from tools.engine.data.modality import MODALITIES, Encoder
from tools.engine.data.profile import profile
from tools.engine.data.read import load
from tools.engine.data.split import Splits, set_aside, split
from tools.engine.data.target import TargetEncoder
from tools.engine.evaluation.baseline import trivial_predictions
from tools.engine.evaluation.metrics import compute_all
from tools.engine.execution.cache import Fold, store
from tools.engine.execution.messages import FoldFiles

EXAMPLE_ROWS = 8


@dataclass(frozen=True)
class Source:
    """The data as it was read."""

    dataset: Dataset
    profile: DatasetProfile
    task: TaskSpec
    splits: Splits


@dataclass(frozen=True)
class Fitted:
    """Encoders fitted on some rows."""

    rows: np.ndarray
    encoder: Encoder
    target: TargetEncoder
    spec: DataSpec


@dataclass(frozen=True)
class Prepared:
    """Everything the search and the delivery need.

    Attributes:
        folds: Encoders of each fold, fitted on its training rows.
        files: The same folds' arrays on disk.
        full: Encoders fitted on all rows that are not test.
        full_files: All those rows, for a refit.
        example: A few encoded rows, to export and measure models with.
        data_bytes: Size of the encoded data of one fold.
    """

    source: Source
    folds: tuple[Fitted, ...]
    files: tuple[FoldFiles, ...]
    full: Fitted
    full_files: FoldFiles
    example: dict[str, np.ndarray]
    data_bytes: int


def read_source(plan: ExperimentPlan) -> Source:
    """Load, profile and split the data, and decide what is predicted.

    Raises:
        TaskError: the data or the request cannot be used as it is.
    """
    dataset = set_aside(load(plan.dataset, plan.target), plan.validation)
    described = profile(dataset, plan.target)
    if plan.fingerprint is not None and plan.fingerprint != described.fingerprint:
        changed = f"The data is not what it was in experiment {plan.base_experiment}, so the results will differ."
        described = described.model_copy(update={"warnings": (changed, *described.warnings)})
    kind = None if plan.task in ("custom", "multitask") else plan.task
    task = MODALITIES.get(dataset.modality).task(dataset, plan.target, kind, plan.metric)
    return Source(dataset, described, task, split(dataset, task, plan.validation, plan.seed))


def prepare(source: Source, folder: Path) -> Prepared:
    """Fit encoders on training rows only, fold by fold, and write the arrays below `folder`."""
    folds, files, data_bytes = encode_folds(source, folder)
    full = _fit(source.dataset, source.task, source.splits.train)
    encoded = encode(source.dataset, source.splits.train, full.encoder, full.target)
    full_files = store(folder / "full", Fold(full.spec, full.target, encoded))
    example = {name: array[:EXAMPLE_ROWS] for name, array in encoded.inputs.items()}
    return Prepared(source, folds, files, full, full_files, example, data_bytes)


def encode_folds(source: Source, folder: Path) -> tuple[tuple[Fitted, ...], tuple[FoldFiles, ...], int]:
    """Encode every fold with encoders of its own, fitted on its training rows.

    Returns:
        (encoders, arrays on disk, bytes of the largest fold).
    """
    dataset, task = source.dataset, source.task
    folds: list[Fitted] = []
    files: list[FoldFiles] = []
    data_bytes = 0
    for index, (train_rows, validation_rows) in enumerate(source.splits.folds):
        fitted = _fit(dataset, task, train_rows)
        train = encode(dataset, train_rows, fitted.encoder, fitted.target)
        validation = encode(dataset, validation_rows, fitted.encoder, fitted.target)
        truth = truth_of(source, fitted, validation_rows, validation)
        data_bytes = max(data_bytes, _bytes(train) + _bytes(validation))
        folds.append(fitted)
        files.append(store(folder / f"fold_{index}", Fold(fitted.spec, fitted.target, train, validation, truth)))
    return tuple(folds), tuple(files), data_bytes


def truth_of(source: Source, fitted: Fitted, rows: np.ndarray, encoded: Encoded | None = None) -> np.ndarray:
    """What metrics compare decoded predictions with, for the examples at `rows`."""
    if source.task.kind == "generation":
        encoded = encoded or encode(source.dataset, rows, fitted.encoder, fitted.target)
        return encoded.target
    return fitted.target.truth(source.dataset, rows)


def baseline(prepared: Prepared, rows: np.ndarray) -> dict[str, float]:
    """All metrics of the trivial baseline, learned from the training rows, on `rows`."""
    source, full = prepared.source, prepared.full
    known = truth_of(source, full, source.splits.train)
    truth = truth_of(source, full, rows)
    width = full.spec.vocab_size if source.task.kind == "generation" else source.task.n_outputs
    return compute_all(source.task, truth, trivial_predictions(source.task, known, len(rows), width))


def validation_baseline(prepared: Prepared) -> float:
    """The metric of the trivial baseline on the first fold's validation rows."""
    source, fitted = prepared.source, prepared.folds[0]
    rows = source.splits.folds[0][1]
    known, truth = truth_of(source, fitted, fitted.rows), truth_of(source, fitted, rows)
    width = fitted.spec.vocab_size if source.task.kind == "generation" else source.task.n_outputs
    values = compute_all(source.task, truth, trivial_predictions(source.task, known, len(rows), width))
    return values.get(source.task.metric, math.nan)


def maximizes(task: TaskSpec) -> bool:
    """Whether a larger value of the task's metric is better."""
    return METRIC_NAMES[task.metric].direction == "maximize"


def save_splits(splits: Splits, path: Path) -> None:
    """Write the row numbers of every part."""
    parts = {"train": splits.train, "test": splits.test}
    for index, (train, validation) in enumerate(splits.folds):
        parts |= {f"fold_{index}_train": train, f"fold_{index}_validation": validation}
    np.savez(path, **parts)  # type: ignore[arg-type]


def _fit(dataset: Dataset, task: TaskSpec, rows: np.ndarray) -> Fitted:
    encoder = MODALITIES.get(dataset.modality).encoder()
    encoder.fit(dataset, rows)
    target = TargetEncoder()
    target.fit(dataset, rows, task)
    return Fitted(rows, encoder, target, encoder.spec(task, len(rows)))


def _bytes(encoded: Encoded) -> int:
    return sum(array.nbytes for array in encoded.inputs.values()) + encoded.target.nbytes
