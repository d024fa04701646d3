"""Several target columns in one model: classes and values side by side, from the table to the exported file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import torch

from tests.engine.list_sink import ListSink
from tools.core.errors import TaskError
from tools.core.records import ExperimentPlan, ExperimentRecord, now
from tools.engine.data.dataset import TaskSpec
from tools.engine.data.profile import profile
from tools.engine.data.read import load
from tools.engine.evaluation.metrics import compute, compute_all, metric_of
from tools.engine.experiment import run_experiment
from tools.engine.export.bundle_reader import Bundle
from tools.engine.export.judge import judge
from tools.engine.export.predictor import predict_frame, predict_source
from tools.engine.search.prepare import read_source
from tools.engine.training.losses import loss_for

PARTS = (TaskSpec("classification", "kind", "accuracy", 3, ("a", "b", "c")), TaskSpec("regression", "price", "r2", 1))
TASK = TaskSpec("multitask", "kind, price", "mean_score", 4, parts=PARTS)


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prices that follow from the inputs, and a class that follows from them and from the price; some cells missing."""
    rng, n = np.random.default_rng(0), 400
    size, city = rng.uniform(40, 200, n), rng.choice(["Rome", "Oslo", "Lima"], n)
    price = 3 * size + np.where(city == "Oslo", 150, 0) + rng.normal(0, 15, n)
    sale = np.where(price > 450, "slow", np.where(city == "Lima", "medium", "fast")).astype(object)
    sale[:7] = None
    frame = pd.DataFrame({"size": size.round(1), "city": city, "price": price.round(2), "sale": sale})
    frame.loc[7:9, "price"] = np.nan
    path = tmp_path_factory.mktemp("homes") / "homes.csv"
    frame.to_csv(path, index=False)
    return path


def plan(path: Path, **fields: Any) -> ExperimentPlan:
    return ExperimentPlan.model_validate({"dataset": str(path), "limits": {"time_s": 60}, **fields})


def test_every_target_decides_by_itself_and_rows_need_all_of_them(homes: Path) -> None:
    source = read_source(plan(homes, target="Price, sale"))
    assert source.task.targets == ("price", "sale")
    assert [part.kind for part in source.task.parts] == ["regression", "classification"]
    assert source.task.slices == (slice(0, 1), slice(1, 4))
    assert source.profile.target == "price, sale"
    assert source.profile.task == "multitask"
    used = {*source.splits.train.tolist(), *source.splits.test.tolist()}
    assert used == set(range(10, 400))


def test_a_column_name_with_a_comma_is_one_column(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    pd.DataFrame({"a": range(40), "b, c": ["x", "y"] * 20}).to_csv(path, index=False)
    assert load(str(path), "b, c").target == "b, c"
    with pytest.raises(TaskError, match="no column 'nothing'"):
        load(str(path), "a, nothing")


def test_what_cannot_be_combined_is_refused(homes: Path) -> None:
    with pytest.raises(TaskError, match="mean_score"):
        read_source(plan(homes, target="price, sale", metric="accuracy"))
    with pytest.raises(TaskError, match="target itself"):
        read_source(plan(homes, target="price, sale", validation={"group": "sale"}))
    lone = load(str(homes), "price, sale")
    assert "set aside" not in " ".join(profile(lone, "price, sale").warnings)


def test_metrics_are_those_of_each_target_and_their_mean() -> None:
    truth = np.array([[0, 10.0], [1, 20.0], [2, 30.0], [1, 40.0]])
    said = np.array([[0.8, 0.1, 0.1, 10.0], [0.2, 0.7, 0.1, 20.0], [0.1, 0.6, 0.3, 30.0], [0.1, 0.8, 0.1, 30.0]])
    found = compute_all(TASK, truth, said)
    assert found["accuracy of kind"] == 0.75
    assert found["r2 of price"] == pytest.approx(0.8)
    assert found["mean_score"] == pytest.approx((0.75 + 0.8) / 2)
    assert compute(metric_of(TASK), truth, said) == found["mean_score"]
    assert metric_of(TASK, "rmse of price").direction == "minimize"


def test_the_loss_is_the_mean_of_the_targets() -> None:
    scores = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    target = torch.tensor([[0, 0.5], [1, -1.0], [2, 0.0], [1, 2.0], [0, 1.0]])
    classes = torch.nn.functional.cross_entropy(scores[:, :3], target[:, 0].long())
    values = torch.nn.functional.mse_loss(scores[:, 3:], target[:, 1:])
    assert torch.allclose(loss_for(TASK)(scores, target), (classes + values) / 2)


def test_one_model_predicts_all_and_its_file_says_the_same(homes: Path, tmp_path: Path) -> None:
    asked, sink = plan(homes, target="price, sale", search={"max_trials": 3}), ListSink()
    run_experiment(asked, tmp_path, sink, time.time())
    made = ExperimentRecord(id=1, created_at=now(), dataset="homes", plan=asked, folder=str(tmp_path), **sink.fields)
    assert made.test["r2 of price"] > 0.8
    assert made.test["accuracy of sale"] > 0.8
    assert made.baseline["mean_score"] < 0.5 < made.test["mean_score"]
    assert {"mean_score", "rmse of price"} <= set(made.confidence)

    assert made.bundle is not None
    bundle = Bundle.open(made.bundle)
    names = [entry.name for entry in onnxruntime.InferenceSession(str(bundle.onnx)).get_outputs()]
    assert names == ["prediction_price", "label_sale", "probabilities_sale", "predictions"]
    frame = pd.read_csv(homes)
    table = predict_source(bundle, str(homes))
    assert list(table.columns)[:2] == ["price", "sale"]
    there = frame["sale"].notna() & frame["price"].notna()
    assert (table["sale"] == frame["sale"])[there].mean() > 0.8
    assert np.corrcoef(table["price"][there], frame["price"][there])[0, 1] > 0.9
    inputs_only = predict_frame(bundle, frame[["size", "city"]])
    assert np.allclose(inputs_only["price"], table["price"])

    report = judge(made, "metrics")
    assert report["metrics"]["mean_score"] == pytest.approx(made.test["mean_score"], abs=1e-5)
    worst = judge(made, "errors")["errors"][0]
    assert set(worst["truth"]) == set(worst["prediction"]) == {"price", "sale"}
    assert judge(made, "importance")["importance"]["size"] > 0
    with pytest.raises(TaskError, match="one target"):
        judge(made, "confusion")


@pytest.mark.slow
def test_texts_may_have_several_targets_too(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    good, bad = ["lovely", "great", "fine", "superb"], ["awful", "broken", "poor", "slow"]
    rows = []
    for _ in range(300):
        mood = int(rng.integers(0, 2))
        words = rng.choice(good if mood else bad, int(rng.integers(1, 8)))
        filler = rng.choice(["the", "food", "was", "and", "we", "came", "again"], 12)
        rows.append((" ".join([*filler, *words]), "happy" if mood else "angry", float(len(words)) + rng.normal(0, 0.1)))
    path = tmp_path / "notes.csv"
    pd.DataFrame(rows, columns=["note", "mood", "strength"]).to_csv(path, index=False)
    sink = ListSink()
    run_experiment(plan(path, target="mood,strength", search={"max_trials": 3}), tmp_path, sink, time.time())
    assert sink.fields["test"]["accuracy of mood"] > 0.9
    assert sink.fields["test"]["r2 of strength"] > 0.3
