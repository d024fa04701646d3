"""The history as files for other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tools.core.records import ExperimentRecord
from tools.tracking.files import dump, write_atomically
from tools.tracking.queries import row


def export_history(records: Sequence[ExperimentRecord], folder: Path) -> tuple[Path, Path]:
    """Write experiments as a table (CSV) and in full (JSON).

    Args:
        records: What to write.
        folder: Where to; made if it is not there.

    Returns:
        The CSV file and the JSON file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")[:-3]
    table, whole = folder / f"history-{stamp}.csv", folder / f"history-{stamp}.json"
    write_atomically(table, as_csv(records).encode())
    write_atomically(whole, dump([record.model_dump(mode="json") for record in records]))
    return table, whole


def as_csv(records: Sequence[ExperimentRecord]) -> str:
    """One line per experiment; columns are the summary and every test metric that occurs."""
    metrics = sorted({name for record in records for name in record.test})
    rows: list[dict[str, Any]] = []
    for record in records:
        values = {f"test_{name}": record.test.get(name) for name in metrics}
        rows.append({**row(record), **values, "trials": record.trials, "tags": " ".join(record.tags)})
    if not rows:
        return ""
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _harmless(value) for name, value in line.items()} for line in rows)
    return out.getvalue()


def _harmless(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula gets an apostrophe in front."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value
