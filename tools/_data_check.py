"""A look at small data before a job starts: what cannot work is said at once and leaves no trace in the history."""

from __future__ import annotations

from pathlib import Path

from tools.core.records import ExperimentPlan

MOST_BYTES = 3_000_000
"""Larger files are left to the job: reading them here would keep the user waiting twice."""


def check_data(plan: ExperimentPlan) -> None:
    """Read the data of a plan, if it is a small file, and decide the task as its job will; loads no torch.

    Raises:
        AutoMLError: the job would end with the same error, some seconds later.
    """
    path = Path(plan.dataset)
    if not path.is_file() or path.stat().st_size > MOST_BYTES:
        return
    from tools.engine.data.candidates import without_columns
    from tools.engine.data.modality import MODALITIES
    from tools.engine.data.read import load

    dataset = without_columns(load(plan.dataset, plan.target), plan.ignore)
    kind = None if plan.task in ("custom", "multitask") else plan.task
    MODALITIES.get(dataset.modality).task(dataset, plan.target, kind, plan.metric)
