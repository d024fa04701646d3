"""Encoded folds as `.npy` files, so that every worker maps the same pages and loads each fold once."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tools.engine.data.dataset import DataSpec, Encoded
from tools.engine.data.target import TargetEncoder
from tools.engine.execution.messages import FoldFiles


@dataclass(frozen=True)
class Fold:
    """One fold in memory.

    Attributes:
        spec: Shapes.
        target: Fitted on this fold's training rows.
        train: What is trained on.
        validation: What is scored on; None for a refit.
        truth: What metrics compare the decoded predictions with; None for a refit.
    """

    spec: DataSpec
    target: TargetEncoder
    train: Encoded
    validation: Encoded | None = None
    truth: np.ndarray | None = None


def store(folder: Path, fold: Fold) -> FoldFiles:
    """Write a fold's arrays below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    _store_part(folder, "train", fold.train)
    if fold.validation is not None and fold.truth is not None:
        _store_part(folder, "validation", fold.validation)
        np.save(folder / "truth.npy", fold.truth, allow_pickle=False)
    return FoldFiles(folder, fold.spec, fold.target.state(), fold.validation is not None)


def load(files: FoldFiles) -> Fold:
    """Map a stored fold for reading; pages are shared between workers and count against no limit of theirs."""
    # torch says so of every array that it must not write to, and nothing that trains writes to its data.
    warnings.filterwarnings("ignore", message="The given NumPy array is not writable", category=UserWarning)
    validation = _load_part(files.folder, "validation") if files.has_validation else None
    truth = np.load(files.folder / "truth.npy", allow_pickle=False) if files.has_validation else None
    target = TargetEncoder.from_state(files.target_state)
    return Fold(files.spec, target, _load_part(files.folder, "train"), validation, truth)


def _store_part(folder: Path, part: str, encoded: Encoded) -> None:
    np.save(folder / f"{part}.target.npy", encoded.target, allow_pickle=False)
    for name, array in encoded.inputs.items():
        np.save(folder / f"{part}.input.{name}.npy", array, allow_pickle=False)


def _load_part(folder: Path, part: str) -> Encoded:
    """Read-only maps. Copy-on-write ones would be writable, and would count as memory of the process in full."""
    prefix = f"{part}.input."
    inputs = {path.name[len(prefix) : -4]: _map(path) for path in sorted(folder.glob(f"{prefix}*.npy"))}
    return Encoded(inputs, _map(folder / f"{part}.target.npy"))


def _map(path: Path) -> np.ndarray:
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    # An empty file cannot be mapped as memory by everyone; numpy then returns a plain array, which is as good.
    return np.asarray(array)
