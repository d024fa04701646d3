"""A model of the user's own, from a Python file."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from tests.engine.families.real_sets import sets_for
from tests.engine.families.test_family_contract import check_export, make
from tests.engine.list_sink import ListSink
from tools.core.custom import ALLOW
from tools.core.errors import TaskError
from tools.core.records import ExperimentPlan
from tools.engine.execution.custom import find_family, load_family
from tools.engine.experiment import run_experiment

TABLE = """
from torch import nn

TITLE = "Two layers"

def space(trial, shape):
    return {"width": trial.suggest_int("width", 8, 64)}

def build(params, shape):
    hidden = nn.Sequential(nn.Linear(shape.n_features, params["width"]), nn.ReLU(), nn.Dropout(0.1))
    return nn.Sequential(hidden, nn.Linear(params["width"], shape.n_outputs))
"""
IMAGE = """
from torch import nn

def build(params, shape):
    channels, height, width = shape.image_shape
    return nn.Sequential(nn.Flatten(), nn.Linear(channels * height * width, shape.n_outputs))

def loss(scores, target):
    return nn.functional.cross_entropy(scores, target, label_smoothing=0.2)
"""


@pytest.fixture(autouse=True)
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALLOW, "1")


def written(folder: Path, code: str, name: str = "my_net.py") -> str:
    (folder / name).write_text(code, encoding="utf-8")
    return str(folder / name)


@pytest.mark.parametrize("case", sets_for("tabular"), ids=lambda case: case.name)
def test_a_file_for_tables_trains_repeats_and_exports(tmp_path: Path, case) -> None:  # type: ignore[no-untyped-def]
    family = find_family("my_net", [written(tmp_path, TABLE)])
    assert (family.name, family.title) == ("my_net", "Two layers")
    params = {"width": 16, **family.defaults(case.spec)[0]}
    learners = [make(family, case, params, max_epochs=20) for _ in range(2)]
    for learner in learners:
        list(learner.reports())
        learner.restore_best()
    first, second = (learner.predict(case.validation.inputs) for learner in learners)
    assert np.array_equal(first, second)
    check_export(learners[0], case.validation)


def test_a_file_for_images_with_its_own_loss_learns(tmp_path: Path) -> None:
    case = sets_for("image")[0]
    family = load_family(written(tmp_path, IMAGE))
    reports = list(make(family, case, max_epochs=10).reports())
    assert reports[-1].score > 0.8
    assert reports[-1].train_loss > 0.5, "label smoothing keeps the file's own loss up"


@pytest.mark.parametrize(
    ("code", "said"),
    [("x = 1", "has no function build"), ("import nothing_like_it", "cannot be run: ModuleNotFoundError")],
)
def test_a_file_that_does_not_keep_the_contract_is_refused_in_a_sentence(tmp_path: Path, code: str, said: str) -> None:
    with pytest.raises(TaskError, match=said):
        load_family(written(tmp_path, code))


def test_a_build_that_fails_is_told_with_its_own_words(tmp_path: Path) -> None:
    family = load_family(written(tmp_path, "def build(params, shape):\n    raise ValueError('no such width')\n"))
    with pytest.raises(TaskError, match=r"build\(\) of 'my_net.py' failed: ValueError: no such width"):
        make(family, sets_for("tabular")[0])


def test_nothing_is_run_where_the_operator_does_not_allow_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ALLOW)
    mark = tmp_path / "ran"
    with pytest.raises(TaskError, match="not allowed here"):
        load_family(written(tmp_path, f"open({str(mark)!r}, 'w')", "other.py"))
    assert not mark.exists()


@pytest.mark.slow
def test_a_file_is_searched_and_delivered_like_a_family(tmp_path: Path) -> None:
    plan = ExperimentPlan.model_validate(
        {
            "dataset": "iris",
            "task": "custom",
            "families": [written(tmp_path, TABLE)],
            "limits": {"time_s": 30},
            "search": {"max_trials": 3},
        }
    )
    sink = ListSink()
    run_experiment(plan, tmp_path / "run", sink, time.time())
    assert sink.fields["test"]["accuracy"] > 0.8
    assert sink.fields["best"].family == "my_net"
    assert Path(sink.fields["onnx"]).is_file()
