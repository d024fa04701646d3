from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import orjson
import pytest

from tools.core.errors import ExperimentError, TaskError
from tools.core.records import (
    ColumnProfile,
    DatasetProfile,
    ErrorInfo,
    ExperimentPlan,
    ExperimentRecord,
    StepRecord,
    TrialRecord,
)
from tools.tracking.files import LineWriter
from tools.tracking.home import home_folder
from tools.tracking.store import Store

PLAN = ExperimentPlan(dataset="iris", request="a classifier")


def test_what_was_written_is_read_again_after_a_restart(tmp_path: Path) -> None:
    store = Store(tmp_path)
    record = store.create(PLAN, "iris")
    assert (record.id, record.status) == (1, "running")
    assert Path(record.folder).is_dir()
    store.update(1, test={"accuracy": 0.9, "log_loss": float("nan")}, bundle=str(tmp_path / "runs/1/bundle"))
    store.settle(1, "completed", wall_s=3.5)
    again = Store(tmp_path).get(1)
    assert again == store.get(1)
    assert again.test == {"accuracy": 0.9}  # JSON has no NaN
    assert again.bundle == str(tmp_path / "runs/1/bundle")
    assert isinstance(again, ExperimentRecord)


def test_a_home_may_move(tmp_path: Path) -> None:
    old = tmp_path / "old"
    store = Store(old)
    store.create(PLAN, "iris")
    store.update(1, bundle=str(old / "runs/1/bundle"))
    old.rename(tmp_path / "new")
    record = Store(tmp_path / "new").get(1)
    assert record.bundle == str(tmp_path / "new/runs/1/bundle")
    assert record.folder == str(tmp_path / "new/runs/1")


