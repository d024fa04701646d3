"""Smaller or faster forms of a delivered model, each taken only when it proves as good.

A candidate must load and run in a process of its own, be smaller than the original, and lose no more of the metric than
allowed on the experiment's test rows. When the choice is left to us it may be at most 1.2 times slower as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np

from tools.core.errors import ExperimentError, TaskError
from tools.core.metrics import METRIC_NAMES
from tools.core.records import ExperimentRecord
from tools.core.units import format_size
from tools.engine.evaluation.metrics import compute, metric_of
from tools.engine.export.bundle_reader import MODEL_FILE, Bundle
from tools.engine.export.converted import write_converted
from tools.engine.export.decode import needed_output, predictions_of
from tools.engine.export.fp16 import halve
from tools.engine.export.int8 import CALIBRATION_ROWS, quantize_dynamically, quantize_statically
from tools.engine.export.judged import open_bundle, split_rows
from tools.engine.export.proof import prove
from tools.engine.export.runtime import runtime_errors

Precision = Literal["fp32", "fp16", "int8", "auto"]
PRECISIONS: tuple[str, ...] = ("fp32", "fp16", "int8", "auto")
SLOWEST = 1.2
MOST_ROWS = 10_000
MOST_TOKENS = 500_000


@dataclass
class Candidate:
    """One form of the model and what was measured of it."""

    precision: str
    method: str
    path: Path
    size_bytes: int = 0
    latency_ms: float = float("nan")
    metric: float = float("nan")
    drop: float = float("nan")
    reasons: list[str] = field(default_factory=list)

    @property
    def accepted(self) -> bool:
        """Nothing speaks against it."""
        return not self.reasons

    def summary(self) -> dict[str, Any]:
        """JSON values."""
        numbers = {"latency_ms": self.latency_ms, "metric": self.metric, "drop": self.drop}
        return {
            "precision": self.precision,
            "method": self.method,
            "size_bytes": self.size_bytes,
            **{name: float(f"{value:.6g}") if np.isfinite(value) else None for name, value in numbers.items()},
            "accepted": self.accepted,
            "reasons": self.reasons,
        }


def convert(
    record: ExperimentRecord,
    format: str,
    precision: str,
    max_accuracy_drop: float,
    out: Path,
) -> dict[str, Any]:
    """Convert an experiment's model and write the result as a bundle of its own.

    Args:
        record: The experiment.
        format: "onnx".
        precision: fp32, fp16, int8, or auto: the smallest that passes.
        max_accuracy_drop: Largest loss in the experiment's metric: absolute for metrics where more is better, relative
            for errors and losses.
        out: Folder of the new bundle; replaced when it exists.

    Returns:
        `format`, `precision`, `method`, `accepted`, `reasons`, `path` (the new model file, None when not accepted),
        `bundle`, `size_bytes`, `latency_ms` and `value` as {"before", "after"}, `metric` (its name), `drop`, `where`,
        and all `candidates`.

    Raises:
        TaskError: an unknown format or precision.
        ExperimentError: the bundle, its split or its data are not there, or the original itself does not run.
    """
    _check(format, precision, max_accuracy_drop)
    bundle = open_bundle(record)
    if out.resolve() == bundle.path.resolve():
        raise TaskError("The converted model would overwrite the original.", hint="Give another output folder.")
    with TemporaryDirectory() as folder:
        original, candidates, where = _measured(record, bundle, precision, Path(folder))
        for candidate in candidates:
            _gate(candidate, original, bundle.task.metric, max_accuracy_drop, speed=precision == "auto")
        chosen = _choose(candidates)
        measured = {**chosen.summary(), "metric_before": original.metric, "where": where}
        delivered = write_converted(bundle, chosen.path, measured, out) if chosen.accepted else None
        return _result(bundle, original, chosen, candidates, delivered, where)


def _check(format: str, precision: str, max_accuracy_drop: float) -> None:
    if format.lower() != "onnx":
        raise TaskError(f"There is no export format called '{format}'.", hint="Use onnx.")
    if precision not in PRECISIONS:
        raise TaskError(f"There is no precision called '{precision}'.", hint=f"Choose one of: {', '.join(PRECISIONS)}.")
    if not max_accuracy_drop >= 0:
        raise TaskError(
            f"'max_accuracy_drop' must be 0 or more (it was {max_accuracy_drop}).", hint="The usual is 0.01."
        )


def _measured(
    record: ExperimentRecord, bundle: Bundle, precision: str, folder: Path
) -> tuple[Candidate, list[Candidate], str]:
    """The original and every candidate, run on the same rows."""
    judged = split_rows(record, bundle, "test")
    rows = judged.rows[:MOST_ROWS]
    if bundle.task.kind == "generation":
        length = bundle.target.truth(judged.dataset, rows[:1]).shape[1]
        rows = rows[: max(1, MOST_TOKENS // length)]
    truth, feed = bundle.target.truth(judged.dataset, rows), bundle.feed(judged.dataset, rows)
    original = Candidate("fp32", "as trained", bundle.onnx)
    _run(original, bundle, feed, truth)
    if not original.accepted:
        raise ExperimentError(f"The model in '{bundle.path}' does not run: {original.reasons[0]}.")
    candidates = [original] if precision in ("fp32", "auto") else []
    for kind, method, make in _makers(record, bundle):
        if precision not in (kind, "auto"):
            continue
        candidate = Candidate(kind, method, folder / f"{kind}-{method.replace(' ', '-')}.onnx")
        try:
            make(candidate.path)
        except runtime_errors() as error:
            candidate.reasons.append(
                f"it could not be made: {str(error).splitlines()[0][:150] if str(error) else error!r}"
            )
        else:
            _run(candidate, bundle, feed, truth)
        candidates.append(candidate)
    return original, candidates, f"{len(rows)} test rows of {judged.dataset.name}"


def _makers(record: ExperimentRecord, bundle: Bundle) -> list[tuple[str, str, Callable[[Path], object]]]:
    """(precision, method, what writes the file)."""
    import onnx

    def calibrated(path: Path) -> None:
        train = split_rows(record, bundle, "train")
        quantize_statically(bundle.onnx, path, bundle.feed(train.dataset, train.rows[:CALIBRATION_ROWS]))

    makers: list[tuple[str, str, Callable[[Path], object]]] = [
        (
            "fp16",
            "half-precision weights",
            lambda path: path.write_bytes(halve(onnx.load(bundle.onnx)).SerializeToString()),
        ),
        ("int8", "dynamic quantisation", lambda path: quantize_dynamically(bundle.onnx, path)),
    ]
    if bundle.metadata["modality"] in ("tabular", "image"):
        makers.append(("int8", "static quantisation", calibrated))
    return makers


def _run(candidate: Candidate, bundle: Bundle, feed: dict[str, np.ndarray], truth: np.ndarray) -> None:
    candidate.size_bytes = candidate.path.stat().st_size
    proof = prove(candidate.path, feed, needed_output(bundle.task.kind))
    if proof.problem:
        candidate.reasons.append(proof.problem)
        return
    predictions = predictions_of(bundle.task.kind, proof.outputs)
    candidate.latency_ms = proof.latency_ms
    if not np.isfinite(predictions).all():
        candidate.reasons.append("its predictions are not finite numbers")
        return
    candidate.metric = compute(metric_of(bundle.task), truth, predictions)


def metric_drop(metric: str, before: float, after: float) -> float:
    """What was lost: the difference where more is better, the relative growth of an error or loss.

    >>> round(metric_drop("accuracy", 0.9, 0.88), 4), round(metric_drop("rmse", 2.0, 2.1), 4)
    (0.02, 0.05)
    """
    if METRIC_NAMES[metric].direction == "maximize":
        return before - after
    return (after - before) / max(abs(before), 1e-12)


def _gate(candidate: Candidate, original: Candidate, metric: str, max_drop: float, speed: bool) -> None:
    """Judge one candidate against the original."""
    if candidate is original:
        candidate.drop = 0.0
        return
    if not candidate.accepted:
        return
    candidate.drop = metric_drop(metric, original.metric, candidate.metric)
    if not candidate.drop <= max_drop:
        candidate.reasons.append(f"it loses {candidate.drop:.4g} of the metric (allowed: {max_drop:g})")
    if candidate.size_bytes >= original.size_bytes:
        grown = f"{format_size(original.size_bytes)} became {format_size(candidate.size_bytes)}"
        candidate.reasons.append(f"it is not smaller ({grown}): so small a model has little to compress")
    if speed and candidate.latency_ms > SLOWEST * original.latency_ms:
        candidate.reasons.append(
            f"it is {candidate.latency_ms / original.latency_ms:.2g} times slower (allowed: {SLOWEST:g})"
        )


def _choose(candidates: list[Candidate]) -> Candidate:
    """The smallest that passed; when none did, the one that lost least."""
    passed = [candidate for candidate in candidates if candidate.accepted]
    if passed:
        return min(passed, key=lambda candidate: candidate.size_bytes)
    return min(candidates, key=lambda candidate: candidate.drop if np.isfinite(candidate.drop) else np.inf)


def _result(
    bundle: Bundle,
    original: Candidate,
    chosen: Candidate,
    candidates: list[Candidate],
    delivered: Path | None,
    where: str,
) -> dict[str, Any]:
    before, after = original.summary(), chosen.summary()
    return {
        "format": "onnx",
        "precision": chosen.precision,
        "method": chosen.method,
        "accepted": chosen.accepted,
        "reasons": chosen.reasons or [_praise(original, chosen)],
        "path": str(delivered / MODEL_FILE) if delivered else None,
        "bundle": str(delivered) if delivered else None,
        "size_bytes": {"before": before["size_bytes"], "after": after["size_bytes"]},
        "latency_ms": {"before": before["latency_ms"], "after": after["latency_ms"]},
        "metric": bundle.task.metric,
        "value": {"before": before["metric"], "after": after["metric"]},
        "drop": after["drop"],
        "where": where,
        "candidates": [candidate.summary() for candidate in candidates],
    }


def _praise(original: Candidate, chosen: Candidate) -> str:
    if chosen.precision == "fp32":
        return "the original is already the smallest form that passes"
    saved = f"{format_size(original.size_bytes)} became {format_size(chosen.size_bytes)}"
    changed = f"the metric changed by {-chosen.drop:+.2g}" if chosen.drop else "the metric stayed the same"
    slower = chosen.latency_ms / original.latency_ms
    note = f"; one row takes {slower:.2g} times as long" if slower > SLOWEST else ""
    return f"{saved}, {changed}{note}"
