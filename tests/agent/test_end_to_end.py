"""A whole conversation on real data with the real tools: by the planner, and by a model over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.events import Answer, ArtifactReady, Event, ToolFinished, ToolProgress
from agent.session import Session
from tests.agent.openai_server import MALFORMED, RATE_LIMITED, Script, call, serve, submit

ASKED = "Train a classifier on wine, 20 seconds, under 200 kB, then tell me how good it is"


def check(events: list[Event], session: Session) -> None:
    done = [event for event in events if isinstance(event, ToolFinished)]
    assert [(event.name, event.ok) for event in done] == [("AutoMLWorkflow", True), ("ModelEvaluator", True)]
    assert done[0].result["test"]["accuracy"] >= 0.8
    assert all(limit["met"] for limit in done[0].result["constraints"])
    assert any(isinstance(event, ToolProgress) and event.event.kind == "progress" for event in events)
    assert any(isinstance(event, ArtifactReady) and event.artifact.kind == "bundle" for event in events)
    assert isinstance(events[-1], Answer)
    assert session.memory.current_experiment == 1


@pytest.mark.slow
def test_with_no_key_and_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUTOML_LM", raising=False)
    session = Session(tmp_path)
    events = list(session.run(ASKED))
    check(events, session)
    assert isinstance(events[-1], Answer)
    assert "accuracy" in events[-1].text.lower()
    later = list(Session(tmp_path, session_id=session.id).run("which was best?"))
    assert isinstance(later[-1], Answer)
    assert "xperiment 1" in later[-1].text


@pytest.mark.slow
def test_through_a_model_over_http_with_a_429_and_a_malformed_reply(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = Script(
        RATE_LIMITED,
        call("AutoMLWorkflow", dataset="wine", task="classification", time_s=20, max_model_size=200_000),
        MALFORMED,
        call("ModelEvaluator"),
        submit("Here it is."),
    )
    with serve(script) as base:
        monkeypatch.setenv("AUTOML_LM", "openai/gpt-4o-mini")
        monkeypatch.setenv("AUTOML_API_BASE", base)
        session = Session(tmp_path)
        events = list(session.run(ASKED))
    check(events, session)
    assert len(script.requests) == 5