def test_numbers_are_never_given_twice(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for _ in range(3):
        store.settle(store.create(PLAN, "iris").id, "completed")
    store.delete(3)
    assert not (tmp_path / "runs/3").exists()
    assert Store(tmp_path).create(PLAN, "iris").id == 4
    assert [record.id for record in store.list()] == [1, 2, 4]


def test_a_running_experiment_is_not_deleted(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.create(PLAN, "iris")
    with pytest.raises(ExperimentError, match="still running"):
        store.delete(1)


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for call in (store.get, store.delete, lambda number: store.update(number, tags=("x",))):
        with pytest.raises(ExperimentError, match="no experiment 5") as caught:
            call(5)
        assert caught.value.hint
    assert not store.has(5)


def test_unknown_fields_and_wrong_values_are_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.create(PLAN, "iris")
    with pytest.raises(TaskError, match="speed"):
        store.update(1, speed=3)
    with pytest.raises(TaskError, match="status"):
        store.update(1, status="tired")


def test_a_final_status_stays(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.create(PLAN, "iris")
    store.settle(1, "cancelled")
    assert store.settle(1, "failed", ErrorInfo(type="task", message="no")).status == "cancelled"


def test_steps_tags_and_notes_add_up(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.create(PLAN, "iris")
    store.add_steps(1, [StepRecord(name="a", summary="1"), StepRecord(name="b", summary="1")])
    store.add_steps(1, [StepRecord(name="a", summary="2")])
    store.tag(1, ["x", "y"])
    store.tag(1, ["y", "z"])
    store.note(1, "good")
    record = Store(tmp_path).get(1)
    assert [(step.name, step.summary) for step in record.steps] == [("a", "2"), ("b", "1")]
    assert record.tags == ("x", "y", "z")
    assert record.notes == ("good",)


def test_a_wide_profile_lies_beside_the_history(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.create(PLAN, "wide")
    columns = tuple(ColumnProfile(name=f"c{n}", kind="number", dtype="f8", missing=0, unique=3) for n in range(500))
    profile = DatasetProfile(
        name="wide", source="wide.csv", fingerprint="0" * 16, modality="tabular", n_rows=9, columns=columns
    )
    store.update(1, profile=profile)
    assert (tmp_path / "history.json").stat().st_size < 5_000
    assert Store(tmp_path).get(1).profile == profile


def test_a_trial_told_twice_counts_as_told_last_and_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    store = Store(tmp_path)
    folder = Path(store.create(PLAN, "iris").folder)
    writer = LineWriter(folder / "trials.jsonl", durable=True)
    for number, score in ((0, 0.5), (1, 0.6), (0, 0.7)):
        writer.write(TrialRecord(number=number, model_architecture="mlp", score=score).model_dump(mode="json"))
    writer.close()
    with (folder / "trials.jsonl").open("a") as file:
        file.write('{"number": 2, "model_arch')
    assert [(trial.number, trial.score) for trial in store.trials(1)] == [(0, 0.7), (1, 0.6)]
    again = LineWriter(folder / "trials.jsonl")
    again.write(TrialRecord(number=3, model_architecture="mlp").model_dump(mode="json"))
    again.close()
    assert [trial.number for trial in store.trials(1)] == [0, 1, 3]


def test_changes_of_another_process_are_seen(tmp_path: Path) -> None:
    here, there = Store(tmp_path), Store(tmp_path)
    here.create(PLAN, "iris")
    assert there.get(1).notes == ()
    here.note(1, "new")
    assert there.get(1).notes == ("new",)


WRITER = """
import sys
from pathlib import Path
from tools.tracking.store import Store
store = Store(Path(sys.argv[1]))
print("ready", flush=True)
for number in range(int(sys.argv[3])):
    store.note(1, f"{sys.argv[2]}-{number}")
"""


def writer(home: Path, name: str, times: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", WRITER, str(home), name, str(times)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def test_two_processes_with_two_threads_each_lose_no_update(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.create(PLAN, "iris")
    processes = [writer(tmp_path, name, 50) for name in "ab"]

    def here(name: str) -> None:
        for number in range(25):
            store.note(1, f"{name}-{number}")

    threads = [threading.Thread(target=here, args=(name,)) for name in "cd"]
    for thread in threads:
        thread.start()
    for worker in (*threads,):
        worker.join()
    for process in processes:
        assert process.wait(30) == 0
        assert process.stdout is not None
        process.stdout.close()
    notes = store.get(1).notes
    assert len(notes) == len(set(notes)) == 150


def test_a_process_killed_while_writing_leaves_a_readable_history(tmp_path: Path) -> None:
    Store(tmp_path).create(PLAN, "iris")
    known = 0
    for turn in range(6):
        process = writer(tmp_path, f"turn{turn}", 100_000)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.05 + 0.017 * turn)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        store = Store(tmp_path)
        assert store.notices == []
        assert len(store.get(1).notes) > known
        known = len(store.get(1).notes)
        store.note(1, "still writable")
        known += 1


def test_a_damaged_file_is_kept_aside_and_the_last_good_copy_comes_back(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.create(PLAN, "iris")
    store.note(1, "first")
    store.note(1, "second")
    (tmp_path / "history.json").write_bytes(b'{"experiments": {"1": {"id"')
    again = Store(tmp_path)
    assert again.get(1).notes == ("first",)
    assert "restored" in again.notices[0]
    aside = list(tmp_path.glob("history.damaged-*"))
    assert [path.read_bytes() for path in aside] == [b'{"experiments": {"1": {"id"']
    (tmp_path / "history.json").write_bytes(b"[]")
    assert store.get(1).notes  # a store that was already open recovers as well
    assert len(list(tmp_path.glob("history.damaged-*"))) == 2


def test_without_a_good_copy_nothing_is_overwritten_and_the_way_out_is_told(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.create(PLAN, "iris")
    store.update(1, test={"accuracy": 0.9})
    store.settle(1, "completed")
    (tmp_path / "history.json").write_bytes(b"\x00\x01")
    (tmp_path / "history.json.bak").write_bytes(b"")
    with pytest.raises(ExperimentError, match="damaged") as caught:
        Store(tmp_path)
    assert "rebuilt from the run folders" in caught.value.hint
    assert (tmp_path / "history.json").read_bytes() == b"\x00\x01"
    (tmp_path / "history.json").unlink()  # what the hint says
    again = Store(tmp_path)
    assert again.get(1).test == {"accuracy": 0.9}
    assert "found again" in again.notices[0]
    assert again.create(PLAN, "iris").id == 2


def test_a_full_disk_changes_nothing(tmp_path: Path) -> None:
    script = """
import resource, signal, sys
from pathlib import Path
from tools.core.errors import ExperimentError
from tools.tracking.store import Store
store = Store(Path(sys.argv[1]))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
size = (Path(sys.argv[1]) / "history.json").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, size + 100))
try:
    store.note(1, "x" * 1000)
except ExperimentError as error:
    print(error)
print(len(store.get(1).notes))
"""
    Store(tmp_path).create(PLAN, "iris")
    run = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "could not be written" in run.stdout
    assert run.stdout.endswith("\n0\n")
    assert Store(tmp_path).get(1).notes == ()
    assert not list(tmp_path.glob(".*.tmp"))


def test_an_older_file_is_brought_up_to_date(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.create(PLAN, "iris")
    tables = orjson.loads((tmp_path / "history.json").read_bytes())
    (tmp_path / "history.json").write_bytes(orjson.dumps({"experiments": tables["experiments"]}))
    again = Store(tmp_path)
    assert again.get(1).dataset == "iris"
    assert again.create(PLAN, "iris").id == 2


def test_a_newer_file_is_left_alone(tmp_path: Path) -> None:
    Store(tmp_path)
    content = orjson.dumps({"experiments": {}, "meta": {"1": {"schema": 99, "next_id": 1}}})
    (tmp_path / "history.json").write_bytes(content)
    with pytest.raises(ExperimentError, match="newer version"):
        Store(tmp_path)
    assert (tmp_path / "history.json").read_bytes() == content


def test_one_damaged_entry_does_not_hide_the_others(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.create(PLAN, "iris")
    store.create(PLAN, "wine")
    tables = orjson.loads((tmp_path / "history.json").read_bytes())
    tables["experiments"]["1"] = {"id": 1}
    (tmp_path / "history.json").write_bytes(orjson.dumps(tables))
    again = Store(tmp_path)
    assert [record.id for record in again.list()] == [2]
    with pytest.raises(ExperimentError, match="damaged"):
        again.get(1)


def test_the_home_comes_from_the_argument_then_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOML_HOME", str(tmp_path / "env"))
    assert home_folder(tmp_path / "given") == tmp_path / "given"
    assert home_folder() == tmp_path / "env"
    (tmp_path / "file").write_text("")
    with pytest.raises(ExperimentError, match="cannot be used"):
        home_folder(tmp_path / "file" / "home")


def test_a_thousand_experiments_stay_quick(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.create(PLAN, "iris")
    tables = orjson.loads((tmp_path / "history.json").read_bytes())
    one = tables["experiments"]["1"]
    tables["experiments"] = {str(n): {**one, "id": n} for n in range(1, 1001)}
    tables["meta"]["1"]["next_id"] = 1001
    (tmp_path / "history.json").write_bytes(orjson.dumps(tables))
    began = time.process_time()
    for _ in range(10):
        store.update(1, trials=5)
    assert (time.process_time() - began) / 10 < 0.15  # about 0.01 s on a quiet machine
    assert len(store.list()) == 1000
