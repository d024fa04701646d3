"""A stored conversation becomes a suite that can be played."""

import pytest

from agent.session import Session
from evals.canned import canned_tools
from evals.from_session import export_session
from evals.runner import run_suite
from evals.suite import load_suite
from evals.worlds import build_world
from tools.core.errors import ExperimentError
from ui.cli import main


@pytest.fixture
def home(tmp_path):
    """A home folder in which somebody has talked."""
    world = build_world("three_experiments", tmp_path / "home", real=False)
    table = tmp_path / "small.csv"
    table.write_text("a,b\n" + "\n".join(f"{n},{n % 2}" for n in range(30)))
    session = Session(world, "talk", lm="planner", tools=canned_tools())
    list(session.run("What is in this file?", [table]))
    list(session.run("train on iris for 10 seconds, under 100 kB"))
    list(session.run("delete experiment 2"))
    list(session.run("no"))
    return world.home


def test_calls_become_expectations_that_hold(home, tmp_path):
    suite = tmp_path / "suite.yaml"
    suite.write_text(export_session(home, "talk"), encoding="utf-8")
    [conversation] = load_suite(suite)
    assert conversation.setup == "three_experiments"
    first, second, third, fourth = conversation.turns
    assert (first.attach, first.expect.tool) == (("small.csv",), "DatasetInspector")
    assert second.expect.tool == "AutoMLWorkflow"
    assert second.expect.args == {"dataset": "iris", "time_s": 10.0, "max_model_size": 100000}
    assert (third.expect.no_tool, third.expect.asks_for) == (True, "confirmation")
    assert fourth.expect.no_tool
    report = run_suite(suite, data_dir=home / "uploads" / "talk")
    assert report["misses"] == []


def test_the_command_writes_a_file_once(home, tmp_path, capsys):
    suite = tmp_path / "mine.yaml"
    words = ["evals", "from-session", "talk", "-o", str(suite), "--home", str(home)]
    assert main(words) == 0
    assert "--data-dir" in capsys.readouterr().err
    assert len(load_suite(suite)) == 1
    assert main(words) == 1
    assert "there already" in capsys.readouterr().err


def test_the_command_prints_without_a_file(home, capsys):
    assert main(["evals", "from-session", "talk", "--home", str(home)]) == 0
    assert "id: session-talk" in capsys.readouterr().out


def test_an_unknown_session_is_named(home):
    with pytest.raises(ExperimentError, match="no conversation 'gone'"):
        export_session(home, "gone")
