import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.ui.records import make_failed, make_finished
from tools.core.records import ExperimentRecord
from tools.tracking.store import Store
from ui.cli import hoist_home, main

Json = Callable[..., Any]
Line = Callable[..., tuple[int, str, str]]


def test_help_is_quick_and_names_every_command() -> None:
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "ui.cli", "--help"], capture_output=True, text=True, check=True)
    assert time.monotonic() - began < 3.0  # about 0.3 s when the machine is free
    for command in ("serve", "chat", "run", "experiments", "convert", "predict", "jobs", "evals", "doctor"):
        assert command in done.stdout


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from ui.cli import main; main(['run', '--help']);"
        "print([m for m in ('torch', 'gradio', 'dspy', 'litellm', 'pandas', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")


@pytest.mark.parametrize(
    "words",
    [
        ("run",),
        ("run", "wine", "--dataset", "iris"),
        ("run", "iris", "--time", "soon"),
        ("run", "--dataset", "iris", "--max-model-size", "tiny"),
        ("run", "--dataset", "iris", "--weights", "1"),
        ("run", "--dataset", "iris", "--weights", "0,0"),
        ("run", "--dataset", "iris", "--weights", "nan,1"),
        ("experiments", "show"),
        ("frobnicate",),
    ],
)
def test_wrong_usage_ends_with_two_and_one_json_error(words: tuple[str, ...], cli_json: Json) -> None:
    error = cli_json(*words, code=2)["error"]
    assert set(error) == {"type", "message", "hint"}
    assert error["message"]


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--dataset", "no_such.csv"),
        ("run", "--dataset", "iris", "--time", "0"),
        ("run", "--dataset", "iris", "--metric", "beauty"),
        ("experiments", "show", "99"),
        ("experiments", "show", "first"),
        ("experiments", "best"),
        ("jobs", "status", "99"),
        ("jobs", "cancel", "x"),
        ("evals", "run", "README.md"),
        ("convert",),
        ("predict", "99", "x.csv"),
        ("predict", "no_such_bundle", "x.csv"),
        ("chat",),
        ("chat", "-m", "hello", "--attach", "no_such.csv"),
    ],
)
def test_failures_end_with_one_and_say_what_to_do(words: tuple[str, ...], cli_json: Json) -> None:
    error = cli_json(*words, code=1)["error"]
    assert set(error) == {"type", "message", "hint"}
    assert error["message"].endswith(".")
    assert error["hint"]


def test_failures_without_json_go_to_stderr(cli: Line) -> None:
    code, out, err = cli("experiments", "show", "99")
    assert (code, out) == (1, "")
    assert err.startswith("Error: ")
    assert "Traceback" not in err


def test_home_may_stand_anywhere() -> None:
    assert hoist_home(["jobs", "list", "--home=/x", "--json"]) == ["--home=/x", "jobs", "list", "--json"]
    assert hoist_home(["chat", "-m", "a", "--", "--home", "b"]) == ["chat", "-m", "a", "--", "--home", "b"]


def test_an_empty_history_lists_as_an_empty_array(cli: Line, cli_json: Json) -> None:
    assert cli_json("experiments", "list") == []
    assert cli_json("jobs", "list") == []
    assert "automl-agent run" in cli("experiments", "list")[1]


def test_list_filters_and_shows_numbers(cli: Line, cli_json: Json, store: Store, finished: ExperimentRecord) -> None:
    make_failed(store)
    rows = cli_json("experiments", "list")
    assert [row["experiment"] for row in rows] == [1, 2]
    assert rows[0]["test"]["accuracy"] == 0.967
    assert [row["experiment"] for row in cli_json("experiments", "list", "--status", "failed")] == [2]
    assert [row["experiment"] for row in cli_json("experiments", "list", "--dataset", "iris")] == [1]
    _, out, _ = cli("experiments", "list")
    assert "0.967" in out
    assert "churn.csv" in out


def test_best_and_compare(cli_json: Json, store: Store, finished: ExperimentRecord) -> None:
    make_finished(store, accuracy=0.98)
    assert cli_json("experiments", "best")["experiment"] == 2
    compared = cli_json("experiments", "compare", "1", "2")
    assert [row["experiment"] for row in compared["experiments"]] == [1, 2]
    assert compared["summary"]


def test_delete_needs_a_yes(cli: Line, cli_json: Json, store: Store, finished: ExperimentRecord) -> None:
    assert "--yes" in cli_json("experiments", "delete", "1", code=1)["error"]["hint"]
    assert store.has(1)
    assert cli_json("experiments", "delete", "1", "--yes") == {"deleted": [1]}
    assert not store.has(1)


def test_delete_of_several_deletes_none_when_one_is_missing(cli_json: Json, store: Store, finished: Any) -> None:
    cli_json("experiments", "delete", "1", "99", "--yes", code=1)
    assert store.has(1)


def test_predict_says_when_an_experiment_has_no_model(cli_json: Json, store: Store) -> None:
    make_failed(store)
    assert "has no model" in cli_json("predict", "1", "x.csv", code=1)["error"]["message"]


