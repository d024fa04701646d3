"""The state a turn left behind, against what it should be."""

from __future__ import annotations

from typing import Any

from tools.core.records import ExperimentRecord
from tools.tracking.store import Store

CHECKS = ("experiments", "exists", "missing", "tags", "notes", "jobs")


def state_misses(wanted: dict[str, Any], store: Store) -> list[str]:
    """What is not as it should be, in words.

    Args:
        wanted: The checks (see `evals.suite.Expect`).
        store: The history after the turn.
    """
    if not wanted:
        return []
    records = {record.id: record for record in store.list()}
    misses = [f"'{name}' is no check on the state" for name in wanted if name not in CHECKS]
    if "experiments" in wanted and len(records) != wanted["experiments"]:
        misses.append(f"{wanted['experiments']} experiments expected in the history, there are {len(records)}")
    misses += [f"experiment {number} is gone" for number in wanted.get("exists", ()) if number not in records]
    misses += [f"experiment {number} is still there" for number in wanted.get("missing", ()) if number in records]
    for number, tags in wanted.get("tags", {}).items():
        held = [tag.casefold() for tag in _record(records, number, "tags")]
        misses += [f"experiment {number} has no tag '{tag}'" for tag in tags if tag.casefold() not in held]
    for number, notes in wanted.get("notes", {}).items():
        held = [note.casefold() for note in _record(records, number, "notes")]
        misses += [
            f"experiment {number} has no note '{note}'"
            for note in notes
            if not any(note.casefold() in text for text in held)
        ]
    for number, status in wanted.get("jobs", {}).items():
        is_now = records[int(number)].status if int(number) in records else "gone"
        if is_now != status:
            misses.append(f"job {number} is {is_now}, not {status}")
    return misses


def _record(records: dict[int, ExperimentRecord], number: Any, name: str) -> tuple[str, ...]:
    held: tuple[str, ...] = getattr(records[int(number)], name) if int(number) in records else ()
    return held
