"""What is said about one experiment: a small JSON object for programs, a Markdown table for people. Pure."""

from __future__ import annotations

import json
from typing import Any

from tools.core.metrics import METRIC_NAMES
from tools.core.records import ConstraintCheck, ExperimentRecord
from tools.core.units import format_duration, format_size
from tools.tracking.wording import joined, predicted
from ui.progress import format_number

_SIZES = ("max_model_size", "max_memory", "max_gpu_memory", "max_disk")
_WORDS = {
    "max_model_size": "model size",
    "max_latency_ms": "latency of one row",
    "min_accuracy": "accuracy",
    "max_memory": "memory",
    "max_gpu_memory": "GPU memory",
    "max_disk": "disk",
    "time_s": "time",
}


def run_summary(record: ExperimentRecord) -> dict[str, Any]:
    """The object that `automl-agent run --json` prints."""
    data = json.loads(record.model_dump_json())
    summary = {
        "experiment": record.id,
        "status": record.status,
        "task": record.task,
        "metric": record.metric,
        "test": data["test"],
        "validation": data["validation"],
        "baseline": data["baseline"],
        "constraints": data["constraints"],
        "trials": record.trials,
        "wall_s": record.wall_s,
        "bundle": record.bundle,
        "onnx": record.onnx,
    }
    if record.error is not None:
        summary["error"] = data["error"]
    return summary


def list_summary(record: ExperimentRecord) -> dict[str, Any]:
    """One element of `automl-agent experiments list --json`."""
    return {
        **run_summary(record),
        "dataset": record.dataset,
        "created_at": record.created_at,
        "model": record.best.model_architecture if record.best else None,
        "model_size": record.best.model_size if record.best else None,
        "latency_ms": record.best.resources.inference_latency if record.best else None,
        "tags": list(record.tags),
    }


def score(record: ExperimentRecord) -> float | None:
    """The headline number: the experiment's metric on the untouched test rows."""
    return record.test.get(record.metric) if record.metric else None


def headline(record: ExperimentRecord) -> str:
    """One sentence: what came out.

    A result never appears without its baseline, since 0.95 means little without knowing what is trivial.
    """
    if record.status == "failed" and record.error is not None:
        return f"Experiment {record.id} failed: {record.error.message} {record.error.hint}".strip()
    value = score(record)
    if value is None or record.metric is None:
        return f"Experiment {record.id} on {record.dataset}: {record.status}."
    target = predicted(record)
    aim = f", predicting `{target}`" if target else ""
    text = f"Experiment {record.id} on {record.dataset}{aim}: test {record.metric} **{format_number(value)}**"
    trivial = record.baseline.get(record.metric)
    if trivial is not None:
        text += f" (trivial baseline: {format_number(trivial)})"
    broken = [_WORDS.get(check.name, check.name) for check in record.constraints if not check.met]
    unmet = f" **Not met: the limit{'s' if len(broken) > 1 else ''} on {joined(broken)}.**" if broken else ""
    return f"{text}.{unmet}"


def results_table(record: ExperimentRecord) -> str:
    """Markdown: metrics on test, validation and baseline, then the limits asked for, then the model."""
    known = [name for name in METRIC_NAMES if name in record.test or name in record.validation]
    names = known + [name for name in record.test if name not in known]  # those of one target among several
    if record.metric in names:
        names.remove(record.metric)
        names.insert(0, record.metric)
    lines = []
    if names:
        lines += ["| metric | test | validation | baseline |", "|:--|--:|--:|--:|"]
        for name in names:
            shown = f"**{name}**" if name == record.metric else name
            cells = [format_number(table.get(name)) for table in (record.test, record.validation, record.baseline)]
            if name in record.confidence:
                low, high = record.confidence[name]
                cells[0] += f" ({format_number(low)} – {format_number(high)})"
            lines.append(f"| {shown} | {' | '.join(cells)} |")
    if record.constraints:
        lines += ["", "| limit | asked | measured | |", "|:--|--:|--:|:--|"]
        for check in record.constraints:
            lines.append(
                f"| {_WORDS.get(check.name, check.name)} | {_bound(check)} | {_quantity(check.name, check.measured)} "
                f"| {_verdict(check)} |"
            )
    return "\n".join(lines)


def model_line(record: ExperimentRecord) -> str:
    """The delivered model in one line: kind, parameters, size, latency, trials, time."""
    parts = []
    if record.best is not None:
        parts.append(f"**{record.best.model_architecture}**")
        if record.best.n_parameters is not None:
            parts.append(f"{record.best.n_parameters:,} parameters")
        if record.best.model_size is not None:
            parts.append(format_size(record.best.model_size))
        if record.best.resources.inference_latency is not None:
            parts.append(f"{record.best.resources.inference_latency:.3g} ms per row")
    parts.append(f"{record.trials} trial{'' if record.trials == 1 else 's'}")
    parts.append(format_duration(record.wall_s))
    return " · ".join(parts)


def _verdict(check: ConstraintCheck) -> str:
    """Met or not; the time may be overdrawn by the few seconds that ending cleanly takes, and then it says so."""
    if not check.met:
        return "✗ not met"
    over = check.measured is not None and check.name == "time_s" and check.measured > check.asked
    return "✓ met (with the seconds allowed for ending)" if over else "✓ met"


def _bound(check: ConstraintCheck) -> str:
    sign = "≥" if check.name.startswith("min_") else "≤"
    return f"{sign} {_quantity(check.name, check.asked)}"


def _quantity(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    if name in _SIZES:
        return format_size(value)
    if name == "time_s":
        return format_duration(value)
    if name.endswith("_ms"):
        return f"{value:.3g} ms"
    return format_number(value)
