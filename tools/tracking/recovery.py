"""What happens when the history file is damaged or gone: nothing is ever overwritten silently."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tools.core.errors import ExperimentError
from tools.core.records import ExperimentPlan, ExperimentRecord
from tools.tracking.files import dump, read_json, write_atomically
from tools.tracking.storage import AtomicStorage, DamagedFile, Tables, parse


def from_backup(storage: AtomicStorage) -> str:
    """Put the last good copy in place of a damaged file, which is moved aside; return a notice for the user.

    Raises:
        ExperimentError: there is no good copy; the damaged file stays where it is.
    """
    try:
        content = storage.backup.read_bytes()
        parse(content)
    except (OSError, DamagedFile):
        raise ExperimentError(
            f"The history file '{storage.path}' is damaged and there is no good copy of it.",
            details={"path": str(storage.path)},
            hint="Move it out of that folder and start again: the history is then rebuilt from the run folders.",
        ) from None
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    aside = storage.path.with_name(f"{storage.path.stem}.damaged-{stamp}-{os.getpid()}{storage.path.suffix}")
    os.replace(storage.path, aside)
    write_atomically(storage.path, content)
    return (
        f"The history file was damaged. The last good copy has been restored (the last change may be missing); "
        f"the damaged file is kept as '{aside.name}'."
    )


def rebuild(storage: AtomicStorage, runs: Path) -> str | None:
    """Make a missing history file again, from its last good copy or the run folders; None when there is neither."""
    if storage.backup.exists():
        try:
            content = storage.backup.read_bytes()
            parse(content)
        except (OSError, DamagedFile):
            pass  # the run folders still know
        else:
            write_atomically(storage.path, content)
            return "The history file was missing. It has been restored from its last good copy."
    experiments: dict[str, Any] = {}
    numbers = [int(folder.name) for folder in runs.iterdir() if folder.name.isdigit()]
    for number in sorted(numbers):
        record = _record_in(runs / str(number), number)
        if record is not None:
            experiments[str(number)] = record
    if not experiments:
        return None
    tables: Tables = {"experiments": experiments, "meta": {"1": {"next_id": max(numbers) + 1, "schema": 1}}}
    write_atomically(storage.path, dump(tables))
    return f"The history file was missing. {len(experiments)} experiments were found again in their run folders."


def _record_in(folder: Path, number: int) -> dict[str, Any] | None:
    """The experiment as its folder remembers it: the finished record, else the plan of the job."""
    finished = read_json(folder / "record.json")
    if finished is not None:
        return finished
    job = read_json(folder / "job.json")
    if job is None:
        return None
    try:
        plan = ExperimentPlan.model_validate(job["plan"])
    except (KeyError, ValidationError):
        return None
    record = ExperimentRecord(
        id=number, kind=plan.kind, created_at=str(job.get("created_at", "")), request=plan.request,
        session=plan.session, dataset=Path(plan.dataset).name, plan=plan,
    )  # fmt: skip
    return record.model_dump(mode="json")
