from __future__ import annotations

from pathlib import Path

import pytest

from tools.core.records import BestModel, ExperimentPlan, Resources, TrialRecord
from tools.tracking.files import LineWriter
from tools.tracking.store import Store


@pytest.fixture
def history(tmp_path: Path) -> Store:
    """Three experiments: two on iris (accuracy 0.90 and 0.95), one failed on wine."""
    store = Store(tmp_path)
    for accuracy, family in ((0.90, "linear"), (0.95, "mlp")):
        record = store.create(ExperimentPlan(dataset="iris", request="a | classifier"), "iris")
        writer = LineWriter(Path(record.folder) / "trials.jsonl")
        for number in range(3):
            writer.write(
                TrialRecord(
                    number=number,
                    model_architecture=family,
                    status="completed",
                    score=accuracy - 0.1 * number,
                    model_size=5000 - 1000 * number,
                    curve=tuple({"epoch": float(n), "train_loss": 1 / n, "accuracy": 0.1 * n} for n in (1, 2, 3)),
                ).model_dump(mode="json")
            )
        writer.close()
        best = BestModel(
            model_architecture=family,
            family=family,
            model_size=5000,
            hyperparameters={"lr": 0.1 if family == "mlp" else 0.01},
            resources=Resources(inference_latency=0.02),
        )
        store.update(
            record.id, best=best, test={"accuracy": accuracy, "log_loss": 0.3}, metric="accuracy", trials=3,
            baseline={"accuracy": 0.33}, task="classification",
        )  # fmt: skip
        store.settle(record.id, "completed", wall_s=9.0)
    store.create(ExperimentPlan(dataset="/data/wine.csv"), "wine.csv")
    store.settle(3, "failed")
    return store
