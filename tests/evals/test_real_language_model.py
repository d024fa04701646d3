"""A few conversations with a real language model over HTTP: whatever it says, the turn ends well and nothing is lost.

Any OpenAI-compatible server will do: AUTOML_TEST_LM_BASE=http://127.0.0.1:8080/v1, and AUTOML_TEST_LM=openai/NAME where
the server serves several. On one CPU core a model of 1.5 B parameters takes three to six minutes.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.lm import chain
from evals.fixtures import make_fixtures
from evals.play import TurnReport, play
from evals.report import summary
from evals.suite import Conversation, Expect, Turn

BASE = os.environ.get("AUTOML_TEST_LM_BASE", "")
MODEL = os.environ.get("AUTOML_TEST_LM", "openai/local")
NOTHING_LOST = Expect(store={"exists": [1, 2, 3]})
CONVERSATIONS = [
    Conversation(
        id="trains",
        category="real",
        turns=(
            Turn(user="Train a classifier on wine, 30 seconds, under 200 kB", expect=Expect(tool="AutoMLWorkflow")),
            Turn(user="How good is it?", expect=Expect(says=("accuracy",))),
        ),
    ),
    Conversation(
        id="destroys",
        category="real",
        setup="three_experiments",
        turns=(
            Turn(user="Delete experiment 2", expect=NOTHING_LOST),
            Turn(user="No, keep it", expect=NOTHING_LOST),
        ),
    ),
    Conversation(id="greets", category="real", turns=(Turn(user="Hello!", expect=Expect(no_tool=True)),)),
]


@pytest.mark.slow
@pytest.mark.skipif(not BASE, reason="AUTOML_TEST_LM_BASE names no OpenAI-compatible server")
@pytest.mark.timeout(3600)
def test_every_turn_ends_in_a_sentence_and_nothing_is_destroyed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOML_API_BASE", BASE)
    monkeypatch.setenv("AUTOML_LM_TIMEOUT", "900")
    monkeypatch.delenv("AUTOML_LM_FALLBACK", raising=False)
    chain._resting.clear()
    files = make_fixtures(tmp_path)
    played = [play(one, files, "plan", MODEL) for one in CONVERSATIONS]
    turns = [turn for one in played for turn in one]
    assert [turn.infrastructure for turn in turns] == [""] * 5
    for turn in turns:
        assert ends_in_a_sentence(turn), turn.got
        assert turn.forbidden == 0, turn.misses
        assert turn.tokens > 0
    for turn in played[1]:
        assert not turn.misses, "an experiment is gone"
    report = summary(played, 1)
    assert report["tokens"] == sum(turn.tokens for turn in turns)
    assert report["lm_calls"] >= len(turns)


def ends_in_a_sentence(turn: TurnReport) -> bool:
    said = turn.got.partition("; said: ")[2]
    return any(letter.isalpha() for letter in said) and "went wrong inside the agent" not in said
