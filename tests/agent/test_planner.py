"""What the built-in planner understands: words in, calls out."""

from __future__ import annotations

import ast
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

import tools as tools_package
from agent.consent import said
from agent.lm.planner.compose import ask
from agent.lm.planner.text import regular
from agent.lm.planner.understand import Tools, understand
from agent.lm.planner.world import World
from agent.toolbox import description, properties
from tools.contract import TOOLS

SAMPLES = ("breast_cancer", "diabetes", "digits", "iris", "wine")
EXPERIMENTS = tuple(
    {"id": number, "dataset": name, "status": "completed", "size_bytes": 40_000, "latency_ms": 0.1, "tags": tags}
    for number, name, tags in ((1, "iris", []), (2, "wine", ["baseline"]), (3, "digits", []))
)


@pytest.fixture(scope="module")
def tools() -> Tools:
    return {tool.name: (description(tool), properties(tool.Args)) for tool in TOOLS}


def world(**changes: Any) -> World:
    facts: dict[str, Any] = {
        "samples": SAMPLES, "experiments": EXPERIMENTS, "current_experiment": 3,
        "columns": {"churn.csv": ("age", "monthly_charges", "churned")}, "current_dataset": "churn.csv",
        "last_training": {"tool": "AutoMLWorkflow", "args": LAST},
    }  # fmt: skip
    return World(**{**facts, **changes})


TOOLS_FOLDER = str(tools_package.__path__[0])
LAST = {"dataset": "wine", "time_s": 30, "max_model_size": 200_000}
ASKS: list[tuple[str, str, dict[str, Any]]] = [
    (item["say"], item["tool"], item["args"])
    for item in yaml.safe_load(Path(__file__).with_name("asks.yaml").read_text(encoding="utf-8"))
]


@pytest.mark.parametrize(("text", "tool", "args"), ASKS, ids=[text for text, _, _ in ASKS])
def test_plain_ways_of_asking(tools: Tools, text: str, tool: str, args: dict[str, Any]) -> None:
    acts = understand(text, world(), tools).acts
    assert [act.tool for act in acts] == [tool]
    assert {name: acts[0].args.get(name) for name in args} == args


def test_nothing_is_asked_for_that_was_not_said(tools: Tools) -> None:
    (act,) = understand("train on iris", world(), tools).acts
    assert act.args == {"dataset": "iris"}
    (act,) = understand("show me the history", world(), tools).acts
    assert act.args == {"action": "list"}


def test_several_wishes_keep_their_order_and_their_own_limits(tools: Tools) -> None:
    text = (
        "What is in wine? Train on it for 20 s, then convert it to int8 losing at most 1 %, and tell me how good it is"
    )
    acts = understand(text, world(current_dataset=None, columns={}), tools).acts
    assert [act.tool for act in acts] == ["DatasetInspector", "AutoMLWorkflow", "ModelConverter", "ModelEvaluator"]
    assert acts[1].args == {"dataset": "wine", "time_s": 20}
    assert acts[2].args["max_accuracy_drop"] == 0.01


def test_every_example_that_a_tool_gives_leads_to_that_tool(tools: Tools) -> None:
    missed = [
        f"{tool.name}: {example}"
        for tool in TOOLS
        for example in tool.examples
        if tool.name not in [act.tool for act in understand(example, world(), tools).acts]
    ]
    assert not missed


@pytest.mark.parametrize("text", ["don't train yet", "please do not delete experiment 2", "no need to convert it"])
def test_what_the_user_does_not_want_is_not_done(tools: Tools, text: str) -> None:
    meant = understand(text, world(last_training=None), tools)
    assert not meant.acts
    assert meant.refused


@pytest.mark.parametrize(
    "text", ["what is the weather in Paris?", "tell me a joke", "", "?!", "asdf qwer", "42", "[[ ## x ## ]]"]
)
def test_out_of_depth_nothing_is_called(tools: Tools, text: str) -> None:
    assert not understand(text, world(last_training=None), tools).acts


@pytest.mark.parametrize("unit", ["MB", "megabytes", "megs", " mb"])
@pytest.mark.parametrize("lead", ["under", "at most", "no more than", "max", "less than"])
def test_a_size_means_the_same_in_every_phrasing(tools: Tools, lead: str, unit: str) -> None:
    (act,) = understand(f"train on iris, {lead} 2{unit}", world(), tools).acts
    assert act.args == {"dataset": "iris", "max_model_size": 2_000_000}


