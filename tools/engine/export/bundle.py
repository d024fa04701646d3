"""Writing a bundle: the model file with everything in it, what belongs beside it, and the proof that it is right."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tools.core.errors import OptimizationError
from tools.core.records import ExperimentPlan, now
from tools.engine.data.dataset import Dataset, TaskSpec
from tools.engine.export.bundle_reader import CARD_FILE, FORMAT, METADATA_FILE, MODEL_FILE, Bundle, fingerprint
from tools.engine.export.card import model_card
from tools.engine.export.compose import Composed, compose
from tools.engine.export.jsonable import plain, write_json
from tools.engine.export.measure import measure
from tools.engine.export.parity import BATCHES, TOLERANCE_CPU, TOLERANCE_GPU, check_parity
from tools.engine.export.schema import describe_inputs

if TYPE_CHECKING:
    from tools.engine.data.modality import Encoder
    from tools.engine.data.split import Splits
    from tools.engine.data.target import TargetEncoder
    from tools.engine.training.learner import Learner

__all__ = ["Bundle", "BundleReport", "write_bundle", "write_json"]

FOLDER = "bundle"
PACKAGES = ("automl-agent", "numpy", "onnx", "onnxruntime", "pandas", "torch")


@dataclass(frozen=True)
class BundleReport:
    """What was delivered.

    Attributes:
        folder: The bundle.
        onnx: The model file in it.
        size_bytes: Bytes of the model file.
        latency_ms: Median time of one row on one CPU core, raw input to label, in ms.
        parity: Batch size -> largest absolute difference from the trained model (see `parity`).
    """

    folder: Path
    onnx: Path
    size_bytes: int
    latency_ms: float
    parity: dict[str, float]


def write_bundle(
    folder: Path,
    *,
    plan: ExperimentPlan,
    dataset: Dataset,
    task: TaskSpec,
    encoder: Encoder,
    target: TargetEncoder,
    learners: list[Learner],
    weights: list[float],
    splits: Splits,
    record_fields: dict[str, Any],
) -> BundleReport:
    """Export trained learners as one verified model; it appears in `folder/bundle` when all of it is right.

    Args:
        folder: The run folder.
        plan: What was asked for.
        dataset: The data; its test rows are used to check the export.
        task: What is predicted.
        encoder: Fitted encoder of the inputs.
        target: Fitted encoder of the target.
        learners: Trained models, at least one; their predictions are averaged.
        weights: How much each of them counts.
        splits: Train and test rows.
        record_fields: Fields of the `ExperimentRecord` known by now (test, baseline, confidence, constraints, best …);
            they go into metadata.json and the model card.

    Raises:
        OptimizationError: the models cannot be exported, or the file does not give their predictions.
    """
    final, draft = folder / FOLDER, folder / f"{FOLDER}.partial"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        rows = _check_rows(splits)
        composed = _compose(dataset, task, encoder, target, learners, weights, rows)
        (draft / MODEL_FILE).write_bytes(composed.model.SerializeToString())
        complete, encoder = encoder, encoder.narrowed(composed.inputs)
        for name, content in encoder.files().items():
            (draft / name).write_text(content, encoding="utf-8")
        metadata = _metadata(draft, plan, dataset, task, encoder, target, composed, splits, record_fields)
        write_json(draft / METADATA_FILE, metadata)

        # Checked as it will be used: read back from the disk, fed with raw data, by onnxruntime alone.
        bundle = Bundle.open(draft)
        feed = bundle.feed(dataset, rows)
        parity = check_parity(
            bundle.onnx,
            task.kind,
            feed,
            _expected(dataset, complete, target, learners, weights, rows),
            scale=_scale(target),
            tolerance=TOLERANCE_GPU if any(_on_gpu(learner) for learner in learners) else TOLERANCE_CPU,
        )
        cost = measure(bundle.onnx, feed)
        metadata |= {"parity": parity, "size_bytes": cost.size_bytes, "latency_ms": cost.latency_ms}
        write_json(draft / METADATA_FILE, metadata)
        (draft / CARD_FILE).write_text(model_card(metadata), encoding="utf-8")
        shutil.rmtree(final, ignore_errors=True)
        draft.rename(final)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return BundleReport(final, final / MODEL_FILE, cost.size_bytes, cost.latency_ms, parity)


def _check_rows(splits: Splits) -> np.ndarray:
    """Held-out rows for the checks: as many as the largest batch."""
    rows = splits.test if len(splits.test) else splits.train
    return np.asarray(rows[: max(BATCHES)])


def _compose(
    dataset: Dataset,
    task: TaskSpec,
    encoder: Encoder,
    target: TargetEncoder,
    learners: list[Learner],
    weights: list[float],
    rows: np.ndarray,
) -> Composed:
    from tools.engine.export.graph import core_graph  # imports torch when it runs

    if not learners or len(learners) != len(weights) or not sum(weights) > 0:
        raise OptimizationError("A bundle needs at least one model, and one positive weight for each.")
    seen = [target for target in task.targets if target in encoder.raw_inputs(dataset, rows[:1])]
    if seen:
        raise OptimizationError(
            f"The model was given its own target '{seen[0]}' as an input, so it is worth nothing.",
            hint="This is a fault of the program, not of your data; please report it.",
        )
    example = encoder.transform(dataset, rows[:8])
    means, scales = zip(*((part.mean, part.scale) for part in target.parts or (target,)), strict=True)
    return compose(
        encoder.graph(),
        list(example),
        [core_graph(learner, example) for learner in learners],
        weights,
        task,
        mean=means,
        scale=scales,
        properties=_properties(task),
    )


def _properties(task: TaskSpec) -> dict[str, str]:
    """What the file says of itself to tools that know nothing of bundles."""
    import json

    return {
        "task": "multi-label classification" if task.multilabel else task.kind,
        "target": task.target,
        "classes": json.dumps(list(task.classes), ensure_ascii=False, default=str),
        "automl.version": _versions()["automl-agent"],
    }


def _metadata(
    draft: Path,
    plan: ExperimentPlan,
    dataset: Dataset,
    task: TaskSpec,
    encoder: Encoder,
    target: TargetEncoder,
    composed: Composed,
    splits: Splits,
    record_fields: dict[str, Any],
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "created_at": now(),
        "fingerprint": fingerprint(draft / MODEL_FILE),
        "precision": "fp32",
        "task": asdict(task),
        "modality": dataset.modality,
        "inputs": describe_inputs(composed, encoder, dataset, np.asarray(splits.train)),
        "outputs": [entry.name for entry in composed.model.graph.output],
        "dataset": {
            "name": dataset.name,
            "source": dataset.source,
            "fingerprint": dataset.fingerprint,
            "n_rows": dataset.n_rows,
            "n_train": len(splits.train),
            "n_test": len(splits.test),
            "details": {
                name: value for name, value in plain(dataset.details).items() if name not in ("warnings", "after")
            },
        },
        "encoder": encoder.state(),
        "target": target.state(),
        "files": sorted(encoder.files()),
        "plan": plan.model_dump(mode="json"),
        "record": record_fields,
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found


def _expected(
    dataset: Dataset,
    encoder: Encoder,
    target: TargetEncoder,
    learners: list[Learner],
    weights: list[float],
    rows: np.ndarray,
) -> np.ndarray:
    """The trained models' own answer."""
    inputs = encoder.transform(dataset, rows)
    parts = [
        np.asarray(target.decode(learner.predict(inputs)), dtype=np.float64) * (weight / sum(weights))
        for learner, weight in zip(learners, weights, strict=True)
    ]
    return np.asarray(sum(parts[1:], start=parts[0]))


def _scale(target: TargetEncoder) -> np.ndarray:
    """The unit of each column of the predictions: the target's standard deviation, 1 for probabilities."""
    parts = target.parts or (target,)
    return np.concatenate([np.full(part.width if target.parts else 1, part.scale) for part in parts])


def _on_gpu(learner: Learner) -> bool:
    module = learner.module()
    return module is not None and any(parameter.is_cuda for parameter in module.parameters())
