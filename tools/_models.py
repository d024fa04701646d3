"""Getting at the stored model of an experiment; loads no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.contract import ToolContext
from tools.core.errors import ExperimentError
from tools.core.records import ExperimentRecord

if TYPE_CHECKING:
    from tools.engine.export.bundle_reader import Bundle

_WITHOUT = {
    "running": ("is still running", "Wait until it is done."),
    "failed": ("failed", "Choose another experiment, or train again."),
    "cancelled": ("was cancelled", "Choose another experiment, or resume it."),
    "interrupted": ("was interrupted", "Choose another experiment, or resume it."),
    "completed": ("delivered none", "Choose another experiment, or train again."),
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
        why, hint = _WITHOUT[record.status]
        raise ExperimentError(f"Experiment {record.id} has no model: it {why}.", hint=hint)
    return record


def open_bundle(record: ExperimentRecord) -> Bundle:
    """The bundle of an experiment that has one.

    Raises:
        ExperimentError: it is gone or damaged.
    """
    from tools.engine.export.bundle_reader import Bundle

    return Bundle.open(str(record.bundle))
