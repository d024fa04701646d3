from __future__ import annotations

import csv
from pathlib import Path

import orjson
import pytest

from tools.core.errors import ExperimentError, TaskError
from tools.tracking.export import as_csv, export_history
from tools.tracking.judgements import keep
from tools.tracking.plots import PLOTS, available, plot
from tools.tracking.queries import compare
from tools.tracking.report import report
from tools.tracking.store import Store


def ids(records: list[object]) -> list[int]:
    return [record.id for record in records]  # type: ignore[attr-defined]


def test_filters_narrow_the_history(history: Store) -> None:
    assert ids(history.find(dataset="IRIS")) == [1, 2]
    assert ids(history.find(dataset="wine")) == [3]
    assert ids(history.find(status="failed")) == [3]
    assert ids(history.find(metric="accuracy", min_value=0.93)) == [2]
    assert ids(history.find(metric="log_loss", min_value=0.2)) == []  # at least this good: at most this much loss
    assert ids(history.find(metric="log_loss", min_value=0.4)) == [1, 2]
    for since in ("today", "yesterday", "1h", "7d", "2 days ago", "2020-01-01", "2020-01-01T10:00:00+00:00"):
        assert ids(history.find(since=since)) == [1, 2, 3]
    assert ids(history.find(since="2999-01-01")) == []
    with pytest.raises(TaskError, match="not a point in time"):
        history.find(since="the other day")


def test_best_is_by_test_data_and_knows_which_way_is_better(history: Store) -> None:
    found = history.best()
    assert found is not None
    assert found.id == 2
    assert history.best(dataset="wine") is None
    history.update(1, test={"accuracy": 0.9, "log_loss": 0.1})
    assert (history.best(metric="log_loss") or found).id == 1


def test_comparing_shows_what_differs(history: Store) -> None:
    result = compare([history.get(1), history.get(2)])
    assert result["differences"] == {"family": ["linear", "mlp"], "lr": [0.01, 0.1]}
    assert [line["test"] for line in result["rows"]] == [0.9, 0.95]
    with pytest.raises(ExperimentError, match="at least two"):
        compare([history.get(1)])


def test_the_report_comes_from_the_store_alone_and_survives_a_restart(history: Store) -> None:
    text = report(history, 2)
    assert text == report(Store(history.home), 2)
    assert "| accuracy | 0.95 |" in text
    assert "a \\| classifier" in text  # words of people never break a table
    assert "failed" in report(history, 3)


@pytest.mark.parametrize("name", ["importance", "confusion", "curves", "calibration"])
def test_a_judgement_that_was_not_made_cannot_be_drawn(history: Store, name: str) -> None:
    with pytest.raises(ExperimentError, match="not been computed") as caught:
        plot(history, 1, name)
    assert name in caught.value.hint


@pytest.mark.parametrize("name", PLOTS)
def test_every_plot_is_plain_data(history: Store, name: str) -> None:
    for judged in ("importance", "confusion", "curves", "calibration"):
        keep(history, 1, judged, {"plot": {"kind": "bar", "title": "", "x": "", "y": "", "series": []}})
    drawn = plot(history, 1, name)
    assert {"kind", "title", "x", "y"} <= set(drawn)
    assert orjson.loads(orjson.dumps(drawn)) == drawn
    for series in drawn.get("series", []):
        assert len(series["x"]) == len(series["y"]) > 0


def test_plots_say_what_they_show(history: Store) -> None:
    curve = plot(history, 1, "learning_curve")
    assert [series["name"] for series in curve["series"]] == ["train_loss", "accuracy"]
    assert curve["series"][0]["x"] == [1.0, 2.0, 3.0]
    assert plot(history, 1, "history")["series"][1]["y"] == [0.9, 0.9, 0.9]
    front = plot(history, 1, "pareto")["series"][1]
    assert front["x"] == [3000, 4000, 5000]
    assert plot(history, 1, "compare:2")["series"][0]["y"] == [0.9, 0.95]
    assert available(history, history.get(1)) == ["history", "learning_curve", "pareto", "compare"]
    with pytest.raises(ExperimentError, match="nothing to draw"):
        plot(history, 3, "history")
    with pytest.raises(TaskError, match="no plot called"):
        plot(history, 1, "tea")


def test_the_history_goes_out_as_a_table_and_in_full(history: Store, tmp_path: Path) -> None:
    history.tag(3, ["=HYPERLINK(1)"])
    table, whole = export_history(history.list(), tmp_path / "out")
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [row["experiment"] for row in rows] == ["1", "2", "3"]
    assert rows[1]["test_accuracy"] == "0.95"
    assert rows[2]["tags"] == "'=HYPERLINK(1)"  # a spreadsheet must not run what people wrote
    assert len(orjson.loads(whole.read_bytes())) == 3
    assert as_csv([]) == ""


def test_a_model_that_is_solved_at_once_does_not_hide_the_learning_curve_of_the_others(history: Store) -> None:
    trials = history.trials(1)
    lines = [t.model_copy(update={"curve": t.curve[:1]}) if t.number == 0 else t for t in trials]
    Path(history.get(1).folder, "trials.jsonl").write_text("".join(f"{t.model_dump_json()}\n" for t in lines))
    curve = plot(history, 1, "learning_curve")
    assert "Learning curve of trial 1" in curve["title"]
    assert "trial 0 (linear), which was delivered, has none" in curve["title"]
    assert all(len(series["x"]) > 1 for series in curve["series"])
    alone = [t.model_copy(update={"curve": t.curve[:1]}) for t in trials]
    Path(history.get(1).folder, "trials.jsonl").write_text("".join(f"{t.model_dump_json()}\n" for t in alone))
    assert "best so far" in [series["name"] for series in plot(history, 1, "learning_curve")["series"]]
