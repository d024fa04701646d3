"""The end of an experiment: score the exported file on the untouched rows, and check every limit on it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from tools.core.metrics import METRIC_NAMES
from tools.core.records import ConstraintCheck, Limits
from tools.engine.data.encode import encode
from tools.engine.evaluation.confidence import bootstrap_interval
from tools.engine.evaluation.metrics import compute_all, metric_of
from tools.engine.execution import process
from tools.engine.export.bundle import Bundle, BundleReport, write_json
from tools.engine.export.card import model_card
from tools.engine.search.prepare import Fitted, Prepared, baseline, truth_of
from tools.engine.search.refit import Delivered

KEPT_PREDICTIONS = 50_000_000  # numbers: what would be more is left out of predictions.npz
TIME_TOLERANCE = (0.05, 3.0)  # the promise: within the time asked for plus 5 % or 3 s, whichever is more


def score_bundle(report: BundleReport, prepared: Prepared, fitted: Fitted, seed: int) -> dict[str, Any]:
    """Score the exported file on the test rows: the only place that looks at them.

    Returns:
        `test`, `baseline` and `confidence` for the record, and `predictions` and `truth` as arrays.
    """
    source = prepared.source
    predictions = Bundle.open(report.folder).predict(source.dataset, source.splits.test)
    return _scored(predictions, prepared, fitted, seed)


def score_models(delivered: Delivered, prepared: Prepared, seed: int) -> dict[str, Any]:
    """Score the trained models themselves, where no file can be exported (see `score_bundle`)."""
    source, fitted = prepared.source, delivered.fitted
    encoded = encode(source.dataset, source.splits.test, fitted.encoder, fitted.target)
    parts = [fitted.target.decode(learner.predict(encoded.inputs)) for learner in delivered.learners]
    mean = np.sum([weight * part for weight, part in zip(delivered.weights, parts, strict=True)], axis=0)
    return _scored(mean, prepared, fitted, seed)


def _scored(predictions: np.ndarray, prepared: Prepared, fitted: Fitted, seed: int) -> dict[str, Any]:
    source = prepared.source
    rows = source.splits.test
    truth = truth_of(source, fitted, rows)
    test = compute_all(source.task, truth, predictions)
    names = [source.task.metric] if source.task.kind == "generation" else list(test)
    confidence = {
        name: bootstrap_interval(metric_of(source.task, name), truth, predictions, seed, n_resamples=300)
        for name in names
    }
    return {
        "test": test,
        "baseline": baseline(prepared, rows),
        "confidence": {name: pair for name, pair in confidence.items() if np.isfinite(pair).all()},
        "predictions": predictions,
        "truth": truth,
    }


def shortfall(metric: str, test: dict[str, float], baseline: dict[str, float]) -> tuple[str, ...]:
    """A warning when the delivered model is no better than a trivial guess; empty when it is."""
    score, trivial = test.get(metric), baseline.get(metric)
    if score is None or trivial is None:
        return ()
    sign = 1.0 if METRIC_NAMES[metric].direction == "maximize" else -1.0
    if sign * score > sign * trivial:
        return ()
    return (
        f"The model is no better than a trivial guess on the test rows ({metric} {score:.3g} against {trivial:.3g}): "
        "give it more time or more data, or check that the columns say something about the target.",
    )


def complete_bundle(folder: Path, record_fields: dict[str, Any]) -> None:
    """Put what was measured on the finished file into its metadata and its card."""
    bundle = Bundle.open(folder)
    metadata = {**bundle.metadata, "record": {**bundle.metadata.get("record", {}), **record_fields}}
    write_json(folder / "metadata.json", metadata)
    (folder / "MODEL_CARD.md").write_text(model_card(metadata), encoding="utf-8")


def save_predictions(path: Path, test: np.ndarray, truth: np.ndarray, validation: Path) -> None:
    """Keep test and validation predictions with their truths, unless they would fill the disk."""
    arrays: dict[str, np.ndarray] = {}
    if test.size <= KEPT_PREDICTIONS:
        arrays |= {"test_predictions": test, "test_truth": truth}
    if validation.exists():
        with np.load(validation, allow_pickle=False) as kept:
            arrays |= {f"validation_{name}": kept[name] for name in kept.files}
    np.savez(path, **arrays)  # type: ignore[arg-type]


def check_limits(
    limits: Limits,
    *,
    metric: str,
    test: dict[str, float],
    size_bytes: int,
    latency_ms: float,
    wall_s: float,
    peak_memory: int,
    disk: int,
    gpu_memory: int,
) -> tuple[ConstraintCheck, ...]:
    """Every limit that was asked for, with what was measured on the finished thing.

    The minimum accuracy holds for the accuracy where there is one, else for the task's own metric (R² for instance)
    if larger is better there.
    """
    slack = max(TIME_TOLERANCE[0] * limits.time_s, TIME_TOLERANCE[1])
    checks = [ConstraintCheck(name="time_s", asked=limits.time_s, measured=wall_s, met=wall_s <= limits.time_s + slack)]
    quality = test.get("accuracy", test.get(metric))
    if limits.min_accuracy is not None:
        larger = "accuracy" in test or METRIC_NAMES[metric].direction == "maximize"
        met = quality is not None and larger and quality >= limits.min_accuracy
        checks.append(ConstraintCheck(name="min_accuracy", asked=limits.min_accuracy, measured=quality, met=met))
    upper: list[tuple[str, float | None, float]] = [
        ("max_model_size", limits.max_model_size, size_bytes),
        ("max_latency_ms", limits.max_latency_ms, latency_ms),
        ("max_memory", limits.max_memory, peak_memory),
        ("max_disk", limits.max_disk, disk),
        ("max_gpu_memory", limits.max_gpu_memory, gpu_memory),
    ]
    for name, asked, measured in upper:
        if asked is not None:
            checks.append(ConstraintCheck(name=name, asked=asked, measured=measured, met=measured <= asked))
    return tuple(checks)


def own_peak(workers_peak: int) -> int:
    """The largest memory seen: by the monitor's readings, or by this process alone."""
    return max(workers_peak, process.proportional_bytes(os.getpid()))
