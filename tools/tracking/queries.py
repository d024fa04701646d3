"""Questions to the history, answered from records alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tools.core.errors import ExperimentError, TaskError
from tools.core.metrics import METRIC_NAMES
from tools.core.records import Direction, ExperimentRecord
from tools.core.units import parse_duration


def find(
    records: Iterable[ExperimentRecord],
    *,
    dataset: str | None = None,
    status: str | None = None,
    metric: str | None = None,
    min_value: float | None = None,
    since: str | None = None,
    tag: str | None = None,
) -> list[ExperimentRecord]:
    """The records that fit all the filters given.

    Args:
        records: Where to look.
        dataset: Short name or path of the data; case does not matter.
        status: As in `ExperimentRecord.status`.
        metric: Only records with a test value of this metric.
        min_value: At least this good: at least for metrics to maximise, at most for those to minimise.
        since: A date (`2026-11-23`), a time (ISO 8601), `today`, `yesterday`, or an age (`2h`, `7d`).
        tag: Only records with this tag.

    Raises:
        TaskError: `since` is none of these.
    """
    start = None if since is None else parse_since(since)
    found = []
    for record in records:
        if dataset is not None and not same_dataset(record, dataset):
            continue
        if status is not None and record.status != status:
            continue
        if tag is not None and tag not in record.tags:
            continue
        if start is not None and created(record) < start:
            continue
        if metric is not None and metric not in record.test:
            continue
        if min_value is not None:
            name = metric or record.metric or ""
            value = record.test.get(name)
            if value is None or not at_least(value, min_value, direction_of(name, record)):
                continue
        found.append(record)
    return found


def best(
    records: Iterable[ExperimentRecord], dataset: str | None = None, metric: str | None = None
) -> ExperimentRecord | None:
    """The completed record with the best test value; the earliest of equals; None when there is none.

    Args:
        records: Where to look.
        dataset: Only this data.
        metric: What counts; by default the metric of the newest record that qualifies.
    """
    candidates = [record for record in find(records, dataset=dataset, status="completed") if record.test]
    if metric is None and candidates:
        metric = candidates[-1].metric
    candidates = [record for record in candidates if metric in record.test]
    if not candidates or metric is None:
        return None
    sign = 1 if direction_of(metric, candidates[0]) == "maximize" else -1
    return max(candidates, key=lambda record: sign * record.test[str(metric)])


def compare(records: Sequence[ExperimentRecord]) -> dict[str, Any]:
    """What is the same and what differs between experiments.

    Returns:
        `rows`: one dictionary per experiment (metrics on test data, size in bytes, latency in ms, seconds);
        `differences`: setting -> its values, in the order of the records, where they are not all equal.

    Raises:
        ExperimentError: fewer than two experiments.
    """
    if len(records) < 2:
        raise ExperimentError(
            "A comparison needs at least two experiments.", hint="Name two, for instance: compare 1 and 2."
        )
    settings = [_settings(record) for record in records]
    names = dict.fromkeys(name for setting in settings for name in setting)
    differences = {}
    for name in names:
        values = [setting.get(name) for setting in settings]
        if any(value != values[0] for value in values[1:]):
            differences[name] = values
    return {"rows": [row(record) for record in records], "differences": differences}


def row(record: ExperimentRecord) -> dict[str, Any]:
    """One line of a table of experiments."""
    best_model = record.best
    return {
        "experiment": record.id,
        "dataset": record.dataset,
        "status": record.status,
        "family": best_model.family if best_model else None,
        "metric": record.metric,
        "test": record.test.get(record.metric or ""),
        "model_size": best_model.model_size if best_model else None,
        "latency_ms": best_model.resources.inference_latency if best_model else None,
        "wall_s": round(record.wall_s, 1),
        "created_at": record.created_at,
    }


def _settings(record: ExperimentRecord) -> dict[str, Any]:
    plan = record.plan
    settings: dict[str, Any] = {
        "dataset": record.dataset, "target": record.profile.target if record.profile else plan.target,
        "metric": record.metric, "validation": plan.validation.method, "time_s": plan.limits.time_s,
        "max_model_size": plan.limits.max_model_size, "max_latency_ms": plan.limits.max_latency_ms,
        "min_accuracy": plan.limits.min_accuracy, "strategy": plan.search.strategy, "seed": plan.seed,
        "without": ", ".join(plan.ignore) or None,
        "primary": plan.objectives.primary, "secondary": plan.objectives.secondary, "trials": record.trials,
    }  # fmt: skip
    if record.best is not None:
        settings["family"] = record.best.family
        settings.update(record.best.hyperparameters)
    return settings


def same_dataset(record: ExperimentRecord, name: str) -> bool:
    """Whether a record is about the data called `name`."""
    wanted = name.lower().removeprefix("sample:")
    return wanted in (record.dataset.lower(), record.plan.dataset.lower(), Path(record.plan.dataset).stem.lower())


def direction_of(metric: str, record: ExperimentRecord | None = None) -> Direction:
    """Whether more or less of a metric is better."""
    if record is not None and metric == record.metric:
        return record.direction
    return METRIC_NAMES[metric].direction if metric in METRIC_NAMES else "maximize"


def at_least(value: float, wanted: float, direction: Direction) -> bool:
    """Whether a value is as good as wanted."""
    return value >= wanted if direction == "maximize" else value <= wanted


def created(record: ExperimentRecord) -> datetime:
    """When an experiment was asked for."""
    time = datetime.fromisoformat(record.created_at)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def parse_since(text: str) -> datetime:
    """A point in time: a date, a time, `today`, `yesterday`, or an age such as `2h` or `7d`.

    Raises:
        TaskError: the text is none of these.
    """
    words = text.strip().lower().removesuffix("ago").strip()
    today = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    if words in ("today", "yesterday"):
        return today - timedelta(days=int(words == "yesterday"))
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        try:
            return datetime.now(UTC) - timedelta(seconds=parse_duration(words))
        except (ValueError, OverflowError):
            raise TaskError(
                f"'{text}' is not a point in time.",
                hint="Write a date such as 2026-11-23, 'today', or an age such as 7d.",
            ) from None
    return time if time.tzinfo else time.astimezone()
