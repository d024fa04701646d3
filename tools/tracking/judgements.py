"""Reports of the evaluation that are kept with a run, so that plots and the report come from the store alone."""

from __future__ import annotations

from typing import Any

from tools.tracking.files import dump, read_json, write_atomically
from tools.tracking.store import Store


def keep(store: Store, experiment: int, report: str, content: dict[str, Any]) -> None:
    """Keep a report on the experiment's own test rows; a newer one takes the place of an older."""
    folder = store.folder(experiment) / "reports"
    folder.mkdir(exist_ok=True)
    write_atomically(folder / f"{report}.json", dump(content))


def kept(store: Store, experiment: int, report: str) -> dict[str, Any] | None:
    """A kept report; None when it was never made."""
    return read_json(store.folder(experiment) / "reports" / f"{report}.json")
