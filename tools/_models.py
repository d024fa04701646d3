"""Getting at the stored model of an experiment; loads no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.contract import ToolContext
from tools.core.errors import ExperimentError
from tools.core.records import ExperimentRecord
from tools.tracking.wording import STATUS_WORDS

if TYPE_CHECKING:
    from tools.engine.export.bundle_reader import Bundle

_HINTS = {
    "running": "Wait until it is done.",
    "cancelled": "Choose another experiment, or resume it.",
    "interrupted": "Choose another experiment, or resume it.",
}


def with_model(wanted: int | None, context: ToolContext) -> ExperimentRecord:
    """The experiment meant, which must have a model; when none is named, the newest that has one.

    Raises:
        ExperimentError: there is no such experiment, or it has no model.
    """
    record = context.resolve_experiment(wanted)
    if record.bundle is None and wanted is None and record.status != "running":
        trained = [other for other in context.store.list() if other.bundle is not None]
        record = trained[-1] if trained else record
    if record.bundle is None:
        raise without_model(record)
    return record


def without_model(record: ExperimentRecord, use: str = "") -> ExperimentError:
    """That an experiment has no model, why, and what to do.

    Args:
        record: The experiment.
        use: What the model was wanted for, for instance "to tune".
    """
    why = "delivered none" if record.status == "completed" else STATUS_WORDS[record.status]
    hint = _HINTS.get(record.status, "Choose another experiment, or train again.")
    return ExperimentError(f"Experiment {record.id} has no model{f' {use}' if use else ''}: it {why}.", hint=hint)


def open_bundle(record: ExperimentRecord) -> Bundle:
    """The bundle of an experiment that has one.

    Raises:
        ExperimentError: it is gone or damaged.
    """
    from tools.engine.export.bundle_reader import Bundle

    return Bundle.open(str(record.bundle))
