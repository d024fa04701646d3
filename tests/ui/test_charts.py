from typing import Any

import pytest

from tests.ui.records import make_finished
from tools.core.records import ExperimentRecord
from tools.tracking.plots import available, plot
from tools.tracking.store import Store
from ui.charts import figure

CONFUSION = {
    "kind": "heatmap", "title": "Confusion", "x": "predicted", "y": "true", "labels": ["no", "yes"],
    "matrix": [[8, 2], [1, 9]],
}  # fmt: skip


def test_every_plot_of_the_history_can_be_drawn(store: Store, finished: ExperimentRecord) -> None:
    make_finished(store)
    names = available(store, finished)
    assert {"learning_curve", "history", "pareto", "compare"} <= set(names)
    for name in names:
        drawn = figure(plot(store, finished.id, name))
        assert len(drawn.data) >= 1
        assert drawn.layout.title.text


def test_a_loss_beside_a_score_has_an_axis_of_its_own(store: Store, finished: ExperimentRecord) -> None:
    drawn = figure(plot(store, finished.id, "learning_curve"))
    axes = {trace.name: trace.yaxis for trace in drawn.data}
    assert axes["train_loss"] == "y2"
    assert axes["accuracy"] != "y2"


def test_confusion_has_truth_from_top_to_bottom() -> None:
    drawn = figure(CONFUSION)
    assert list(drawn.data[0].z[0]) == [8, 2]
    assert drawn.layout.yaxis.autorange == "reversed"


@pytest.mark.parametrize("kind", ["line", "scatter", "bar"])
def test_empty_and_single_points_are_drawn(kind: str) -> None:
    series: list[dict[str, Any]] = [{"name": "a", "x": [1], "y": [2]}, {"name": "b", "x": [], "y": []}]
    assert len(figure({"kind": kind, "title": "t", "x": "x", "y": "y", "series": series}).data) == 2


def test_background_is_transparent_for_light_and_dark() -> None:
    layout = figure(CONFUSION).layout
    assert layout.paper_bgcolor == layout.plot_bgcolor == "rgba(0,0,0,0)"


def test_trials_are_counted_in_whole_numbers() -> None:
    series = [{"name": "trials", "x": [0, 1, 2, 3], "y": [0.1, 0.2, 0.3, 0.4]}]
    drawn = figure({"kind": "line", "title": "Search", "x": "trial", "y": "score", "series": series})
    assert drawn.layout.xaxis.dtick == 1
