"""The whole way once through the terminal: train on iris, look at it, predict with it, delete it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tools.contract import ToolContext, ToolResult
from tools.core.records import ExperimentPlan
from ui.cli import main

pytestmark = pytest.mark.xdist_group("cli_run")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """One real run of three trials, in a process of its own as a user starts it."""
    home = tmp_path_factory.mktemp("home")
    words = [
        "run",
        "--dataset",
        "iris",
        "--time",
        "60s",
        "--max-trials",
        "3",
        "--max-model-size",
        "200kB",
        "--families",
        "linear",
        "--json",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "ui.cli", "--home", str(home), *words],
        capture_output=True, text=True, timeout=90, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return home, json.loads(done.stdout)


def test_run_prints_one_object_with_the_agreed_keys(trained: tuple[Path, dict[str, Any]]) -> None:
    _, result = trained
    assert list(result) == [
        "experiment", "status", "task", "metric", "test", "validation", "baseline", "constraints", "trials",
        "wall_s", "bundle", "onnx",
    ]  # fmt: skip
    assert result["status"] == "completed"
    assert result["task"] == "classification"
    assert result["test"]["accuracy"] > result["baseline"]["accuracy"]
    size = next(check for check in result["constraints"] if check["name"] == "max_model_size")
    assert size == {"name": "max_model_size", "asked": 200_000, "measured": size["measured"], "met": True}
    assert Path(result["bundle"]).is_dir()
    assert Path(result["onnx"]).is_file()


@pytest.mark.parametrize("by", ["experiment", "bundle"])
def test_predict_writes_prediction_and_probabilities(
    trained: tuple[Path, dict[str, Any]], by: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, result = trained
    metadata = json.loads((Path(result["bundle"]) / "metadata.json").read_text(encoding="utf-8"))
    data = tmp_path / "new.csv"
    columns = [item["name"] for item in metadata["inputs"]]
    data.write_text(",".join(columns) + "\n5.1,3.5,1.4,0.2\n6.7,3.0,5.2,2.3\n", encoding="utf-8")
    out = tmp_path / "out.csv"
    code = main(["--home", str(home), "predict", str(result[by]), str(data), "-o", str(out)])
    assert code == 0, capsys.readouterr().err
    lines = out.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3
    assert lines[0].split(",")[0] == "prediction"
    assert all(name.startswith("probability_") for name in lines[0].split(",")[1:])


def test_history_shows_the_run(trained: tuple[Path, dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    home, result = trained
    for words in (["experiments", "show", "1"], ["experiments", "best"]):
        assert main(["--home", str(home), *words, "--json"]) == 0
        record = json.loads(capsys.readouterr().out)
        assert record["experiment"] == result["experiment"]
        assert record["test"] == result["test"]
    assert main(["--home", str(home), "jobs", "status", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "completed"
    assert main(["--home", str(home), "experiments", "show", "1"]) == 0
    assert "iris" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("status", "stopped", "code", "says"),
    [
        ("cancelled", True, 130, "automl-agent jobs resume 1 --wait"),
        ("running", False, 0, "automl-agent jobs status 1"),
    ],
)
def test_a_run_that_was_left_says_how_to_go_on(
    status: str, stopped: bool, code: int, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def left(name: str, arguments: dict[str, Any], workspace: ToolContext) -> ToolResult:
        record = workspace.store.create(ExperimentPlan(dataset="iris"), "iris")
        workspace.store.update(record.id, status=status)
        if stopped:
            workspace.stopped.set()
        return ToolResult(summary="Left.", experiment=record.id)

    monkeypatch.setattr("ui.commands.run.call_tool", left)
    assert main(["--home", str(tmp_path), "run", "--dataset", "iris"]) == code
    assert says in capsys.readouterr().err
