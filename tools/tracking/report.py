"""The report of an experiment as Markdown, from the store alone: the same today and after a restart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tools.core.records import ExperimentRecord, TrialRecord
from tools.core.units import format_duration, format_size
from tools.tracking.store import Store
from tools.tracking.wording import LIMIT_NAMES, joined, metric_title, number, quantity

MOST_TRIALS = 10


def report(store: Store, experiment: int) -> str:
    """Everything worth knowing about an experiment.

    Raises:
        ExperimentError: there is no such experiment.
    """
    record = store.get(experiment)
    parts = [
        f"# Experiment {record.id}: {_cell(record.dataset)} ({record.status})",
        _about(record),
        _error(record),
        _metrics(record),
        _limits(record),
        _model(record),
        _data(record),
        _trials(record, store.trials(experiment)),
        _steps(record),
        _notes(record),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _about(record: ExperimentRecord) -> str:
    asked = f"Asked for: {_cell(record.request)}. " if record.request else ""
    target = record.profile.target if record.profile else record.plan.target
    what = f"{record.task or 'a model'}" + (f" of `{_code(target)}`" if target else "")
    what += f" without {joined([f'`{_code(name)}`' for name in record.plan.ignore])}" if record.plan.ignore else ""
    when = record.created_at[:19].replace("T", " ")
    return f"{asked}{what[0].upper()}{what[1:]}, {record.kind.replace('_', ' ')}, started {when} UTC, {_time(record)}."


def _time(record: ExperimentRecord) -> str:
    limit = format_duration(record.plan.limits.time_s)
    if not record.wall_s:
        return f"may take {limit}"
    over = record.wall_s > record.plan.limits.time_s
    return f"took {format_duration(record.wall_s)} {f'({limit} were asked for)' if over else f'of {limit}'}"


def _error(record: ExperimentRecord) -> str:
    error = record.error
    return f"**It ended with an error:** {_cell(error.message)} {_cell(error.hint)}".strip() if error else ""


def _metrics(record: ExperimentRecord) -> str:
    names = list(dict.fromkeys([*([record.metric] if record.metric in record.test else []), *record.test]))
    if not names:
        return ""
    rows = []
    for name in names:
        low, high = record.confidence.get(name, (None, None))
        interval = f"{number(low)} to {number(high)}" if low is not None else ""
        rows.append([
            metric_title(name), number(record.test.get(name)), interval, number(record.validation.get(name)),
            number(record.baseline.get(name)),
        ])  # fmt: skip
    return "## Result\n\n" + _table(["metric", "test", "95 % interval", "validation", "trivial baseline"], rows)


def _limits(record: ExperimentRecord) -> str:
    if not record.constraints:
        return ""
    rows = [
        [
            LIMIT_NAMES.get(check.name, check.name), quantity(check.name, check.asked),
            quantity(check.name, check.measured), "yes" if check.met else "**no**",
        ]
        for check in record.constraints
    ]  # fmt: skip
    return "## Limits\n\n" + _table(["limit", "asked", "measured", "met"], rows)


def _model(record: ExperimentRecord) -> str:
    best = record.best
    if best is None:
        return ""
    lines = [f"- Kind: {_cell(best.model_architecture)} (`{best.family}`, trial {best.trial})"]
    if best.n_parameters is not None:
        lines.append(f"- Parameters: {best.n_parameters:,}")
    if best.model_size is not None:
        lines.append(f"- Size: {format_size(best.model_size)}")
    if best.resources.inference_latency is not None:
        lines.append(f"- Time per row: {best.resources.inference_latency:.3g} ms on one core")
    if best.hyperparameters:
        lines.append("- Settings: " + ", ".join(f"`{_code(k)}` {_value(v)}" for k, v in best.hyperparameters.items()))
    if record.parity:
        worst = max(record.parity.values())
        sizes = ", ".join(record.parity)
        lines.append(f"- The ONNX file agrees with the trained model within {worst:.1e} (batch sizes {sizes})")
    if record.bundle:
        lines.append(f"- Bundle: `{_code(record.bundle)}`")
    return "## Model\n\n" + "\n".join(lines)


def _data(record: ExperimentRecord) -> str:
    profile = record.profile
    if profile is None:
        return ""
    lines = [f"- {profile.n_rows:,} rows, {profile.n_columns:,} columns, {profile.modality}, `{profile.fingerprint}`"]
    if profile.classes:
        shown = [f"{_cell(name)} ({count:,})" for name, count in list(profile.classes.items())[:8]]
        lines.append("- Classes: " + ", ".join(shown) + (" …" if len(profile.classes) > 8 else ""))
    lines += [f"- {_cell(warning)}" for warning in dict.fromkeys([*profile.warnings, *record.warnings])]
    return "## Data\n\n" + "\n".join(lines)


def _trials(record: ExperimentRecord, trials: Sequence[TrialRecord]) -> str:
    if not trials:
        return ""
    counts = ", ".join(f"{count} {status}" for status, count in record.trial_counts.items())
    sign = -1 if record.direction == "maximize" else 1
    ranked = sorted((t for t in trials if t.score is not None), key=lambda t: sign * (t.score or 0.0))[:MOST_TRIALS]
    rows = [
        [
            trial.number, _cell(trial.model_architecture), number(trial.score), trial.status,
            format_size(trial.model_size) if trial.model_size is not None else "",
            format_duration(trial.resources.training_time),
        ]
        for trial in ranked
    ]  # fmt: skip
    head = f"## Search\n\n{len(trials)} trials" + (f" ({counts})" if counts else "") + "; the best ones:\n\n"
    return head + _table(["trial", "model", "validation", "status", "size", "training"], rows)


def _steps(record: ExperimentRecord) -> str:
    if not record.steps:
        return ""
    lines = [f"1. **{_cell(step.name)}**: {_cell(step.summary)}" for step in record.steps]
    return "## Steps\n\n" + "\n".join(lines) + _phases(record)


def _phases(record: ExperimentRecord) -> str:
    """Where the time went."""
    spent = [f"{name} {format_duration(seconds)}" for name, seconds in record.phases.items()]
    return f"\n\nTime: {', '.join(spent)}." if spent else ""


def _notes(record: ExperimentRecord) -> str:
    lines = [f"- {_cell(note)}" for note in record.notes]
    if record.tags:
        lines.append("- Tags: " + ", ".join(f"`{_code(tag)}`" for tag in record.tags))
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    if versions:
        lines.append(f"- Seed {record.plan.seed}; {versions}")
    return "## Notes\n\n" + "\n".join(lines) if lines else ""


def _table(head: list[str], rows: list[list[Any]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(text: object) -> str:
    """Words from data or people: one line that neither breaks a table nor becomes markup."""
    flat = " ".join(str(text).split())
    for mark in ("\\", "|", "*", "_", "`", "<", "[", "#"):
        flat = flat.replace(mark, f"\\{mark}")
    return flat


def _code(text: object) -> str:
    return " ".join(str(text).split()).replace("`", "'")


def _value(value: Any) -> str:
    return number(value) if isinstance(value, float) else _cell(value)


def write_report(store: Store, experiment: int) -> Path:
    """Write the report into the run folder and return its path."""
    path = store.folder(experiment) / "report.md"
    path.write_text(report(store, experiment), encoding="utf-8")
    return path