def test_chat_prints_the_agreed_object_and_goes_on_with_a_session(cli_json: Json) -> None:
    first = cli_json("chat", "-m", "what is in iris?")
    assert set(first) == {"session", "turns"}
    turn = first["turns"][0]
    assert set(turn) == {"user", "tool_calls", "notices", "answer", "seconds"}
    assert turn["user"] == "what is in iris?"
    assert [call["name"] for call in turn["tool_calls"]] == ["DatasetInspector"]
    assert set(turn["tool_calls"][0]) == {"name", "args", "ok", "result"}
    assert turn["answer"]
    again = cli_json("chat", "-m", "show my experiments", "--session", first["session"])
    assert again["session"] == first["session"]


def test_chat_reads_an_attachment(cli_json: Json, tmp_path: Path) -> None:
    data = tmp_path / "churn.csv"
    rows = "\n".join(f"{i},{i % 7},{'yes' if i % 3 else 'no'}" for i in range(40))
    data.write_text(f"age,visits,churned\n{rows}\n", encoding="utf-8")
    turn = cli_json("chat", "-m", "what is in this file?", "--attach", str(data))["turns"][0]
    assert turn["tool_calls"][0]["ok"], turn
    assert "churned" in json.dumps(turn)


def test_doctor_names_what_it_found(cli_json: Json, capsys: pytest.CaptureFixture[str]) -> None:
    checks = {check["name"]: check for check in cli_json("doctor")["checks"]}
    assert set(checks) == {
        "Python", "torch", "CPU", "Memory", "Home folder", "History", "Language model", "Packages",
    }  # fmt: skip
    assert "device" in checks["torch"]["found"]
    assert all(check["advice"] for check in checks.values() if check["status"] != "ok")


def test_doctor_tells_of_a_home_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way", encoding="utf-8")
    code = main(["--home", str(blocked / "home"), "doctor", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert code == 1
    assert not told["ok"]
    assert next(check for check in told["checks"] if check["name"] == "Home folder")["advice"]


def test_a_turn_in_json_tells_its_notices(cli: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOML_LM", "foo")
    code, out, err = cli("chat", "-m", "what is in iris?", "--session", "nosuch", "--json")
    notices = json.loads(out)["turns"][0]["notices"]
    assert code == 0
    assert len(notices) == 1
    assert notices[0] in err
    assert notices[0].endswith("unset AUTOML_LM.")
    assert "There is no conversation 'nosuch' yet" in err


def test_a_chat_whose_last_tool_call_failed_ends_with_one(cli_json: Json) -> None:
    turn = cli_json("chat", "-m", "show experiment 7", code=1)["turns"][0]
    assert not turn["tool_calls"][-1]["ok"]
    assert turn["answer"]


def test_filters_that_nothing_fits_are_not_taken_for_an_empty_history(
    cli: Line, cli_json: Json, finished: ExperimentRecord
) -> None:
    assert "No experiment fits" in cli("experiments", "list", "--dataset", "nope")[1]
    assert cli_json("experiments", "list", "--dataset", "nope") == []
    assert "completed" in cli_json("experiments", "list", "--status", "done", code=2)["error"]["message"]


def test_a_metric_that_does_not_exist_is_told_with_those_that_do(cli_json: Json, finished: ExperimentRecord) -> None:
    error = cli_json("experiments", "best", "--metric", "foo", code=1)["error"]
    assert error["message"] == "There is no metric called 'foo'."
    assert "accuracy" in error["hint"]


def test_a_no_to_deleting_leaves_everything(
    cli: Line, store: Store, finished: ExperimentRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", lambda question: False)
    code, out, _ = cli("experiments", "delete", "1")
    assert (code, out) == (0, "Nothing was deleted.\n")
    assert store.has(1)


def test_a_report_in_a_pipe_has_no_backslashes(cli: Line, store: Store, finished: ExperimentRecord) -> None:
    store.note(1, "under_score and [brackets]")
    assert "under_score and [brackets]" in cli("experiments", "show", "1")[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "--dataset", "irs"), "Did you mean 'iris'? Give the path of a file"),
        (("run", "--dataset", "iris", "--max-model-size", "0"), "'--max-model-size' must be greater than 0"),
        (("run", "--dataset", "iris", "--min-accuracy", "95"), "for 95 % write 0.95"),
        (("run", "--dataset", "iris", "--folds", "x"), "'--folds': it must be a whole number."),
        (("run", "--dataset", "iris", "--max-latency-ms", "x"), "it must be a number."),
        (("jobs", "status", "99"), "There is no job 99."),
        (("jobs", "cancel", "x"), "'x' is not a job."),
        (("serve", "--host", "999.1.1.1"), "'999.1.1.1' is not an address of this machine."),
    ],
)
def test_errors_speak_of_what_the_user_wrote(words: tuple[str, ...], said: str, cli: Line) -> None:
    assert said in cli(*words)[2]


def test_a_file_with_nearly_this_name_is_suggested(cli: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("customers.csv").write_text("a,b\n")
    assert "Did you mean 'customers.csv'?" in cli("run", "--dataset", "customer.csv")[2]


def test_a_busy_port_is_told_at_once_in_one_sentence(cli: Line) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, _, err = cli("serve", "--port", str(port))
    assert code == 1
    assert err.startswith(f"Error: Port {port} is taken by another program.\n  Choose a free one")
