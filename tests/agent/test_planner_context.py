"""What the planner makes of words in the light of what was said, made and attached before."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.consent import said
from agent.lm.planner.acts import Act
from agent.lm.planner.dialogue import next_step
from agent.lm.planner.request import SUBMIT, Call, Exchange, Task
from agent.lm.planner.state import State
from agent.lm.planner.understand import Tools, understand
from agent.lm.planner.world import Model
from tests.agent.test_planner import tools, world

__all__ = ["tools"]

MODEL = Model(2, "churned", ("age", "monthly_charges"))
FLOWER = ("sepal_length", "sepal_width", "petal_length", "petal_width")


def act(text: str, known: Tools, state: State | None = None, **changes: Any) -> tuple[str, dict[str, Any]]:
    (found,) = understand(text, world(**changes), known, state).acts
    return found.intent, found.args


@pytest.mark.parametrize(
    ("text", "args"),
    [
        (
            "predict churned, but don't use monthly_charges",
            {"target": "churned", "ignore_columns": ["monthly_charges"]},
        ),
        ("train on churn.csv with everything but age, target churned", {"ignore_columns": ["age"]}),
        ("predict churned and leave age out", {"ignore_columns": ["age"]}),
        ("predict churned without tenure and age", {"target": "churned", "ignore_columns": ["tenure", "age"]}),
        ("predict churned. age and monthly_charges must not be used", {"ignore_columns": ["age", "monthly_charges"]}),
    ],
)
def test_columns_that_are_not_to_be_used(tools: Tools, text: str, args: dict[str, Any]) -> None:
    intent, found = act(text, tools, last_training=None)
    assert intent == "train"
    assert args.items() <= found.items()


@pytest.mark.parametrize(
    ("before", "text", "args"),
    [
        (("constraints", "ResourceConstraintChecker", {"experiment": 2, "max_model_size": 32_000}),
         "what if it were 20?", {"experiment": 2, "max_model_size": 20_000}),
        (("evaluate", "ModelEvaluator", {"experiment": 3, "report": "errors"}), "and the 2nd?",
         {"experiment": 2, "report": "errors"}),
        (("history.plot", "ExperimentTracker", {"action": "plot", "experiments": [2]}), "same for digits",
         {"action": "plot", "experiments": [3]}),
    ],
)  # fmt: skip
def test_a_new_value_alone_means_the_last_wish(
    tools: Tools, before: tuple[str, str, dict[str, Any]], text: str, args: dict[str, Any]
) -> None:
    state = State(Act(*before), message="does it stay under 32 kB?")
    assert act(text, tools, state) == (before[0], args)


def test_limits_that_were_checked_are_met_on_request(tools: Tools) -> None:
    state = State(Act("constraints", "ResourceConstraintChecker", {"experiment": 1, "max_model_size": 15_000}))
    assert act("ok, do that", tools, state) == ("train", {"dataset": "iris", "max_model_size": 15_000})


@pytest.mark.parametrize(
    "text",
    [
        "sepal length 5 sepal width 3.4 petal length 1.5 petal width 0.2 what flower",
        "I measured one: the sepal is 5 long and 3.4 wide, the petal 1.5 long and 0.2 wide. Which species can it be?",
    ],
)
def test_values_said_by_the_names_that_the_model_knows(tools: Tools, text: str) -> None:
    intent, args = act(text, tools, models=(Model(1, "species", FLOWER),))
    assert (intent, args["experiment"]) == ("predict", 1)  # and not the current one, which knows no such names
    assert (intent, args["inputs"]) == ("predict", [dict(zip(FLOWER, (5, 3.4, 1.5, 0.2), strict=True))])


def test_a_file_without_the_target_is_for_the_model(tools: Tools) -> None:
    columns = {"new.csv": ("age", "monthly_charges"), "churn.csv": ("age", "monthly_charges", "churned")}
    facts = {"columns": columns, "attached": ("new.csv",), "models": (MODEL,)}
    intent, args = act("two more came in this week, put an estimate on each", tools, **facts)
    assert (intent, args["dataset"]) == ("predict", "new.csv")
    labelled = {**facts, "attached": ("churn.csv",)}
    assert not world(**labelled).new_rows
    assert world(**facts).new_rows == MODEL


@pytest.mark.parametrize(
    ("text", "time_s"),
    [
        ("wine in four minutes, no, better six", 360.0),
        ("train wine 2 min no wait 1 min no wait make it 90 seconds final answer", 90.0),
        ("homework is due in like 20 min. train on wine, 2 mins tops", 120.0),
    ],
)
def test_the_time_that_is_meant(tools: Tools, text: str, time_s: float) -> None:
    assert act(text, tools, last_training=None)[1]["time_s"] == time_s


def test_weights_belong_to_the_goals_beside_them(tools: Tools) -> None:
    text = "tiny model on wine; latency is the primary objective at 0.6, accuracy secondary at 0.4"
    assert {"primary": "latency", "secondary": "accuracy", "weights": [0.6, 0.4]}.items() <= act(text, tools)[1].items()


def test_what_a_question_interrupted_is_done_after_the_yes(tools: Tools) -> None:
    question = Exchange("cancel this run and train on iris with 20 kB at most", answer="Shall I cancel it?")
    cancel = {"action": "cancel", "job": 1}
    question.calls = [Call("JobControl", cancel, {"ok": False, "code": "needs_confirmation", "message": "Cancel?"})]
    facts = {
        "samples": ["iris"], "experiments": [{"id": 1, "dataset": "iris", "status": "running"}],
        "current_experiment": 1, "waiting_for_yes": {"tool": "JobControl", "args": cancel, "user_said": "yes"},
    }  # fmt: skip
    yes = Exchange("yes")
    task = Task({"context": json.dumps(facts)}, (SUBMIT,), [question, yes], tools, ())
    first = next_step(task)
    assert (first.tool, first.args) == ("JobControl", cancel)
    yes.calls = [Call("JobControl", cancel, {"ok": True, "summary": "Cancelled."})]
    then = next_step(task)
    assert then.tool == "AutoMLWorkflow"
    assert {"dataset": "iris", "max_model_size": 20_000}.items() <= then.args.items()


def test_what_would_do_is_told_to_who_asks(tools: Tools) -> None:
    failed = Exchange("train iris under 200 bytes", answer="Nothing is that small.")
    hint = "Allow a size of at least 1.5 kB."
    result = {"ok": False, "code": "resource", "message": "No model has a size of 200 bytes.", "hint": hint}
    failed.calls = [Call("AutoMLWorkflow", {"dataset": "iris", "max_model_size": 200}, result)]
    asked = Exchange("what would be the smallest size that could work?")
    step = next_step(Task({"context": "{}"}, (SUBMIT,), [failed, asked], tools, ()))
    assert (step.tool, step.args["answer"]) == (SUBMIT, hint)


@pytest.mark.parametrize(
    ("text", "meant"), [("ffs YES", "yes"), ("ye", "yes"), ("n", "no"), ("n now wine", None), ("y tho", None)]
)
def test_short_and_rough_answers(text: str, meant: str | None) -> None:
    assert said(text) == meant
