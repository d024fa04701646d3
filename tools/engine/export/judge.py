"""Judging a delivered model from its file alone: what model.onnx says about rows that nothing was trained on."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from tools.core.errors import TaskError
from tools.core.records import ExperimentRecord
from tools.engine.data.dataset import Dataset
from tools.engine.evaluation.baseline import trivial_predictions
from tools.engine.evaluation.importance import permutation_importance
from tools.engine.evaluation.metrics import compute_all, metric_of
from tools.engine.export.bundle_reader import Bundle
from tools.engine.export.judged import Judged, labelled_rows, open_bundle, split_rows
from tools.engine.export.reports import (
    calibration_report,
    confusion_report,
    curves_report,
    metrics_report,
    row_losses,
)

REPORTS = ("metrics", "confusion", "curves", "calibration", "importance", "errors")
MOST_TOKENS = 2_000_000
"""Predictions of text are probabilities over the vocabulary: at most this many tokens are judged."""
N_WORST = 10
IMPORTANCE_S = 15.0


def judge(record: ExperimentRecord, report: str = "metrics", source: str | None = None) -> dict[str, Any]:
    """Judge an experiment's model.

    Args:
        record: The experiment; its bundle, run folder and data must still be there.
        report: One of `REPORTS`.
        source: A labelled file or sample; None: the experiment's own test rows.

    Returns:
        JSON values: `report`, `experiment`, `dataset`, `n_rows`, `where`, `warnings`, and what the report holds
        (see `tools.engine.export.reports`).

    Raises:
        TaskError: no such report, or one that does not fit the task or the data.
        ExperimentError: the bundle, the split or the data are not there as they were.
    """
    if report not in REPORTS:
        raise TaskError(f"There is no report called '{report}'.", hint=f"Choose one of: {', '.join(REPORTS)}.")
    bundle = open_bundle(record)
    judged = split_rows(record, bundle, "test") if source is None else labelled_rows(record, bundle, source)
    return {
        "report": report,
        "experiment": record.id,
        "dataset": judged.dataset.name,
        "n_rows": len(judged.rows),
        "where": judged.where,
        "warnings": judged.warnings,
        **judge_rows(bundle, judged, report, record.plan.seed, record),
    }


def judge_rows(
    bundle: Bundle, judged: Judged, report: str, seed: int, record: ExperimentRecord | None = None
) -> dict[str, Any]:
    """The content of one report; see `judge`."""
    rows = _bounded(bundle, judged)
    truth = bundle.target.truth(judged.dataset, rows)
    if report == "importance":
        return _importance(bundle, judged.dataset, rows, truth, seed)
    predictions = bundle.predict(judged.dataset, rows)
    task = bundle.task
    if report == "confusion":
        return confusion_report(task, truth, predictions)
    if report == "curves":
        return curves_report(task, truth, predictions)
    if report == "calibration":
        return calibration_report(task, truth, predictions)
    if report == "errors":
        return _errors(bundle, judged, rows, truth, predictions)
    result = metrics_report(task, truth, predictions, seed)
    if record is not None and judged.where.startswith(f"{len(judged.rows)} test rows"):
        train = split_rows(record, bundle, "train").rows
        known = bundle.target.truth(judged.dataset, train)
        trivial = trivial_predictions(task, known, len(rows), predictions.shape[-1])
        result["baseline"] = compute_all(task, truth, trivial)
    return result


def _bounded(bundle: Bundle, judged: Judged) -> np.ndarray:
    """All rows, except that a long corpus is judged on its first part (its blocks are contiguous)."""
    if bundle.task.kind != "generation":
        return judged.rows
    length = bundle.target.truth(judged.dataset, judged.rows[:1]).shape[1]
    return judged.rows[: max(1, MOST_TOKENS // max(1, length))]


def _importance(bundle: Bundle, dataset: Dataset, rows: np.ndarray, truth: np.ndarray, seed: int) -> dict[str, Any]:
    if bundle.metadata["modality"] != "tabular":
        raise TaskError(
            "Importance is told for the columns of a table; this model reads none.",
            hint="Ask for metrics, curves, calibration or errors.",
        )
    columns = [entry["raw"] for entry in bundle.metadata["inputs"]]
    values = permutation_importance(
        lambda part: bundle.predict(replace(dataset, frame=part)),
        dataset.frame.iloc[rows],
        truth,
        metric_of(bundle.task),
        columns,
        seed,
        deadline=time.time() + IMPORTANCE_S,
    )
    shown = [name for name in values if np.isfinite(values[name])]
    series = [{"name": bundle.task.metric, "x": shown, "y": [round(values[name], 6) for name in shown]}]
    title = f"Loss in {bundle.task.metric} when a column is shuffled"
    return {
        "importance": {name: round(values[name], 6) for name in shown},
        "plot": {"kind": "bar", "title": title, "x": "column", "y": "loss", "series": series},
    }


def _errors(
    bundle: Bundle, judged: Judged, rows: np.ndarray, truth: np.ndarray, predictions: np.ndarray
) -> dict[str, Any]:
    task = bundle.task
    losses = row_losses(task, truth, predictions)
    worst = np.argsort(-losses, kind="stable")[:N_WORST]
    found = []
    for place in (int(place) for place in worst):
        entry: dict[str, Any] = {"row": int(rows[place]), "loss": round(float(losses[place]), 6)}
        if task.parts:
            entry |= _several(bundle, truth[place], predictions[place : place + 1])
        elif task.kind == "regression":
            entry |= {"truth": float(truth.ravel()[place]), "prediction": float(predictions.ravel()[place])}
        elif task.multilabel:
            entry |= {
                "truth": [str(name) for name, holds in zip(task.classes, truth[place], strict=True) if holds >= 0.5],
                "prediction": [
                    str(name) for name, said in zip(task.classes, predictions[place], strict=True) if said >= 0.5
                ],
            }
        elif task.kind == "classification":
            entry |= {
                "truth": str(task.classes[int(truth[place])]),
                "prediction": str(task.classes[int(predictions[place].argmax())]),
                "probability_of_truth": round(float(predictions[place, int(truth[place])]), 6),
            }
        entry["inputs"] = _glimpse(bundle, judged, int(rows[place]))
        found.append(entry)
    result: dict[str, Any] = {"errors": found}
    if task.kind == "classification" and not task.multilabel:
        result["n_wrong"] = int((predictions.argmax(axis=1) != truth).sum())
    return result


def _several(bundle: Bundle, truth: np.ndarray, predictions: np.ndarray) -> dict[str, Any]:
    """Truth and prediction of one row for every target."""
    true, said = {}, {}
    for number, (part, encoder) in enumerate(zip(bundle.task.parts, bundle.target.parts, strict=True)):
        own = predictions[:, bundle.task.slices[number]]
        value = part.kind == "regression"
        true[part.target] = float(truth[number]) if value else str(part.classes[int(truth[number])])
        found = encoder.labels(own[:, 0] if value else own)[0]
        said[part.target] = found if value else str(found)
    return {"truth": true, "prediction": said}


def _glimpse(bundle: Bundle, judged: Judged, row: int) -> dict[str, str]:
    """The first few inputs of a row, short."""
    frame = judged.dataset.frame
    columns = [name for name in frame.columns if name not in bundle.task.targets][:6]
    return {str(name): str(frame[name].iloc[row])[:80] for name in columns}
