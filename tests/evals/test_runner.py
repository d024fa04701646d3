"""A suite is read, played and judged; a turn that goes wrong is seen."""

from pathlib import Path

import pytest

from evals.checks import judge
from evals.outcome import Call, Outcome, Waiting
from evals.runner import run_suite
from evals.suite import Expect, load_suite
from evals.wording import same
from evals.worlds import build_world
from tools.core.errors import TaskError

FOUNDATION = Path(__file__).parents[2] / "evals" / "conversations" / "foundation.yaml"


def test_the_planner_gets_the_plain_ways_of_asking_right():
    report = run_suite(FOUNDATION)
    assert report["misses"] == []
    assert report["turns_right_rate"] == 1.0
    assert report["forbidden_acts"] == 0


def test_a_wrong_expectation_is_a_miss_that_says_what_happened(tmp_path):
    suite = tmp_path / "wrong.yaml"
    suite.write_text(
        "- id: w\n  category: c\n  turns:\n  - user: train on iris for 10 seconds\n"
        "    expect: {tool: ModelConverter, never: [AutoMLWorkflow], says: [bananas]}\n"
    )
    report = run_suite(suite)
    assert report["turns_right"] == 0
    assert report["forbidden_acts"] == 1
    assert report["tool_accuracy"] == 0.0
    [miss] = report["misses"]
    assert miss["id"] == "w"
    assert "AutoMLWorkflow" in miss["got"]
    assert any("bananas" in why for why in miss["why"])


def test_numbers_within_one_percent_are_the_same():
    assert same(1800, 1810)
    assert not same(1800, 1900)
    assert same([0.7, 0.3], (0.7, 0.3))
    assert same("Accuracy", "accuracy")
    assert not same(1, True)


@pytest.mark.parametrize(
    ("setup", "count", "statuses"),
    [
        ("none", 0, []),
        ("three_experiments", 3, ["completed"] * 3),
        ("three_experiments_one_failed", 3, ["completed", "failed", "completed"]),
        ("interrupted_job", 1, ["interrupted"]),
    ],
)
def test_worlds_hold_what_their_name_says(tmp_path, setup, count, statuses):
    records = build_world(setup, tmp_path, real=False).store.list()
    assert len(records) == count
    assert [record.status for record in records] == statuses
    assert [record.dataset for record in records] == ["iris", "wine", "digits"][:count]


def test_the_state_left_behind_is_judged(tmp_path):
    context = build_world("three_experiments", tmp_path, real=False)
    context.store.delete(2)
    args = {"action": "delete", "experiments": [2]}
    asked = Waiting("ExperimentTracker", args)
    outcome = Outcome(calls=[Call("ExperimentTracker", args)], answer="Deleted.", asked=asked)
    expect = Expect(tool="ExperimentTracker", store={"exists": [1, 3], "missing": [2]})
    assert judge(expect, outcome, context.store).misses == []
    expect = Expect(tool="ExperimentTracker", store={"exists": [2]}, never=("ExperimentTracker:delete",))
    verdict = judge(expect, outcome, context.store)
    assert verdict.forbidden == 1
    assert any("experiment 2 is gone" in miss for miss in verdict.misses)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- id: a\n  turns: []\n", "'0.category' is missing"),
        (
            "- {id: a, category: c, turns: [{user: hi, expect: {tol: X}}]}\n",
            "'0.turns.0.expect.tol' is not a known field",
        ),
        ("- {id: a, category: c, turns: [{user: hi, expect: {}}]}\n", "must expect something"),
        ("{", "is not YAML"),
    ],
)
def test_a_malformed_suite_is_explained(tmp_path, text, said):
    suite = tmp_path / "s.yaml"
    suite.write_text(text)
    with pytest.raises(TaskError, match=said):
        load_suite(suite)


def test_a_missing_attachment_is_named(tmp_path):
    suite = tmp_path / "s.yaml"
    suite.write_text("- {id: a, category: c, turns: [{user: hi, attach: [gone.csv], expect: {no_tool: true}}]}\n")
    with pytest.raises(TaskError, match=r"attaches 'gone\.csv'"):
        run_suite(suite)


def test_a_turn_that_another_model_answered_is_no_merit_of_the_one_under_test(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTOML_API_BASE", "http://127.0.0.1:9/v1")  # nothing listens there
    suite = tmp_path / "s.yaml"
    suite.write_text("- {id: a, category: c, turns: [{user: hello, expect: {no_tool: true}}]}\n")
    report = run_suite(suite, lm="openai/nobody")
    assert (report["infrastructure_errors"], report["turns_right"]) == (1, 0)
