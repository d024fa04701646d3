"""Opening a home folder: history, jobs and everything a tool needs around it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tools.contract import ToolContext
from tools.core.records import JobEvent
from tools.jobs.manager import JobManager
from tools.tracking.home import home_folder
from tools.tracking.store import Store


def open_workspace(
    home: Path | str | None = None, emit: Callable[[JobEvent], None] = lambda event: None
) -> ToolContext:
    """Open a home folder; jobs that died while nobody looked become interrupted.

    Args:
        home: The folder; by default `AUTOML_HOME`, else the user's data folder.
        emit: Takes what happens while a tool runs.

    Raises:
        ExperimentError: the folder cannot be used, or its history is damaged beyond its copies.
    """
    folder = home_folder(home)
    store = Store(folder)
    jobs = JobManager(folder, store)
    jobs.reconcile()
    return ToolContext(home=folder, store=store, jobs=jobs, emit=emit)
