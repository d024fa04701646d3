import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tools.core.errors import ExperimentError, TaskError
from tools.engine.evaluation.metrics import compute
from tools.engine.export.judge import REPORTS, judge

TABLES = ("mixed", "words", "numbers")


@pytest.mark.parametrize("name", [*TABLES, "pictures", "texts", "tags", "story"])
@pytest.mark.parametrize("report", REPORTS)
def test_every_report_is_small_json_or_says_why_it_does_not_fit(delivered, name: str, report: str):
    bundle, record = delivered(name)
    impossible = (report == "importance" and name not in TABLES) or (
        report == "confusion" and bundle.task.kind != "classification"
    )
    if impossible:
        with pytest.raises(TaskError) as error:
            judge(record, report)
        assert error.value.hint
        return
    found = judge(record, report)
    assert len(json.dumps(found, allow_nan=False)) < 20_000
    assert found["report"] == report
    assert found["n_rows"] > 0
    for plot in filter(None, [found.get("plot"), *found.get("plots", [])]):
        assert {"kind", "title", "x", "y"} <= set(plot)
        for series in plot.get("series", []):
            assert len(series["x"]) == len(series["y"]) > 0


def test_the_metrics_are_those_of_the_file_on_the_test_rows(delivered, trained):
    bundle, record = delivered("mixed")
    setup = trained("mixed")
    truth, predictions = (
        setup.target.truth(setup.dataset, setup.splits.test),
        bundle.predict(setup.dataset, setup.splits.test),
    )
    found = judge(record, "metrics")
    assert found["n_rows"] == len(setup.splits.test)
    assert found["metrics"]["accuracy"] == pytest.approx(compute("accuracy", truth, predictions), abs=1e-5)
    low, high = found["confidence"]["accuracy"]
    assert low <= found["metrics"]["accuracy"] <= high
    assert 0 < found["baseline"]["accuracy"] < 1
    matrix = np.array(judge(record, "confusion")["matrix"])
    assert np.trace(matrix) / matrix.sum() == pytest.approx(found["metrics"]["accuracy"], abs=1e-5)


def test_the_worst_rows_come_first_with_their_inputs(delivered, trained):
    _, record = delivered("numbers")
    errors = judge(record, "errors")["errors"]
    losses = [row["loss"] for row in errors]
    assert losses == sorted(losses, reverse=True)
    price = trained("numbers").dataset.frame["price"]
    for row in errors:
        assert row["truth"] == pytest.approx(price.iloc[row["row"]])
        assert row["loss"] == pytest.approx(abs(row["truth"] - row["prediction"]), rel=1e-4)
        assert set(row["inputs"]) == {"x", "z"}


def test_the_column_that_decides_is_the_most_important(delivered):
    _, record = delivered("numbers")
    assert next(iter(judge(record, "importance")["importance"])) == "x"


def test_a_new_file_is_judged_on_the_rows_that_have_a_known_truth(delivered, trained, tmp_path: Path):
    _, record = delivered("mixed")
    frame = trained("mixed").dataset.frame.head(30).astype({"churned": object})
    frame.loc[[0, 1], "churned"] = None
    frame.loc[2, "churned"] = "perhaps"
    frame.to_csv(tmp_path / "new.csv", index=False)
    found = judge(record, "metrics", str(tmp_path / "new.csv"))
    assert found["n_rows"] == 27
    assert "3 rows were left out" in found["warnings"][0]
    assert found["where"] == "27 rows of new.csv"
    frame.drop(columns="churned").to_csv(tmp_path / "bare.csv", index=False)
    with pytest.raises(TaskError, match="churned"):
        judge(record, "metrics", str(tmp_path / "bare.csv"))
    frame.drop(columns="grösse").to_csv(tmp_path / "less.csv", index=False)
    with pytest.raises(TaskError, match="grösse"):
        judge(record, "metrics", str(tmp_path / "less.csv"))


def test_the_training_file_itself_is_judged_on_its_test_rows_only(delivered, trained):
    _, record = delivered("mixed")
    found = judge(record, "metrics", record.plan.dataset)
    assert found["n_rows"] == len(trained("mixed").splits.test)
    assert "only its test rows" in found["warnings"][0]


def test_changed_data_a_lost_split_and_an_unknown_report_are_explained(delivered, tmp_path: Path):
    _, record = delivered("mixed")
    changed = tmp_path / "mixed.csv"
    frame = pd.read_csv(record.plan.dataset)
    frame.head(100).to_csv(changed, index=False)
    with pytest.raises(ExperimentError, match="has changed since"):
        judge(record.model_copy(update={"plan": record.plan.model_copy(update={"dataset": str(changed)})}), "metrics")
    moved = shutil.copytree(record.folder, tmp_path / "run")
    (moved / "splits.npz").unlink()
    with pytest.raises(ExperimentError, match=r"no splits\.npz"):
        judge(record.model_copy(update={"folder": str(moved)}), "metrics")
    with pytest.raises(TaskError, match="no report called 'beauty'"):
        judge(record, "beauty")
    with pytest.raises(ExperimentError, match="no exported model"):
        judge(record.model_copy(update={"bundle": None}), "metrics")
