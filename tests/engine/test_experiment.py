"""The whole experiment on real data: delivered, scored again independently, inside its limits, resumable."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.engine.list_sink import ListSink
from tools.core.errors import OptimizationError, ResourceError, TaskError
from tools.core.records import ExperimentPlan, ExperimentRecord, now
from tools.engine.data.read import load
from tools.engine.experiment import run_experiment
from tools.engine.export.bundle import Bundle
from tools.engine.families.family import FAMILIES
from tools.engine.search.deliver import shortfall
from tools.engine.search.prepare import prepare, read_source


def plan(dataset: str = "iris", time_s: float = 30.0, **fields: Any) -> ExperimentPlan:
    limits = {"time_s": time_s, **fields.pop("limits", {})}
    return ExperimentPlan.model_validate({"dataset": dataset, "limits": limits, **fields})


def record(plan: ExperimentPlan, sink: ListSink) -> ExperimentRecord:
    return ExperimentRecord(id=1, created_at=now(), dataset="d", plan=plan, **sink.fields)


def test_an_experiment_delivers_a_bundle_that_gives_its_test_score_again(tmp_path: Path) -> None:
    asked, sink, begun = plan(time_s=45, search={"max_trials": 4}), ListSink(), time.time()
    run_experiment(asked, tmp_path, sink, begun)
    made = record(asked, sink)  # what is sent fits the record
    assert time.time() - begun < 48
    assert made.onnx is not None
    assert made.best is not None
    assert made.test["accuracy"] >= 0.8 > made.baseline["accuracy"]
    low, high = made.confidence["accuracy"]
    assert low < made.test["accuracy"] < high
    assert [check.name for check in made.constraints] == ["time_s"]
    assert [step.name for step in sink.steps] == [
        "task analysis", "search space", "model architect", "search strategy", "evaluation", "validation"
    ]  # fmt: skip
    assert sink.readings[-1][1].progress == 1.0
    assert made.resources.peak_memory > 100_000_000

    # Scored again with nothing but onnxruntime, pandas and the kept row numbers.
    import onnxruntime
    from sklearn.datasets import load_iris

    data = load_iris(as_frame=True)
    rows = np.load(tmp_path / "splits.npz")["test"]
    session = onnxruntime.InferenceSession(made.onnx)
    columns = data.data.iloc[rows].to_numpy(np.float32)
    feed = {entry.name: columns[:, [i]] for i, entry in enumerate(session.get_inputs())}
    said = session.run(["label"], feed)[0]
    accuracy = np.mean(np.asarray(said).ravel() == data.target_names[data.target.iloc[rows]])
    assert accuracy == pytest.approx(made.test["accuracy"])
    assert not (tmp_path / "cache").exists()
    assert all(path.name.isdigit() for path in (tmp_path / "checkpoints").iterdir()), "only the leaders' are kept"
    kept = np.load(tmp_path / "predictions.npz")
    assert (kept["test_predictions"].argmax(1) == kept["test_truth"]).mean() == pytest.approx(made.test["accuracy"])


def test_regression_with_cross_validation_and_a_latency_goal(tmp_path: Path) -> None:
    asked = plan(
        "diabetes",
        validation={"method": "cross_validation", "folds": 3},
        objectives={"primary": "accuracy", "secondary": "latency", "weights": [0.8, 0.2]},
        search={"max_trials": 4},
        kind="hyperparameter_search",
    )
    sink = ListSink()
    run_experiment(asked, tmp_path, sink, time.time())
    made = record(asked, sink)
    assert made.test["r2"] > 0.3
    assert made.validation["r2"] > 0.2
    assert all(trial.resources.inference_latency for trial in sink.trials if trial.status == "completed")
    assert [step.name for step in sink.steps] == [
        "training optimisation", "model analysis", "search strategy", "validation"
    ]  # fmt: skip
    assert "all rows but the test rows" in sink.steps[-1].summary


def test_five_seconds_still_give_a_model(tmp_path: Path) -> None:
    sink, begun = ListSink(), time.time()
    run_experiment(plan(time_s=5.0), tmp_path, sink, begun)
    assert time.time() - begun < 8.0, "the time asked for and the tolerance of 3 s"
    assert sink.fields["test"]["accuracy"] >= 0.8


def test_no_time_at_all_is_refused_with_the_time_that_would_do(tmp_path: Path) -> None:
    with pytest.raises(OptimizationError, match="were over before a first model") as error:
        run_experiment(plan(time_s=0.1), tmp_path, ListSink(), time.time())
    assert "Allow about 10 s" in error.value.hint


def test_a_limit_nothing_can_meet_is_refused_before_training_with_the_nearest_possible(tmp_path: Path) -> None:
    sink = ListSink()
    with pytest.raises(ResourceError) as error:
        run_experiment(plan(limits={"max_model_size": 100}), tmp_path, sink, time.time())
    assert "smallest model takes" in error.value.message
    assert error.value.hint.startswith("Allow a size of at least")
    assert not sink.trials


def test_a_limit_of_200_kb_is_honoured_by_the_delivered_file(tmp_path: Path) -> None:
    asked = plan("digits", limits={"max_model_size": 200_000}, search={"max_trials": 2}, time_s=12)
    sink = ListSink()
    run_experiment(asked, tmp_path, sink, time.time())
    check = next(check for check in sink.fields["constraints"] if check.name == "max_model_size")
    assert check.met
    assert check.measured == Path(sink.fields["onnx"]).stat().st_size <= 200_000


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"dataset": "nowhere.csv"}, TaskError),
        ({"families": ["nothing"]}, TaskError),
        ({"families": ["cnn"]}, OptimizationError),
        ({"fixed_params": {"colour": 3}}, TaskError),
        ({"limits": {"max_memory": 50_000_000}}, ResourceError),
    ],
)
def test_what_cannot_be_done_is_said_with_what_to_do_instead(
    tmp_path: Path, fields: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error) as raised:
        run_experiment(plan(**fields), tmp_path, ListSink(), time.time())
    assert getattr(raised.value, "hint", "")


def test_a_cancelled_experiment_ends_at_once_and_keeps_its_trials(tmp_path: Path) -> None:
    sink, begun = ListSink(stop=lambda sink: len(sink.trials) >= 2), time.time()
    run_experiment(plan(time_s=60), tmp_path, sink, begun)
    assert len(sink.trials) >= 2
    assert "test" not in sink.fields
    assert time.time() - begun < 20


def test_a_first_model_is_exported_long_before_the_end(tmp_path: Path) -> None:
    sink = ListSink(stop=lambda sink: "bundle" in sink.fields or len(sink.trials) >= 30)
    run_experiment(plan(time_s=120), tmp_path, sink, time.time())
    bundle = Bundle.open(Path(sink.fields["bundle"]))
    predicted = bundle.predict(load("iris"), np.arange(150))
    assert (predicted.argmax(axis=1) == np.repeat([0, 1, 2], 50)).mean() > 0.8
    assert any("before the model was scored" in text for text in sink.fields["warnings"])


JOB = """
import sys, time
from pathlib import Path
from tests.engine.list_sink import ListSink
from tools.core.records import ExperimentPlan
from tools.engine.experiment import run_experiment

