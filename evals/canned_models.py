"""Tools that use a model, without one: the checks of the real tools, and made-up answers."""

from __future__ import annotations

from itertools import cycle, islice
from typing import Any

from evals.results import canned_profile, checks
from tools.contract import ToolContext, ToolResult
from tools.core.errors import ExperimentError, TaskError
from tools.core.records import BestModel, DatasetProfile, ExperimentRecord, Limits
from tools.core.units import format_size
from tools.tracking.wording import check_sentence, metric_title, number

_DROP = 0.002
_SHARES = {"fp32": 1.0, "fp16": 0.52, "int8": 0.31, "auto": 0.31}


def evaluate(args: Any, context: ToolContext) -> ToolResult:
    """As ModelEvaluator."""
    record, _ = _with_model(args.experiment, context)
    profile = _profile(record)
    if args.dataset is not None:
        other = canned_profile(context.resolve_dataset(args.dataset))
        if profile.target and profile.target not in [column.name for column in other.columns] and other.columns:
            raise TaskError(
                f"'{other.name}' has no column '{profile.target}', so there is nothing to compare predictions with.",
                hint="Add the true values, or use Predictor on it.",
            )
    if args.report in ("confusion", "calibration") and record.task != "classification":
        raise TaskError(
            f"The report '{args.report}' is for classes; this model's task is {record.task}.",
            hint="Ask for metrics, curves, calibration or errors.",
        )
    if args.report == "importance" and profile.modality != "tabular":
        raise TaskError(
            "Importance is told for the columns of a table; this model reads none.",
            hint="Ask for metrics, curves, calibration or errors.",
        )
    metric = record.metric or "accuracy"
    score = record.test.get(metric, 0.0)
    details = {
        "confusion": f"Most often confused: {' and '.join(list(profile.classes)[:2])}.",
        "importance": f"What matters most: {', '.join(_inputs(profile)[:3])}.",
        "errors": "The worst rows are 17, 41 and 62.",
        "calibration": "Its probabilities are off by 0.021 on average.",
        "curves": "The area under the ROC curve is 0.99.",
    }
    said = f"Experiment {record.id} on {record.dataset}: {metric_title(metric)} {number(score)} on the test rows."
    return ToolResult(
        summary=f"{said} {details.get(args.report, '')}".strip(),
        data={"experiment": record.id, "report": args.report, "metric": metric, "test": dict(record.test)},
        experiment=record.id,
        next_step="Look at where it errs." if args.report == "metrics" else "",
    )


def check(args: Any, context: ToolContext) -> ToolResult:
    """As ResourceConstraintChecker."""
    record, best = _with_model(args.experiment, context)
    size, latency = best.model_size or 0, best.resources.inference_latency or 0.0
    given = {name: getattr(args, name) for name in ("max_model_size", "max_latency_ms", "min_accuracy")}
    if any(value is not None for value in given.values()):
        limits = Limits(**{name: value for name, value in given.items() if value is not None})
    else:
        limits = record.plan.limits
    found = [one for one in checks(limits, record.test.get(record.metric or ""), size, latency) if one.name != "time_s"]
    fits = all(one.met for one in found)
    verdict = f"It {'fits' if fits else 'does not fit'}: {'; '.join(map(check_sentence, found))}." if found else ""
    return ToolResult(
        summary=f"The model file of experiment {record.id} has {format_size(size)}, one row takes {latency:.3g} ms. "
        f"{verdict or 'Give limits to check them.'}",
        data={
            "experiment": record.id, "size_bytes": size, "latency_ms": latency, "fits": fits if found else None,
            "checks": [one.model_dump() for one in found],
        },
        experiment=record.id,
        options=() if fits else ("Convert it to int8", "Train again with this limit"),
    )  # fmt: skip


