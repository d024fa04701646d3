"""Optimised instructions: found over HTTP from a scripted model, saved, and used by conversations."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from agent import program
from agent.session import Session
from evals import optimise
from tests.agent.fakes import context
from tests.agent.openai_server import Reply, Script, call, serve, submit
from tools.core.errors import TaskError

BETTER = "Always look at the data before you answer."
SUITE = """
- {id: a1, category: inspect, turns: [{user: "what is in iris?", expect: {tool: DatasetInspector}}]}
- {id: a2, category: inspect, turns: [{user: describe wine, expect: {tool: DatasetInspector}}]}
- {id: a3, category: inspect, turns: [{user: look at digits, expect: {tool: DatasetInspector}}]}
- {id: a4, category: inspect, turns: [{user: show me diabetes, expect: {tool: DatasetInspector}}]}
"""


def model(body: dict[str, Any]) -> Reply:
    """Looks at data only when its instructions say so; asked to write instructions, it writes those."""
    messages = json.dumps(body["messages"])
    if not body.get("tools"):
        return Reply(text=f"```\n{BETTER}\n```")
    looked = body["messages"][-1]["role"] == "tool"  # the dialogue begins with an example that has such messages too
    if BETTER in messages and not looked:
        return call("DatasetInspector", dataset="iris")
    return submit("It holds flowers.")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Any:
    script = Script(model)
    with serve(script) as base:
        monkeypatch.setenv("AUTOML_API_BASE", base)
        yield script


@pytest.mark.slow
def test_better_instructions_are_found_saved_and_used(
    server: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    suite, home = tmp_path / "suite.yaml", tmp_path / "home"
    suite.write_text(SUITE)
    words = ["--lm", "openai/gpt-4o-mini", "--suite", str(suite), "--learn", "2", "--judge", "2", "--plays", "12"]
    monkeypatch.setattr("sys.argv", ["optimise", *words, "--home", str(home)])
    optimise.main()
    assert "0.0% with the written instructions, 100.0% now" in capsys.readouterr().out
    saved = json.loads((home / program.FILE).read_text())
    assert saved["instructions"] == BETTER
    assert (saved["lm"], saved["before"], saved["after"]) == ("openai/gpt-4o-mini", 0.0, 1.0)
    server.requests.clear()
    list(Session(context(home), lm="openai/gpt-4o-mini").run("what is in iris?"))
    assert BETTER in json.dumps(server.requests[0]["messages"])
    assert "You are AutoML Agent" not in json.dumps(server.requests[0]["messages"])


def test_a_damaged_program_is_told_in_the_log_and_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert program.instructions(tmp_path) is None
    (tmp_path / program.FILE).write_text("{")
    with caplog.at_level(logging.WARNING):
        assert program.instructions(tmp_path) is None
    assert "cannot be read and is not used" in caplog.text


def test_the_planner_has_nothing_to_optimise() -> None:
    with pytest.raises(TaskError, match="no instructions to optimise"):
        optimise.optimise("planner", "planner", optimise.SUITE, 1, 1, 1, 0)
