"""ModelEvaluator: how good is a model, and where does it fail."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from tools._history_words import standing
from tools._models import with_model
from tools._search_args import Report
from tools._steps import Steps
from tools._training import short
from tools.contract import TOOLS, Artifact, Tool, ToolArgs, ToolContext, ToolResult
from tools.core.records import ExperimentRecord
from tools.tracking.judgements import keep
from tools.tracking.plots import PLOTS
from tools.tracking.wording import metric_title, number, rows

MOST = 6


class EvaluatorArgs(ToolArgs):
    """Which model, on which data, in which respect."""

    experiment: int | None = Field(
        default=None, description="experiment; omitted: the conversation's current one, else the newest with a model"
    )
    dataset: str | None = Field(
        default=None, description="labelled data to judge on; omitted: the experiment's own untouched test rows"
    )
    report: Report = Field(
        default="metrics",
        description="metrics (all, with intervals), confusion (which class is taken for which), curves (ROC, precision "
        "and recall), calibration (are probabilities right), importance (which columns matter), errors (worst rows)",
    )


@TOOLS.register
class ModelEvaluator(Tool[EvaluatorArgs]):
    """Judge a trained model on data it has never seen, from its exported file.

    Use it when the user asks how good a model is, for its accuracy or other metrics, a confusion matrix, ROC curves,
    calibration, feature importance, or where it goes wrong; also to test it on another labelled file. Trains nothing.
    """

    name = "ModelEvaluator"
    Args = EvaluatorArgs
    examples = (
        "How good is it?",
        "Evaluate experiment 3",
        "Show the confusion matrix",
        "Which features matter most?",
        "Where does the model go wrong?",
        "Test it on new_data.csv",
        "Are its probabilities reliable?",
        "Plot the ROC curve",
    )

    def run(self, args: EvaluatorArgs, context: ToolContext) -> ToolResult:
        """Judge, keep, tell.

        Raises:
            AutoMLError: the model, its data or the report is not to be had.
        """
        steps = Steps(context)
        with steps.step("model") as step:
            record = with_model(args.experiment, context)
            source = context.resolve_dataset(args.dataset) if args.dataset is not None else None
            step.say(f"The exported model of experiment {record.id} is judged.", experiment=record.id)
        from tools.engine.export.judge import judge

        with steps.step("judgement") as step:
            content = judge(record, args.report, source)
            step.say(f"{args.report.capitalize()} on {content['where']}.", n_rows=content["n_rows"])
        with steps.step("interpretation") as step:
            text, data = _READERS[args.report](content, record)
            step.say(text[0].upper() + text[1:])
        if source is None:
            keep(context.store, record.id, args.report, content)
        steps.keep(record.id)
        plotted = source is None and args.report in PLOTS and "plot" in content
        warnings = " ".join(str(warning) for warning in content.get("warnings", [])[:2])
        return ToolResult(
            summary=f"On {content['where']} (experiment {record.id}): {text} {warnings}".strip(),
            data={"experiment": record.id, "report": args.report, "n_rows": content["n_rows"], **data},
            experiment=record.id,
            artifacts=(
                (Artifact(kind="plot", ref=f"plot:{record.id}:{args.report}", title=args.report.capitalize()),)
                if plotted
                else ()
            ),
            next_step="" if _faultless(data) else _NEXT[args.report],
            options=_OPTIONS.get(args.report, ("How good is it?", "Convert it to int8")),
        )


def _metrics(content: dict[str, Any], record: ExperimentRecord) -> tuple[str, dict[str, Any]]:
    values: dict[str, float] = {name: value for name, value in content["metrics"].items() if value is not None}
    names = [name for name in dict.fromkeys([record.metric or "", *values]) if name in values][:MOST]
    baseline = content.get("baseline", {}).get(names[0]) if names else None
    text = ""
    if baseline is not None:
        text = f"it is {standing(names[0], values[names[0]], baseline)}. It reaches "
    text += ", ".join(f"{metric_title(name)} {number(values[name])}" for name in names) + "."
    low, high = content["confidence"].get(names[0], (None, None)) if names else (None, None)
    if low is not None:
        text += f" The 95 % interval of {metric_title(names[0])} is {number(low)} to {number(high)}."
    intervals = {
        name: [short(end) for end in content["confidence"][name]] for name in names[:1] if name in content["confidence"]
    }
    return text, {
        "metrics": {name: short(values[name]) for name in names},
        "confidence": intervals,
        "baseline": short(baseline),
    }


def _confusion(content: dict[str, Any], record: ExperimentRecord) -> tuple[str, dict[str, Any]]:
    if "per_label" in content:
        worst = sorted(content["per_label"], key=lambda row: -(row["missed"] + row["wrongly_said"]))[:MOST]
        said = "; ".join(f"{row['label']}: {row['missed']} missed, {row['wrongly_said']} wrongly said" for row in worst)
        return f"By label: {said}.", {"per_label": worst}
    pairs = content["most_confused"][:MOST]
    right = sum(line[place] for place, line in enumerate(content["matrix"]))
    total = sum(map(sum, content["matrix"]))
    text = f"{right} of {total} rows are right."
    if pairs:
        said = "; ".join(f"{p['truth']} taken for {p['prediction']} ({rows(p['rows'])})" for p in pairs)
        text += f" Most confused: {said}."
    data: dict[str, Any] = {"right": right, "rows": total, "most_confused": pairs}
    if len(content["labels"]) <= MOST:
        data |= {"labels": [label[:30] for label in content["labels"]], "matrix": content["matrix"]}
    return text, data


def _curves(content: dict[str, Any], record: ExperimentRecord) -> tuple[str, dict[str, Any]]:
    areas = dict(list(content.get("areas", {}).items())[:MOST])
    if not areas:
        return f"{content['plot']['title']}.", {}
    said = "; ".join(f"{name}: {number(area['roc_auc'])}" for name, area in areas.items())
    return f"Area under the ROC curve by class: {said}.", {"areas": {name[:30]: area for name, area in areas.items()}}


def _calibration(content: dict[str, Any], record: ExperimentRecord) -> tuple[str, dict[str, Any]]:
    if "mean_error" in content:
        error = content["mean_error"]
        return f"Predictions are off by {number(error)} on average.", {"mean_error": error}
    error = content["expected_calibration_error"]
    verdict = "can be believed" if error is not None and error < 0.05 else "should be taken with care"
    text = f"The expected calibration error is {number(error)}: the probabilities {verdict}."
    return text, {"expected_calibration_error": error}


def _importance(content: dict[str, Any], record: ExperimentRecord) -> tuple[str, dict[str, Any]]:
    ranked = sorted(content["importance"].items(), key=lambda item: -item[1])[:MOST]
    if record.metric is None or all(value <= 0 for _, value in ranked):
        return "No single column matters: shuffling one costs nothing.", {"importance": dict(ranked)}
    said = ", ".join(f"{name} ({number(value)})" for name, value in ranked)
    text = f"What {metric_title(record.metric)} loses when a column is shuffled: {said}."
    return text, {"importance": {name[:40]: short(value) for name, value in ranked}}


def _errors(content: dict[str, Any], record: ExperimentRecord) -> tuple[str, dict[str, Any]]:
    found = [row for row in content["errors"] if "n_wrong" not in content or row["truth"] != row["prediction"]]
    worst = found[:MOST]
    if not worst:
        return "No row is wrong.", {"n_wrong": 0, "worst": []}
    wrong = f"{content['n_wrong']} of {content['n_rows']} rows are wrong. " if "n_wrong" in content else ""
    said = "; ".join(
        f"row {row['row']}: truth {_label(row['truth'])}, said {_label(row['prediction'])}"
        for row in worst
        if "truth" in row
    )
    text = wrong + (
        f"The worst: {said}." if said else f"The worst rows: {', '.join(str(row['row']) for row in worst)}."
    )
    facts = [{name: row[name] for name in ("row", "loss", "truth", "prediction") if name in row} for row in worst]
    return text, {"n_wrong": content.get("n_wrong"), "worst": facts}


def _faultless(data: dict[str, Any]) -> bool:
    """No row is wrong, so there is none to look at."""
    return data.get("n_wrong") == 0 or ("right" in data and data["right"] == data["rows"])


def _label(value: Any) -> str:
    if isinstance(value, float):
        return number(value)
    if isinstance(value, dict):  # of several targets
        return ", ".join(f"{target} {_label(one)}" for target, one in value.items())
    return "|".join(map(str, value)) if isinstance(value, list) else str(value)


_READERS = {
    "metrics": _metrics,
    "confusion": _confusion,
    "curves": _curves,
    "calibration": _calibration,
    "importance": _importance,
    "errors": _errors,
}
_NEXT = {
    "metrics": "Look at its errors, or use it on new data.",
    "confusion": "Look at the worst rows.",
    "curves": "Look at the calibration.",
    "calibration": "Use it on new data.",
    "importance": "Try a model without the columns that do not matter.",
    "errors": "Check whether these rows are labelled rightly.",
}
_OPTIONS = {"metrics": ("Show the confusion matrix", "Which features matter most?", "Where does it go wrong?")}