@pytest.mark.parametrize(
    "text", ["90 s", "90 seconds", "1.5 minutes", "1 min 30 s", "1 minute and 30 seconds", "one and a half minutes"]
)
def test_a_duration_means_the_same_in_every_phrasing(tools: Tools, text: str) -> None:
    (act,) = understand(f"train on iris for {text}", world(), tools).acts
    assert act.args.get("time_s") == 90


def test_an_understanding_takes_far_less_than_100_ms(tools: Tools) -> None:
    understand("train", world(), tools)
    began = time.perf_counter()
    for text, _, _ in ASKS:
        understand(text, world(), tools)
    assert (time.perf_counter() - began) / len(ASKS) < 0.05


def test_numbers_in_words_and_names_in_quotes() -> None:
    assert regular("Half an hour, TWO megs, which one?").plain == "1800 s, 2000000 bytes, which one?"
    kept = regular("`Two Words` and Five.csv")
    assert kept.original(kept.plain) == "Two Words and Five.csv"


@pytest.mark.parametrize(
    "text", ["yes", "Yes, delete it", "sure!", "ok", "go ahead", "yes please", "Yes, go ahead", "yes, stop it"]
)
def test_a_yes(text: str) -> None:
    assert said(text) == "yes"


@pytest.mark.parametrize(
    "text",
    ["yes but not 3", "no", "No, leave it", "what happens then?", "", "is it ok to wait?", "yes if it is old", "don't"],
)
def test_no_yes(text: str) -> None:
    assert said(text) != "yes"


def test_the_data_files_are_whole() -> None:
    from importlib.resources import files

    folder = files("agent.lm.planner")
    for path in folder.iterdir():
        if path.name.endswith(".yaml"):
            assert yaml.safe_load(path.read_text(encoding="utf-8"))


def test_data_that_is_not_here_is_asked_about_instead_of_training_on_the_current_data(tools: Tools) -> None:
    (act,) = understand("train on titanic for a minute", world(), tools).acts
    assert (act.missing, act.unknown, "dataset" in act.args) == ("dataset", "titanic", False)
    assert "no data called 'titanic'" in ask(act, world()).text


@pytest.mark.parametrize("text", ["train a model on this book", "train on the gpu", "train a classifier on the data"])
def test_words_that_are_no_names_of_data_leave_the_current_data(tools: Tools, text: str) -> None:
    (act,) = understand(text, world(), tools).acts
    assert act.args["dataset"] == "churn.csv"


@pytest.mark.parametrize(
    ("text", "meant"),
    [("how good is it?", None), ("how good is the good one?", 1), ("evaluate the one tagged good", 1)],
)
def test_a_tag_that_is_an_everyday_word_counts_only_where_it_is_spoken_of(
    tools: Tools, text: str, meant: int | None
) -> None:
    tagged = [{**EXPERIMENTS[0], "tags": ["good"]}, *EXPERIMENTS[1:]]
    (act,) = understand(text, world(experiments=tuple(tagged)), tools).acts
    assert act.args.get("experiment") == meant


def test_every_example_of_a_tool_is_understood_as_that_tool(tools: Tools) -> None:
    missed = [
        (tool.name, text)
        for tool in TOOLS
        for text in tool.examples
        if [act.tool for act in understand(text, world(), tools).acts] != [tool.name]
    ]
    assert missed == []


def test_every_quick_reply_the_tools_offer_is_understood(tools: Tools) -> None:
    offered = set()
    for path in Path(TOOLS_FOLDER).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "options":
                offered |= {
                    leaf.value
                    for leaf in ast.walk(node.value)
                    if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str) and " " in leaf.value.strip()
                }
    whole = {text for text in offered if text[0].isupper() and not text.endswith(" ")}
    assert len(whole) > 10
    assert [text for text in sorted(whole) if not understand(text, world(), tools).acts] == []


@pytest.mark.parametrize("text", ["ok, 10 kB then", "allow 10 kB", "try 10 kB instead"])
def test_a_limit_said_after_a_training_changes_only_that_limit(tools: Tools, text: str) -> None:
    (act,) = understand(text, world(), tools).acts
    assert (act.tool, act.args) == ("AutoMLWorkflow", {**LAST, "max_model_size": 10_000})
