"""MODEL_CARD.md: what a stranger must know before using the model, and how to use it with onnxruntime alone.

Source: Mitchell et al. (2019), "Model Cards for Model Reporting", section 4 (which sections a card has).
"""

from __future__ import annotations

import math
from typing import Any

from tools.core.metrics import metric_info
from tools.core.units import format_size
from tools.engine.export.card_usage import usage
from tools.engine.export.jsonable import plain

WHAT = {
    "classification": "Predicts the class",
    "regression": "Predicts the value",
    "generation": "Continues a text, character by character",
    "multitask": "Predicts several targets at once, the class or the value",
}


def model_card(metadata: dict[str, Any]) -> str:
    """Write the card.

    Args:
        metadata: Content of metadata.json, parity, size and latency included.
    """
    metadata = plain(metadata)
    parts = [_head, _measured, _limits, usage, _data, _model, _care]
    return "\n\n".join(text for part in parts if (text := part(metadata))) + "\n"


def _head(metadata: dict[str, Any]) -> str:
    task, data = metadata["task"], metadata["dataset"]
    what = WHAT.get(task["kind"], "Predicts")
    if task["kind"] != "generation":
        what += f" of `{task['target']}`" if task["target"] else ""
    if task["multilabel"]:
        what = f"Says which of {len(task['classes'])} labels hold (`{task['target']}`); several may"
    elif task["classes"]:
        names = [f"`{name}`" for name in task["classes"][:10]]
        more = len(task["classes"]) - len(names)
        what += f": {', '.join(names)}" + (f" and {more} more" if more else "")
    asked = metadata["plan"].get("request", "").strip()
    quoted = "".join(f"\n> {line}" for line in asked.splitlines())
    return f"# Model card: {data['name']}\n\n{what}." + (f"\n\nAsked for:\n{quoted}" if quoted else "")


def _measured(metadata: dict[str, Any]) -> str:
    record, data = metadata["record"], metadata["dataset"]
    test = record.get("test")
    if not test:
        return ""
    baseline, validation = record.get("baseline") or {}, record.get("validation") or {}
    intervals = record.get("confidence") or {}
    rows = ["| metric | test | 95 % interval | trivial baseline | validation |", "|---|---|---|---|---|"]
    for name in sorted(test, key=lambda name: name != metadata["task"]["metric"]):
        info = metric_info(name)
        title = f"{info.title} ({'higher' if info.direction == 'maximize' else 'lower'} is better)" if info else name
        interval = intervals.get(name)
        shown = f"{_number(interval[0])} to {_number(interval[1])}" if interval else "-"
        cells = [title, _number(test[name]), shown, _number(baseline.get(name)), _number(validation.get(name))]
        rows.append(f"| {' | '.join(cells)} |")
    return (
        f"## How good it is\n\nMeasured on {data['n_test']} rows that neither the training nor the search has seen. "
        "The trivial baseline predicts the same for every row, whatever its inputs.\n\n" + "\n".join(rows)
    )


def _limits(metadata: dict[str, Any]) -> str:
    size, latency = metadata["size_bytes"], metadata["latency_ms"]
    worst = max(metadata["parity"].values(), default=0.0)
    unit = " standard deviations of the target" if metadata["task"]["kind"] == "regression" else ""
    lines = [
        "## Size, speed and limits",
        "",
        f"- File: {format_size(size)}; one row takes {latency:.3g} ms (median, one core of the training machine).",
    ]
    changed = metadata.get("conversion")
    if changed and changed["precision"] != "fp32":
        before, after = _number(changed["metric_before"]), _number(changed["metric"])
        lines.append(
            f"- Converted from the float32 file ({changed['method']}): on {changed['where']} its "
            f"{metadata['task']['metric']} is {after}, before {before}. The table above is the original's."
        )
    else:
        lines.append(
            f"- The file gives the trained model's predictions: the largest difference at batch sizes "
            f"{', '.join(metadata['parity'])} is {worst:.1e}{unit}."
        )
    checks = metadata["record"].get("constraints") or []
    if checks:
        lines += ["", "| limit | asked | measured | met |", "|---|---|---|---|"]
        for check in checks:
            cells = [
                check["name"],
                _number(check["asked"]),
                _number(check["measured"]),
                "yes" if check["met"] else "no",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _data(metadata: dict[str, Any]) -> str:
    data, plan = metadata["dataset"], metadata["plan"]
    method = plan["validation"]["method"]
    how = "one hold-out part" if method == "holdout" else f"cross-validation with {plan['validation']['folds']} folds"
    return (
        f"## Data\n\n{data['n_rows']} rows of `{data['name']}` (fingerprint {data['fingerprint']}); {data['n_train']} "
        f"for training and search ({how}), {data['n_test']} kept apart for the test. The split follows from the seed "
        f"{plan['seed']}. The model knows what this data shows and nothing else: where the world it is used in "
        "differs, its numbers do not hold."
    )


def _model(metadata: dict[str, Any]) -> str:
    best = metadata["record"].get("best") or {}
    lines = ["## Model", ""]
    if best:
        lines.append(f"- Kind: {best.get('model_architecture') or best.get('family')}")
        if best.get("n_parameters"):
            lines.append(f"- Trained numbers: {best['n_parameters']}")
        shown = ", ".join(f"{name} = {value}" for name, value in (best.get("hyperparameters") or {}).items())
        lines += [f"- Settings: {shown}"] if shown else []
    lines.append(f"- Precision of the file: {metadata['precision']}")
    lines.append("- Made with " + ", ".join(f"{name} {value}" for name, value in metadata["versions"].items()))
    return "\n".join(lines)


def _care(metadata: dict[str, Any]) -> str:
    return (
        "## Licence and care\n\nThe software that made this model is under the MIT licence; the model itself carries "
        "the terms of the data it was trained on, which whoever owns the data must say. Do not let it decide about "
        "people without a look at its errors for each group concerned."
    )


def _number(value: float | None) -> str:
    return "-" if value is None or not math.isfinite(value) else f"{value:.4g}"
