"""Offers: what a failed training could be mended with, and how the next message takes it up."""

from __future__ import annotations

from typing import Any

import pytest

from agent.lm.planner.dialogue import next_step
from agent.lm.planner.offers import remedies, taken
from agent.lm.planner.request import Call, Exchange, Task
from agent.lm.planner.understand import Tools
from tests.agent.test_planner import tools

__all__ = ["tools"]

TOO_SMALL: dict[str, Any] = {
    "ok": False,
    "code": "resource",
    "message": "No model can meet the limits: the smallest model takes 4.09 kB of 1 kB.",
    "hint": "Allow a size of at least 4.18 kB.",
}
WISH = {"dataset": "wine", "time_s": 15.0, "max_model_size": 1000}


def failed() -> Exchange:
    return Exchange(
        "train wine under 1 kB, 15 s", [Call("AutoMLWorkflow", dict(WISH), TOO_SMALL)], "No model can meet the limits.",
        ("Allow 4.18 kB", "Drop the size limit"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("said", "size"),
    [
        ("yes", 4180), ("do that", 4180), ("Yes, do that please", 4180), ("sounds good", 4180), ("go with that", 4180),
        ("the first one", 4180), ("the second option", None), ("let's do the latter", None),
    ],
)  # fmt: skip
def test_an_offer_is_taken_up(tools: Tools, said: str, size: int | None) -> None:
    step = next_step(Task({"context": "{}", "message": said}, ("answer",), [failed(), Exchange(said)], tools, ()))
    assert step.tool == "AutoMLWorkflow"
    assert step.args.get("max_model_size") == size
    assert step.args["dataset"] == "wine"


@pytest.mark.parametrize(
    "said",
    [
        "ok", "no", "thanks", "what do you mean?", "yes but in 5 kB", "the first experiment", "delete it", "cancel it",
        "stop it", "sure show experiments", "option 0", "try it on wine", "use iris",
    ],
)  # fmt: skip
def test_other_words_take_up_nothing(said: str) -> None:
    assert taken(said, failed()) is None


def test_a_failure_whose_choices_are_no_remedies_is_not_answered_by_a_yes() -> None:
    wrong = Call("AutoMLWorkflow", {"dataset": "x"}, {"ok": False, "code": "task", "message": "Which?", "hint": ""})
    assert taken("yes", Exchange("train", [wrong], "Which data?", ("iris", "wine"))) is None


def test_after_a_success_a_yes_takes_the_only_offer_and_never_one_of_several() -> None:
    done = Call("DatasetInspector", {"dataset": "wine"}, {"ok": True})
    one = Exchange("what is in wine?", [done], "Train a model that predicts class.", ("Train a model on wine",))
    assert taken("yes please", one) == "Train a model on wine"
    several = Exchange("what is in wine?", [done], "Go on.", ("Train a model on wine", "Show my experiments"))
    assert taken("yes please", several) is None
    assert taken("the first one", several) is None, "it may mean an experiment"


def test_a_failure_is_offered_the_least_that_would_do_or_no_limit(tools: Tools) -> None:
    assert remedies(Call("AutoMLWorkflow", dict(WISH), TOO_SMALL)) == ("Allow 4.18 kB", "Drop the size limit")
    ceiling = {"ok": False, "code": "resource", "message": "99 % accuracy cannot be reached.",
               "hint": "Ask for 89 % or less, or add columns."}  # fmt: skip
    wish = Call("AutoMLWorkflow", {"dataset": "wine", "min_accuracy": 0.99}, ceiling)
    allow, drop = remedies(wish)
    for words, least in ((allow, 0.89), (drop, None)):
        before = Exchange("train wine with 99 % accuracy", [wish], "It cannot be reached.", (allow, drop))
        step = next_step(Task({"context": "{}", "message": words}, ("answer",), [before, Exchange(words)], tools, ()))
        assert (step.tool, step.args.get("min_accuracy")) == ("AutoMLWorkflow", least)
    crash = {"ok": False, "code": "internal", "message": "the size of the model is unknown", "hint": ""}
    assert remedies(Call("AutoMLWorkflow", dict(WISH), crash)) == ()
