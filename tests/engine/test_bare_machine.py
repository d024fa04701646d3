"""The engine on a machine that has torch, numpy, optuna, pydantic and pandas, and nothing else."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = """
import json, sys, time
from pathlib import Path
from tools.core.config import SearchSpec
from tools.core.records import ExperimentPlan, Limits
from tools.engine.experiment import run_experiment

class Sink:
    def __init__(self): self.fields = {}
    def progress(self, phase, metrics): pass
    def step(self, step): pass
    def trial(self, trial): pass
    def message(self, text): pass
    def update(self, **fields): self.fields |= fields
    def cancelled(self): return False

if __name__ == "__main__":
    sink, limits = Sink(), json.loads(sys.argv[3])
    plan = ExperimentPlan(dataset=sys.argv[1], limits=Limits(time_s=60, **limits), search=SearchSpec(max_trials=3))
    try:
        run_experiment(plan, Path(sys.argv[2]), sink, time.time())
    except Exception as error:
        print(json.dumps({"error": str(error)}))
    else:
        print(json.dumps({"test": sink.fields["test"], "warnings": sink.fields["warnings"]}))
"""


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with these packages and what they need."""
    folder = tmp_path_factory.mktemp("bare")
    wanted, seen = ["torch", "numpy", "optuna", "pydantic", "pandas"], set()
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        found = distribution(name)
        wanted += [
            re.split(r"[^\w.-]", need)[0]
            for need in found.requires or []
            if ";" not in need or ("extra" not in need and "platform" not in need and "python_version <" not in need)
        ]
        for top in {file.parts[0] for file in found.files or [] if file.parts[0] != ".."}:
            link = folder / top
            if not link.exists():
                link.symlink_to(found.locate_file(top))
    assert not (folder / "onnx").exists()
    return folder


def run(bare: Path, tmp_path: Path, limits: dict[str, float]) -> dict[str, object]:
    table = tmp_path / "t.csv"
    rows = [f"{i % 7},{i % 5},{'yes' if i % 7 > 3 else 'no'}" for i in range(300)]
    table.write_text("a,b,answer\n" + "\n".join(rows))
    (tmp_path / "job.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "-S", str(tmp_path / "job.py"), str(table), str(tmp_path / "run"), json.dumps(limits)],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{bare}"}, capture_output=True, text=True, timeout=170,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    result: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return result


@pytest.mark.slow
def test_it_searches_and_trains_and_says_that_nothing_was_exported(bare: Path, tmp_path: Path) -> None:
    result = run(bare, tmp_path, {})
    assert result["test"]["accuracy"] > 0.9  # type: ignore[index]
    assert "pip install onnx onnxruntime" in result["warnings"][0]  # type: ignore[index]
    assert (tmp_path / "run" / "model_0").exists()


@pytest.mark.slow
def test_a_size_limit_that_cannot_be_measured_is_refused(bare: Path, tmp_path: Path) -> None:
    assert "pip install onnx onnxruntime" in str(run(bare, tmp_path, {"max_model_size": 1000})["error"])
