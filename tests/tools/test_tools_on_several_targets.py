"""Every tool that takes a model, on one that predicts a value and a class at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.tools.conftest import Workplace, make
from tools.core.errors import TaskError

pytestmark = [pytest.mark.xdist_group("several"), pytest.mark.timeout(120)]
ROW = {"area": 100.0, "rooms": 3}


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    folder = tmp_path_factory.mktemp("homes")
    random = np.random.default_rng(0)
    area, rooms = random.uniform(30, 200, 200), random.integers(1, 6, 200)
    sold = np.where(area + random.normal(0, 8, 200) < 115, "yes", "no")
    pd.DataFrame({"area": area.round(1), "rooms": rooms, "price": area * 3 + 10 * rooms, "sold": sold}).to_csv(
        folder / "homes.csv", index=False
    )
    place = make(folder / "home")
    place.context.folders = (folder,)
    asked = {"dataset": str(folder / "homes.csv"), "target": "price, sold", "families": ["mlp"]}
    place.call("AutoMLWorkflow", **asked, max_trials=1, time_s=60)
    return place


def test_typed_values_and_files_are_predicted_for_every_target(homes: Workplace) -> None:
    one = homes.call("Predictor", inputs=[ROW])
    (row,) = one.data["predictions"]
    assert set(row) == {"price", "sold", "probability_sold"}
    assert row["sold"] in ("yes", "no")
    assert f"price {row['price']}, sold {row['sold']} (" in one.summary
    several = homes.call("Predictor", inputs=[ROW, ROW | {"area": 180}])
    assert "In all: sold " in several.summary
    assert "Mean price " in several.summary
    assert len(pd.read_csv(several.data["file"])) == 2


def test_it_is_judged_checked_and_converted(homes: Workplace) -> None:
    result = homes.call("ModelEvaluator")
    assert {"r2 of price", "accuracy of sold"} <= set(result.data["metrics"])
    for report in ("importance", "errors"):
        assert homes.call("ModelEvaluator", report=report).summary
    for report in ("confusion", "curves", "calibration"):
        with pytest.raises(TaskError) as caught:
            homes.call("ModelEvaluator", report=report)
        assert caught.value.hint
    assert homes.call("ResourceConstraintChecker", max_model_size="5MB").data["fits"]
    converted = homes.call("ModelConverter", precision="fp16")
    assert Path(converted.data["path"]).is_file()
    assert homes.call("ExperimentTracker", action="show", experiments=[1]).summary
