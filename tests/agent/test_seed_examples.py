"""The two examples that the product was asked for, as written, through the Python interface; with less time."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.orchestrator import AutoMLAgent
from evals.fixtures import make_fixtures
from tools.core.config import AutoMLConfig, AutoMLRequest
from tools.core.records import ExperimentRecord
from tools.engine.export.bundle import Bundle

GB = 1_000_000_000
pytestmark = pytest.mark.slow


def met(record: ExperimentRecord) -> dict[str, bool]:
    return {check.name: check.met for check in record.constraints}


def test_a_ten_class_image_classifier_with_five_fold_cross_validation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOML_HOME", str(tmp_path / "home"))
    config = AutoMLConfig(
        task_type="classification",
        time_constraint=60,
        resource_constraints={"max_memory": 8 * GB, "max_disk_space": 20 * GB},
        optimization_objectives={"primary": "accuracy"},
    )
    request = AutoMLRequest(
        task="Build an image classification model for ten classes",
        data="digits",
        validation={"method": "cross_validation", "folds": 5},
    )
    record = AutoMLAgent(config).run_automl(request)
    assert record.status == "completed"
    assert record.plan.validation.folds == 5
    assert record.test["accuracy"] >= 0.95
    assert met(record).items() >= {"time_s": True, "max_memory": True, "max_disk": True}.items()
    assert record.bundle is not None
    classes = Bundle.open(Path(record.bundle)).metadata["task"]["classes"]
    assert len(classes) == 10


def test_a_multi_label_text_classifier_within_size_and_latency(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOML_HOME", str(tmp_path / "home"))
    make_fixtures(tmp_path / "files")
    config = AutoMLConfig(
        task_type="classification",
        time_constraint=45,
        optimization_objectives={"primary": "accuracy", "secondary": "latency", "weights": [0.7, 0.3]},
    )
    request = AutoMLRequest(
        task="Build a multi-label text classifier",
        data=str(tmp_path / "files" / "tagged_comments.csv"),
        constraints={"max_model_size": 100_000_000, "max_inference_time": 50},
        optimization={"search": {"strategy": "bayesian", "max_trials": 100, "early_stopping_patience": 10}},
    )
    record = AutoMLAgent(config).run_automl(request)
    assert record.status == "completed"
    assert record.plan.objectives.weights == (0.7, 0.3)
    assert met(record).items() >= {"time_s": True, "max_model_size": True, "max_latency_ms": True}.items()
    assert record.bundle is not None
    task = Bundle.open(Path(record.bundle)).metadata["task"]
    assert task["multilabel"]
    assert record.test[record.metric] > record.baseline[record.metric]
