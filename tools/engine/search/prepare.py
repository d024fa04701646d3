"""From a plan to arrays: load, profile, decide the task, split, encode each fold with encoders of its own."""

from __future__ import annotations

import math
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from tools.core.metrics import METRIC_NAMES
from tools.core.records import DatasetProfile, ExperimentPlan
from tools.engine.data.candidates import without_columns
from tools.engine.data.dataset import Dataset, DataSpec, Encoded, TaskSpec
from tools.engine.data.encode import encode
from tools.engine.data.fingerprint import of_bytes
from tools.engine.data.modality import MODALITIES, Encoder
from tools.engine.data.profile import profile
from tools.engine.data.read import load
from tools.engine.data.split import Splits, set_aside, split
from tools.engine.data.target import TargetEncoder
from tools.engine.evaluation.baseline import trivial_predictions
from tools.engine.evaluation.metrics import compute_all
from tools.engine.execution import process
from tools.engine.execution.cache import Fold, store
from tools.engine.execution.cache import load as load_fold
from tools.engine.execution.encoded_cache import EncodedCache, key_of
from tools.engine.execution.messages import FoldFiles

EXAMPLE_ROWS = 8
NO_CACHE = EncodedCache(None)


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
        data_bytes: Size of the encoded data of the largest fold.
        reused: Whether all of it came from an earlier run.
    """

    source: Source
    folds: tuple[Fitted, ...]
    files: tuple[FoldFiles, ...]
    full: Fitted
    full_files: FoldFiles
    example: dict[str, np.ndarray]
    data_bytes: int
    reused: bool = False


@dataclass(frozen=True)
class _Part:
    """One fold, or all that is not test, encoded."""

    fitted: Fitted
    files: FoldFiles
    reused: bool


def read_source(plan: ExperimentPlan) -> Source:
    """Load, profile and split the data, and decide what is predicted.

    Raises:
        TaskError: the data or the request cannot be used as it is.
    """
    dataset = without_columns(load(plan.dataset, plan.target), plan.ignore)
    dataset = set_aside(dataset, plan.validation)
    described = profile(dataset, plan.target)
    if plan.fingerprint is not None and plan.fingerprint != described.fingerprint:
        changed = f"The data is not what it was in experiment {plan.base_experiment}, so the results will differ."
        described = described.model_copy(update={"warnings": (changed, *described.warnings)})
    kind = None if plan.task in ("custom", "multitask") else plan.task
    task = MODALITIES.get(dataset.modality).task(dataset, plan.target, kind, plan.metric)
    return Source(dataset, described, task, split(dataset, task, plan.validation, plan.seed))


def prepare(source: Source, folder: Path, cache: EncodedCache = NO_CACHE) -> Prepared:
    """Fit encoders on training rows only, fold by fold, and write the arrays below `folder`.

    Args:
        source: The data.
        folder: Of the run.
        cache: What earlier runs encoded, and where this run's arrays are kept for later ones.
    """
    parts = [
        _encoded(source, folder / f"fold_{index}", train, validation, cache)
        for index, (train, validation) in enumerate(source.splits.folds)
    ]
    full = _encoded(source, folder / "full", source.splits.train, None, cache)
    inputs = load_fold(full.files).train.inputs
    return Prepared(
        source=source,
        folds=tuple(part.fitted for part in parts),
        files=tuple(part.files for part in parts),
        full=full.fitted,
        full_files=full.files,
        example={name: np.array(array[:EXAMPLE_ROWS]) for name, array in inputs.items()},
        data_bytes=max(process.folder_bytes(part.files.folder) for part in parts),
        reused=all(part.reused for part in (*parts, full)),
    )


def encode_folds(source: Source, folder: Path) -> tuple[FoldFiles, ...]:
    """Encode every fold with encoders of its own, fitted on its training rows."""
    return tuple(
        _encoded(source, folder / f"fold_{index}", train, validation, NO_CACHE).files
        for index, (train, validation) in enumerate(source.splits.folds)
    )


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


def _encoded(
    source: Source, folder: Path, rows: np.ndarray, validation_rows: np.ndarray | None, cache: EncodedCache
) -> _Part:
    """The rows encoded by what is fitted on `rows`, below `folder`: taken from the cache, or made and kept there."""
    # Of an interrupted run; its arrays may be the cache's own files, which are never written to.
    shutil.rmtree(folder, ignore_errors=True)
    key = _key(source, rows, validation_rows)
    kept = cache.take(key, folder)
    if kept is not None:
        encoder = MODALITIES.get(source.dataset.modality).encoder_from_state(kept["encoder"])
        fitted = Fitted(rows, encoder, TargetEncoder.from_state(kept["target"]), encoder.spec(source.task, len(rows)))
        return _Part(fitted, FoldFiles(folder, fitted.spec, kept["target"], validation_rows is not None), reused=True)
    fitted = _fit(source.dataset, source.task, rows)
    fold = Fold(fitted.spec, fitted.target, encode(source.dataset, rows, fitted.encoder, fitted.target))
    if validation_rows is not None:
        validation = encode(source.dataset, validation_rows, fitted.encoder, fitted.target)
        truth = truth_of(source, fitted, validation_rows, validation)
        fold = replace(fold, validation=validation, truth=truth)
    files = store(folder, fold)
    cache.keep(key, folder, {"encoder": fitted.encoder.state(), "target": fitted.target.state()})
    return _Part(fitted, files, reused=False)


def _key(source: Source, rows: np.ndarray, validation_rows: np.ndarray | None) -> str:
    """Names what is encoded: the content, what is read of it, the rows, and what the encoders find installed."""
    dataset = source.dataset
    marks = [None if part is None else of_bytes(part.tobytes()) for part in (rows, validation_rows)]
    columns = [str(name) for name in dataset.frame.columns]
    read = (dataset.fingerprint, dataset.modality, columns, dataset.target, dataset.aside, dataset.details)
    return key_of(read, asdict(source.task), marks, MODALITIES.get(dataset.modality).encoder().installed())


def _fit(dataset: Dataset, task: TaskSpec, rows: np.ndarray) -> Fitted:
    encoder = MODALITIES.get(dataset.modality).encoder()
    encoder.fit(dataset, rows)
    target = TargetEncoder()
    target.fit(dataset, rows, task)
    return Fitted(rows, encoder, target, encoder.spec(task, len(rows)))
