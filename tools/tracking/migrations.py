"""How an older history becomes a current one: steps that are only ever appended to the list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tools.core.errors import ExperimentError
from tools.tracking.storage import Tables


def _first_layout(tables: Tables) -> None:
    """From nothing, or a bare table of experiments: a counter, so that ids are never given twice."""
    experiments = tables.setdefault("experiments", {})
    meta = tables.setdefault("meta", {}).setdefault("1", {})
    meta.setdefault("next_id", max((int(key) for key in experiments), default=0) + 1)


MIGRATIONS: list[Callable[[Tables], None]] = [_first_layout]


def schema_of(tables: Tables | None) -> int:
    """The number of migrations a file has seen."""
    meta: Any = (tables or {}).get("meta", {}).get("1", {})
    return int(meta.get("schema", 0))


def migrate(tables: Tables) -> bool:
    """Bring the tables up to date in place; True when something was done.

    Raises:
        ExperimentError: they were written by a newer version.
    """
    schema = schema_of(tables)
    if schema > len(MIGRATIONS):
        raise ExperimentError(
            f"The history was written by a newer version (layout {schema}, this one knows {len(MIGRATIONS)}).",
            hint="Update AutoML Agent, or choose another folder with --home.",
        )
    for step in MIGRATIONS[schema:]:
        step(tables)
    tables["meta"]["1"]["schema"] = len(MIGRATIONS)
    return schema < len(MIGRATIONS)
