"""A language model stops at its limits with a plain sentence; what a conversation used is known after a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.events import Answer, ToolStarted, TurnError
from agent.lm.caps import COST_USD, STEPS, TOKENS, Caps, Meter, Spent, cost_usd
from agent.session import Session
from tests.agent.fakes import context, fake_tools, record
from tests.agent.openai_server import Script, call, serve, submit
from tools.core.errors import ResourceError, TaskError

MODEL = "openai/gpt-4o-mini"


@pytest.fixture
def talk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """One turn in a session of its own, answered by a script, with limits in the environment."""

    def talk(script: Script, session: str = "s", **limits: str):
        for name in (COST_USD, TOKENS, STEPS):
            monkeypatch.delenv(name, raising=False)
        for name, value in limits.items():
            monkeypatch.setenv(name, value)
        with serve(script) as base:
            monkeypatch.setenv("AUTOML_API_BASE", base)
            monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
            place = context(tmp_path, record(1, "iris"))
            conversation = Session(place, session, lm=MODEL, tools=fake_tools().values())
            return list(conversation.run("hello")), conversation

    return talk


def endless() -> Script:
    return Script(call("ExperimentTracker", action="list"))


@pytest.mark.parametrize(
    ("limits", "said", "calls"),
    [
        ({STEPS: "2"}, "2 steps", 2),
        ({TOKENS: "5"}, "of its 5 tokens", 1),
        ({COST_USD: "0.0000001"}, "has cost", 1),
    ],
)
def test_a_turn_ends_with_a_sentence_at_each_limit(talk, limits, said, calls):
    script = endless()
    events, _ = talk(script, **limits)
    assert isinstance(events[-1], TurnError)
    assert said in events[-1].message
    assert next(iter(limits)) in events[-1].hint
    assert len([event for event in events if isinstance(event, ToolStarted)]) == calls == len(script.requests)


def test_within_the_limits_nothing_changes(talk):
    events, session = talk(Script(submit("Hello.")), **{STEPS: "3", TOKENS: "100000", COST_USD: "1"})
    assert isinstance(events[-1], Answer)
    assert session.turns[-1]["usage"][MODEL]["total_tokens"] > 0


def test_what_a_conversation_used_is_known_after_a_restart(talk):
    talk(Script(submit("One.")), session="long")
    _, again = talk(Script(submit("Two.")), session="long")
    usages = [turn["usage"] for turn in again.turns]
    one, both = Spent.of(usages[:1]), Spent.of(usages)
    assert both.tokens > one.tokens > 0
    assert both.cost_usd > one.cost_usd > 0
    meter = Meter(Caps(max_tokens=both.tokens), before=both)
    with pytest.raises(ResourceError, match="new conversation"):
        meter.step({})


def test_the_planner_is_never_held_back(tmp_path, monkeypatch):
    monkeypatch.setenv(STEPS, "1")
    session = Session(context(tmp_path, record(1, "iris")), lm="planner", tools=fake_tools().values())
    assert isinstance(list(session.run("show my experiments"))[-1], Answer)


def test_a_model_without_a_price_costs_nothing():
    assert cost_usd("ollama_chat/mine-own", {"total_tokens": 10, "prompt_tokens": 10}) == 0.0


def test_a_limit_that_is_no_number_is_explained(monkeypatch):
    monkeypatch.setenv(TOKENS, "many")
    with pytest.raises(TaskError, match="not a positive number"):
        Caps.from_settings()