def convert(args: Any, context: ToolContext) -> ToolResult:
    """As ModelConverter."""
    record, best = _with_model(args.experiment, context)
    before = best.model_size or 0
    after = int(before * _SHARES[args.precision])
    lossless = args.precision in ("fp32", "fp16")
    accepted = lossless or args.max_accuracy_drop >= _DROP
    measured = f"{format_size(before)} to {format_size(after)}, test quality lower by {0 if lossless else _DROP:g}"
    if accepted:
        text = f"The model of experiment {record.id} is converted to {args.precision}: {measured}."
    else:
        text = f"The {args.precision} form of experiment {record.id} is not delivered: it loses too much ({measured})."
    return ToolResult(
        summary=text,
        data={
            "experiment": record.id, "precision": args.precision, "accepted": accepted,
            "size_bytes": {"before": before, "after": after},
        },
        experiment=record.id,
        next_step="Use it like the original." if accepted else "Keep the original, or allow a larger drop.",
    )  # fmt: skip


def predict(args: Any, context: ToolContext) -> ToolResult:
    """As Predictor."""
    record, _ = _with_model(args.experiment, context)
    profile = _profile(record)
    if profile.modality == "corpus":
        if args.dataset is not None:
            raise TaskError("This model continues text; it cannot predict a dataset.", hint="Give it a prompt.")
        prompt = str(args.inputs[0]) if args.inputs else ""
        text = f"{prompt} and the keeper of the light wrote it down"[: len(prompt) + args.max_new_tokens]
        return ToolResult(summary=f"Experiment {record.id} writes: {text}", data={"text": text}, experiment=record.id)
    if args.inputs is None and args.dataset is None:
        wanted = ", ".join(_inputs(profile)[:4])
        raise TaskError("There is nothing to predict.", hint=f"Attach a file, or give values for {wanted}.")
    if args.inputs is None:
        source = canned_profile(context.resolve_dataset(args.dataset))
        _columns(profile, [column.name for column in source.columns])
        n_rows = source.n_rows
    else:
        for row in args.inputs:
            _row(profile, row, context)
        n_rows = len(args.inputs)
    values = list(profile.classes) or ["152000"]
    first = [{"prediction": value} for value in islice(cycle(values), min(n_rows, 3))]
    sure = " (93%)" if profile.classes else ""
    said = ", ".join(f"{row['prediction']}{sure}" for row in first)
    return ToolResult(
        summary=f"Experiment {record.id} predicts {said}."
        if n_rows == 1
        else f"Experiment {record.id} predicted {n_rows:,} rows. The first: {said}.",
        data={"experiment": record.id, "n_rows": n_rows, "predictions": first},
        experiment=record.id,
    )


def _with_model(wanted: int | None, context: ToolContext) -> tuple[ExperimentRecord, BestModel]:
    record = context.resolve_experiment(wanted)
    if record.best is None and wanted is None and record.status != "running":
        trained = [other for other in context.store.list() if other.best is not None]
        record = trained[-1] if trained else record
    if record.best is None:
        why = {"running": "is still running", "failed": "failed"}.get(record.status, f"was {record.status}")
        raise ExperimentError(
            f"Experiment {record.id} has no model: it {why}.", hint="Choose another experiment, or train again."
        )
    return record, record.best


def _profile(record: ExperimentRecord) -> DatasetProfile:
    return record.profile or canned_profile(record.plan.dataset)


def _inputs(profile: DatasetProfile) -> list[str]:
    return [column.name for column in profile.columns if column.name != profile.target]


def _columns(profile: DatasetProfile, given: list[str]) -> None:
    missing = [name for name in _inputs(profile) if name not in given]
    if profile.modality == "tabular" and missing:
        raise TaskError(
            f"{len(missing)} column(s) that the model reads are missing: {', '.join(missing[:10])}.",
            hint="Add them; empty cells are allowed.",
        )


def _row(profile: DatasetProfile, row: Any, context: ToolContext) -> None:
    if profile.modality == "image":
        context.resolve_dataset(str(row))
    elif isinstance(row, dict):
        _columns(profile, list(row))
    elif profile.modality == "tabular":
        raise TaskError(
            "This model needs a value for each of its columns.",
            hint=f"Give rows such as {', '.join(_inputs(profile)[:4])}.",
        )
