"""Every tool on one real experiment: a small network for iris, trained by the real engine in a real job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from tools.core.errors import AutoMLError, ExperimentError, TaskError
from tools.tracking.plots import plot

if TYPE_CHECKING:
    from tests.tools.conftest import Workplace

pytestmark = pytest.mark.xdist_group("trained")


def test_the_workflow_delivers_a_tested_model_within_its_limits(trained: Workplace) -> None:
    record = trained.context.store.get(1)
    assert record.status == "completed"
    assert record.test["accuracy"] > 0.8
    assert record.test["accuracy"] > record.baseline["accuracy"]
    assert all(check.met for check in record.constraints)
    assert record.wall_s < 63
    assert (Path(record.bundle or "") / "model.onnx").is_file()
    assert {"task analysis", "search space", "evaluation"} <= {step.name for step in record.steps}
    assert record.trials == 3
    assert "mlp" in (record.best.family if record.best else "")


def test_the_evaluator_gives_the_reported_metric_again(trained: Workplace) -> None:
    result = trained.call("ModelEvaluator", experiment=1)
    assert result.data["metrics"]["accuracy"] == pytest.approx(trained.context.store.get(1).test["accuracy"], abs=1e-4)
    assert trained.steps == ["model", "judgement", "interpretation"]
    assert result.experiment == 1


@pytest.mark.parametrize("report", ["confusion", "curves", "calibration", "importance", "errors"])
def test_every_report_is_told_in_words_and_kept_for_its_plot(trained: Workplace, report: str) -> None:
    result = trained.call("ModelEvaluator", experiment=1, report=report)
    assert "30 test rows of iris" in result.summary
    for artifact in result.artifacts:
        _, number, name = artifact.ref.split(":")
        assert plot(trained.context.store, int(number), name)["title"]
    assert bool(result.artifacts) == (report != "errors")


def test_the_checker_measures_and_says_what_would_fit(trained: Workplace) -> None:
    good = trained.call("ResourceConstraintChecker", max_model_size=1_000_000, max_latency_ms=50)
    assert good.data["fits"] is True
    assert 20e6 < good.data["process_memory"] < 200e6
    assert trained.steps == ["measurement", "limits", "what would make it fit"]
    bad = trained.call("ResourceConstraintChecker", max_model_size="10 B", min_accuracy=1.0)
    assert bad.data["fits"] is False
    assert bad.next_step
    assert "NOT met" in bad.summary


def test_the_converter_proves_what_it_delivers(trained: Workplace) -> None:
    result = trained.call("ModelConverter", precision="auto")
    assert trained.steps == ["source model", "conversion and checks", "verdict"]
    assert result.data["value"]["before"] == pytest.approx(trained.context.store.get(1).test["accuracy"], abs=1e-4)
    assert result.data["accepted"]
    assert Path(result.data["path"]).is_file()


def test_the_predictor_takes_a_dataset_and_rows(trained: Workplace) -> None:
    result = trained.call("Predictor", dataset="iris")
    table = pd.read_csv(result.data["file"])
    assert len(table) == 150
    assert {"prediction", "probability_setosa"} <= set(table.columns)
    row = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
    one = trained.call("Predictor", inputs=[row])
    in_order = trained.call("Predictor", inputs=[", ".join(str(value) for value in row.values())])
    assert in_order.data["predictions"] == one.data["predictions"]
    assert one.data["predictions"][0]["prediction"] == "setosa"
    assert "setosa" in one.summary
    for wrong in ({}, {"inputs": ["hello"]}, {"inputs": [{"sepal_length": 5.1}]}, {"dataset": "wine"}):
        with pytest.raises(AutoMLError) as caught:
            trained.call("Predictor", **wrong)
        assert caught.value.hint or "columns" in str(caught.value)


def test_the_tracker_shows_what_happened(trained: Workplace) -> None:
    assert trained.call("ExperimentTracker").data["experiments"][-1]["experiment"] == 1
    shown = trained.call("ExperimentTracker", action="show", experiments=[1])
    assert trained.steps == ["metrics collection", "logging", "visualisation"]
    assert "## Result" in Path(shown.artifacts[0].ref).read_text()
    assert trained.call("ExperimentTracker", action="best", dataset="iris").experiment is not None
    drawn = trained.call("ExperimentTracker", action="plot", plot="importance", experiments=[1])
    assert drawn.artifacts[0].ref == "plot:1:importance"
    tagged = trained.call("ExperimentTracker", action="tag", experiments=[1], text="candidate, small")
    assert trained.context.store.get(1).tags == ("candidate", "small")
    assert "candidate" in tagged.summary
    trained.call("ExperimentTracker", action="note", experiments=[1], text="good enough")
    assert trained.context.store.get(1).notes == ("good enough",)
    assert len(trained.call("ExperimentTracker", action="export").artifacts) == 2
    with pytest.raises(ExperimentError, match="No experiment fits"):
        trained.call("ExperimentTracker", metric="accuracy", min_value=1.01)
    with pytest.raises(TaskError, match="has no text"):
        trained.call("ExperimentTracker", action="note")


def test_the_job_of_a_finished_experiment_is_told(trained: Workplace) -> None:
    assert trained.call("JobControl", job=1).data == {"job": 1, "status": "completed"}
    assert trained.call("JobControl", action="list").data["total"] >= 1
    with pytest.raises(ExperimentError, match="Nothing is running"):
        trained.call("JobControl", action="cancel")
    with pytest.raises(ExperimentError, match="nothing to resume"):
        trained.call("JobControl", action="resume", job=1)


def test_tuning_keeps_family_and_structure_and_proposes_the_old_settings_first(trained: Workplace) -> None:
    from tools.engine.families.family import FAMILIES

    result = trained.call("HyperparameterOptimizer", experiment=1, time_s=60, max_trials=3, max_model_size=500_000)
    store = trained.context.store
    base, tuned = store.get(1), store.get(result.experiment or 0)
    assert tuned.plan.base_experiment == 1
    assert base.best is not None
    family = FAMILIES.get(base.best.family)
    for trial in store.trials(tuned.id):
        assert trial.model_architecture == base.best.family
        for name in family.structure & base.best.hyperparameters.keys():
            assert trial.hyperparameters[name] == base.best.hyperparameters[name]
    assert tuned.plan.proposals[0].params == base.best.hyperparameters
    compared = trained.call("ExperimentTracker", action="compare", experiments=[1, tuned.id])
    assert len(compared.data["experiments"]) == 2


@pytest.mark.slow
def test_a_job_of_the_real_engine_is_stopped_and_resumed(empty: Workplace) -> None:
    def stop_at_the_first_trial(event: object) -> None:
        empty.events.append(event)  # type: ignore[arg-type]
        if getattr(event, "kind", "") == "trial":
            empty.context.stopped.set()

    empty.context.emit = stop_at_the_first_trial
    stopped = empty.call("ArchitectureSearch", dataset="breast_cancer", time_s=40, max_trials=8)
    assert stopped.data["status"] == "cancelled"
    before = len(empty.context.store.trials(1))
    empty.context.stopped.clear()
    empty.context.emit = empty.events.append
    result = empty.call("JobControl", action="resume", job=1)
    record = empty.context.store.get(1)
    assert result.data["status"] == "completed"
    assert record.trials > before >= 1
    assert record.wall_s < 43
