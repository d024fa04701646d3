"""The rows a model is judged on: the experiment's untouched test rows, or a new labelled file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tools.core.errors import ExperimentError, TaskError
from tools.core.records import ExperimentRecord
from tools.engine.data.dataset import Dataset
from tools.engine.export.bundle_reader import Bundle


@dataclass(frozen=True)
class Judged:
    """Rows with a known truth.

    Attributes:
        dataset: The data.
        rows: Rows to judge on.
        where: In words, for instance "36 test rows of iris".
        warnings: What a reader of the result should know.
    """

    dataset: Dataset
    rows: np.ndarray
    where: str
    warnings: list[str] = field(default_factory=list)


def open_bundle(record: ExperimentRecord) -> Bundle:
    """The bundle of an experiment.

    Raises:
        ExperimentError: it has none.
    """
    if not record.bundle:
        raise ExperimentError(
            f"Experiment {record.id} has no exported model (status: {record.status}).",
            hint="Choose an experiment that is completed, or resume this one.",
        )
    return Bundle.open(record.bundle)


def split_rows(record: ExperimentRecord, bundle: Bundle, part: str) -> Judged:
    """The rows that the split put apart.

    Args:
        record: The experiment.
        bundle: Its bundle.
        part: "test", or "train" for the rest.

    Raises:
        ExperimentError: the split is gone, or the data is not what it was.
    """
    from tools.engine.data.read import load

    dataset = load(record.plan.dataset, record.plan.target)
    if dataset.fingerprint != bundle.metadata["dataset"]["fingerprint"]:
        raise ExperimentError(
            f"The data of experiment {record.id} has changed since: '{dataset.source}' has another fingerprint.",
            hint="Put the old file back, or judge the model on a labelled file of its own.",
        )
    path = Path(record.folder) / "splits.npz"
    if not path.is_file():
        raise ExperimentError(
            f"The run folder of experiment {record.id} has no splits.npz, so its test rows are not known.",
            hint="Judge the model on a labelled file of its own.",
        )
    with np.load(path) as splits:
        rows = splits[part]
    return Judged(dataset, rows, f"{len(rows)} {part} rows of {dataset.name}")


def labelled_rows(record: ExperimentRecord, bundle: Bundle, source: str) -> Judged:
    """The rows of a new file that have a truth.

    Raises:
        TaskError: the file has no target column, or no row of it can be judged.
    """
    from tools.engine.data.read import load
    from tools.engine.data.supervised import usable_rows
    from tools.engine.export.predictor import check_columns, forms_of

    task = bundle.task
    dataset = load(source, task.target or None, forms_of(bundle))
    if dataset.fingerprint == bundle.metadata["dataset"]["fingerprint"]:
        own = split_rows(record, bundle, "test")
        note = "This is the data of the experiment itself, so only its test rows were used."
        return Judged(own.dataset, own.rows, own.where, [note])
    rows, warnings = np.arange(dataset.n_rows), []
    if task.kind != "generation":
        lacking = [target for target in task.targets if target not in dataset.frame.columns]
        if lacking:
            raise TaskError(
                f"'{dataset.name}' has no column '{lacking[0]}', so there is nothing to compare predictions with.",
                hint="Add the true values, or use Predictor on it.",
            )
        check_columns(bundle, dataset.frame)
        rows = usable_rows(dataset, task)
        if len(rows) < dataset.n_rows:
            n = dataset.n_rows - len(rows)
            warnings.append(
                f"{n} rows were left out: their '{task.target}' is missing or a class the model does not know."
            )
    if not len(rows):
        raise TaskError(
            f"No row of '{dataset.name}' can be judged.", hint="; ".join(warnings) or "Give a file with rows."
        )
    return Judged(dataset, rows, f"{len(rows)} rows of {dataset.name}", warnings)