class FileSink(ListSink):
    def trial(self, trial):
        with (Path(sys.argv[1]) / "trials.jsonl").open("a") as file:
            file.write(trial.model_dump_json() + "\\n")

if __name__ == "__main__":
    run_experiment(ExperimentPlan.model_validate_json(sys.argv[2]), Path(sys.argv[1]), FileSink(), time.time())
"""


@pytest.mark.slow
def test_a_killed_job_leaves_no_worker_and_goes_on_where_it_was(tmp_path: Path) -> None:
    asked = plan("wine", time_s=25, search={"max_trials": 7})
    script, folder, lines = tmp_path / "job.py", tmp_path / "run", tmp_path / "run" / "trials.jsonl"
    script.write_text(JOB)
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    job = subprocess.Popen([sys.executable, str(script), str(folder), asked.model_dump_json()], env=environment)
    until = time.time() + 50
    while time.time() < until and not (lines.exists() and len(lines.read_text().splitlines()) >= 2):
        time.sleep(0.05)
    workers = descendants(job.pid)
    assert len(workers) >= 2
    job.kill()
    job.wait()
    before = lines.read_text().splitlines()
    until = time.time() + 10
    while time.time() < until and any(map(alive, workers)):
        time.sleep(0.05)
    assert not [pid for pid in workers if alive(pid)]

    sink = ListSink()
    run_experiment(asked, folder, sink, time.time())
    numbers = Counter(trial.number for trial in sink.trials)
    numbers.update(number_of(line) for line in before)
    assert max(numbers.values()) == 1, "no finished trial is done or told again"
    assert sum(numbers.values()) == 7
    assert sink.fields["test"]["accuracy"] > 0.8
    assert any("Going on after" in message for message in sink.messages)


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_costs_one_trial(tmp_path: Path) -> None:
    killed: list[int] = []

    class Killer(ListSink):
        def trial(self, trial: Any) -> None:
            super().trial(trial)
            if len(self.trials) == 2:
                busy = [pid for pid in descendants(os.getpid()) if "forkserver" in command(pid)]
                victims = [pid for pid in busy if descendants(pid) == []]
                killed.append(victims[-1])
                os.kill(victims[-1], signal.SIGKILL)

    sink = Killer()
    run_experiment(plan("wine", time_s=20, search={"max_trials": 6}), tmp_path, sink, time.time())
    assert killed
    failed = [trial for trial in sink.trials if trial.status == "failed"]
    assert len(failed) <= 1
    assert all(trial.error and "signal 9" in trial.error.message for trial in failed)
    assert len(sink.trials) == 6 + len(failed), "it is tried once more"
    assert sink.fields["test"]["accuracy"] > 0.8


def number_of(line: str) -> int:
    import json

    return int(json.loads(line)["number"])


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, ValueError):
            continue
        if parent == pid:
            child = int(path.parent.name)
            found += [child, *descendants(child)]
    return found


def test_the_plans_first_proposal_is_the_first_trial_also_when_looking_is_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.engine.search.steps.LOOK_SHARE", 0.0)  # as on a machine too busy to look at all
    spec = prepare(read_source(plan()), tmp_path / "look").full.spec
    proposal = {"family": "mlp", "params": FAMILIES.get("mlp").defaults(spec)[-1]}
    limits = {"max_model_size": 500_000}
    asked, sink = plan(time_s=15, limits=limits, search={"max_trials": 2}, proposals=[proposal]), ListSink()
    run_experiment(asked, tmp_path / "run", sink, time.time())
    first = min(sink.trials, key=lambda trial: trial.number)
    assert (first.model_architecture, first.hyperparameters) == ("mlp", proposal["params"])


def test_a_model_no_better_than_a_guess_is_delivered_with_a_warning(tmp_path: Path) -> None:
    table, answers = tmp_path / "turned.csv", ["yes", "no"] * 45

    def write(signs: np.ndarray) -> None:
        values = [sign if answer == "yes" else -sign for sign, answer in zip(signs, answers, strict=True)]
        pairs = enumerate(zip(values, answers, strict=True))  # no two rows are the same
        rows = (f"{value + place / 1000:.3f},{answer}" for place, (value, answer) in pairs)
        table.write_text("a,y\n" + "\n".join(rows))

    asked, sink = plan(str(table), time_s=12, families=["linear"], search={"max_trials": 2}), ListSink()
    signs = np.ones(90)
    write(signs)
    signs[read_source(asked).splits.test] = -1.0  # what holds for all other rows is wrong for these
    write(signs)
    run_experiment(asked, tmp_path / "run", sink, time.time())
    made = record(asked, sink)
    assert made.validation["accuracy"] > 0.9
    assert made.test["accuracy"] < 0.1
    assert made.warnings[0].startswith(
        "The model is no better than a trivial guess on the test rows (accuracy 0 against"
    )


def test_only_a_model_that_beats_the_guess_goes_without_a_warning() -> None:
    assert shortfall("r2", {"r2": 0.1}, {"r2": -0.01}) == ()
    assert shortfall("rmse", {"rmse": 1.9}, {"rmse": 2.0}) == ()
    for metric, value, trivial in (("accuracy", 0.5, 0.5), ("rmse", 3.0, 2.0), ("r2", float("nan"), 0.0)):
        assert "no better than a trivial guess" in shortfall(metric, {metric: value}, {metric: trivial})[0]


@pytest.mark.slow
def test_an_ensemble_is_one_file_that_gives_its_test_score_and_one_model_can_be_asked_for(tmp_path: Path) -> None:
    sinks = {}
    for ensemble in (True, False):
        asked, sink = (
            plan("diabetes", ensemble=ensemble, families=["linear", "mlp"], search={"max_trials": 4}),
            ListSink(),
        )
        run_experiment(asked, tmp_path / str(ensemble), sink, time.time())
        sinks[ensemble] = record(asked, sink)
    several, one = sinks[True].best, sinks[False].best
    assert several is not None
    assert one is not None
    assert several.model_architecture.startswith("ensemble of ")
    assert one.model_architecture == one.family
    assert sinks[True].validation["r2"] > sinks[False].validation["r2"]
    assert max(sinks[True].parity.values()) < 1e-3
