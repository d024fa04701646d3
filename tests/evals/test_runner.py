"""A suite is read, played and judged; a turn that goes wrong is seen; every option does what it says."""

import json
from pathlib import Path

import pytest

from evals.checks import judge
from evals.outcome import Call, Outcome, Waiting
from evals.runner import run_suite
from evals.suite import Expect, load_suite, sample
from evals.worlds import build_world
from tests.agent.openai_server import Script, call, serve, submit
from tools.core.errors import TaskError
from ui.cli import main

KEYS = {
    "turns", "turns_right", "turns_right_rate", "tool_accuracy", "argument_accuracy", "forbidden_acts",
    "needless_questions", "pass_k", "p95_ms", "infrastructure_errors", "categories", "misses",
}  # fmt: skip
TWO = """\
- {id: a, category: x, turns: [{user: train on iris for 10 seconds, expect: {tool: AutoMLWorkflow}}]}
- {id: b, category: y, turns: [{user: hello, expect: {tool: ModelConverter}}]}
"""


@pytest.fixture
def suite(tmp_path):
    def write(text: str):
        path = tmp_path / "suite.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_the_report_has_the_agreed_keys(suite):
    report = run_suite(suite(TWO))
    assert set(report) >= KEYS
    assert (report["turns"], report["turns_right"], report["turns_right_rate"]) == (2, 1, 0.5)
    [miss] = report["misses"]
    assert set(miss) >= {"id", "turn", "user", "expected", "got"}
    assert (miss["id"], miss["turn"], miss["user"]) == ("b", 1, "hello")
    assert set(report["categories"]) == {"x", "y"}
    for figures in report["categories"].values():
        assert set(figures) >= {*KEYS - {"categories", "misses"}, "lm_calls", "tokens", "seconds"}
    assert [report["categories"][name]["pass_k"] for name in ("x", "y")] == [1.0, 0.0]
    assert report["lm_calls"] == 3  # a tool and an answer; an answer


def test_a_wrong_expectation_is_a_miss_that_says_what_happened(suite):
    report = run_suite(
        suite(
            "- id: w\n  category: c\n  turns:\n  - user: train on iris for 10 seconds\n"
            "    expect: {tool: ModelConverter, never: [AutoMLWorkflow], says: [bananas]}\n"
        )
    )
    assert report["turns_right"] == 0
    assert report["forbidden_acts"] == 1
    assert report["tool_accuracy"] == 0.0
    [miss] = report["misses"]
    assert "AutoMLWorkflow" in miss["got"]
    assert any("bananas" in why for why in miss["why"])


def test_trials_play_each_conversation_again(suite):
    report = run_suite(suite(TWO), trials=3)
    assert (report["turns"], report["k"], report["pass_k"], report["pass_1"]) == (6, 3, 0.5, 0.5)
    assert {miss["trial"] for miss in report["misses"]} == {0, 1, 2}


def test_two_processes_play_the_same(suite):
    alone, together = run_suite(suite(TWO)), run_suite(suite(TWO), jobs=2)
    for name in ("turns", "turns_right", "lm_calls", "pass_k"):
        assert alone[name] == together[name]
    assert [miss["id"] for miss in together["misses"]] == ["b"]


def test_a_sample_is_spread_over_the_categories_and_the_same_every_time(suite, capsys):
    everything = load_suite(Path("evals/conversations"))
    categories = {one.category for one in everything}
    some = sample(everything, len(categories), seed=3)
    assert {one.category for one in some} == categories
    assert sample(everything, 99, seed=3)[: len(some)] == some
    assert sample(everything, len(categories), seed=4) != some
    assert {one.id for one in sample(everything, 10_000)} == {one.id for one in everything}
    path = str(suite(TWO))
    assert main(["evals", "run", path, "--sample", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["conversations"] == 1


def test_attached_files_come_from_the_data_folder(suite, tmp_path):
    (tmp_path / "mine.csv").write_text("a,b\n" + "\n".join(f"{n},{n % 2}" for n in range(30)))
    text = (
        "- {id: a, category: c, turns: [{user: what is in it, attach: [mine.csv], expect: {tool: DatasetInspector}}]}"
    )
    assert run_suite(suite(text), data_dir=tmp_path)["turns_right"] == 1
    with pytest.raises(TaskError, match=r"attaches 'mine\.csv'"):
        run_suite(suite(text))


def test_a_language_model_can_be_judged(suite):
    script = Script(call("AutoMLWorkflow", dataset="iris", time_s=10), submit("Trained: accuracy 0.967."))
    with serve(script) as base, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOML_API_BASE", base)
        patch.setenv("OPENAI_API_KEY", "sk-test")
        report = run_suite(suite(TWO.splitlines()[0]), lm="openai/scripted")
    assert report["turns_right"] == 1
    assert report["lm_calls"] == 2 == len(script.requests)
    assert report["tokens"] > 0


def test_a_turn_that_another_model_answered_is_no_merit_of_the_one_under_test(suite, monkeypatch):
    monkeypatch.setenv("AUTOML_API_BASE", "http://127.0.0.1:9/v1")  # nothing listens there
    report = run_suite(suite("- {id: a, category: c, turns: [{user: hello, expect: {no_tool: true}}]}"), lm="openai/no")
    assert (report["infrastructure_errors"], report["turns_right"]) == (1, 0)


@pytest.mark.parametrize(("bar", "code"), [("0.5", 0), ("0.6", 1)])
def test_the_bar_decides_the_exit_code(suite, bar, code, capsys):
    assert main(["evals", "run", str(suite(TWO)), "--min", bar, "--json"]) == code
    assert json.loads(capsys.readouterr().out)["turns"] == 2


def test_the_table_shows_categories_and_misses(suite, capsys):
    assert main(["evals", "run", str(suite(TWO))]) == 0
    shown = capsys.readouterr().out
    for words in ("category", "LM calls", "pass^k", "b turn 1: hello", "1 of 2 turns right (50.0 %)"):
        assert words in shown


def test_a_conversation_in_which_the_world_moves(suite):
    text = """\
- id: moves
  category: c
  turns:
  - user: train on digits for ten minutes
    tools: {AutoMLWorkflow: goes_on}
    expect: {tool: AutoMLWorkflow, args: {time_s: 600}, says: [background], store: {jobs: {1: running}}}
  - user: show my experiments
    meanwhile: [job_finishes, restart]
    expect: {tool: ExperimentTracker, says: [has finished, 0.988], store: {jobs: {1: completed}}}
"""
    assert run_suite(suite(text))["misses"] == []


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_full_mode_trains_and_leaves_out_what_must_be_staged(suite):
    text = """\
- id: trains
  category: c
  turns:
  - user: train on iris with at most 4 trials, 40 seconds, under 200 kB
    expect: {tool: AutoMLWorkflow, args: {dataset: iris, time_s: 40, max_model_size: 200000}, store: {experiments: 1}}
  - user: how good is it?
    expect: {tool: ModelEvaluator, says: [accuracy]}
- id: uses
  category: c
  setup: one_experiment
  turns:
  - user: predict this file with it
    attach: [new_flowers.csv]
    expect: {tool: Predictor, args: {dataset: new_flowers.csv}, says: [setosa]}
- id: staged
  category: c
  turns:
  - {user: train on iris, tools: {AutoMLWorkflow: fails}, expect: {says: [memory]}}
"""
    report = run_suite(suite(text), mode="full")
    assert report["misses"] == []
    assert (report["turns"], report["skipped"]) == (3, 1)


@pytest.mark.parametrize(
    ("setup", "count", "statuses"),
    [
        ("none", 0, []),
        ("one_experiment", 1, ["completed"]),
        ("three_experiments", 3, ["completed"] * 3),
        ("three_experiments_one_failed", 3, ["completed", "failed", "completed"]),
        ("interrupted_job", 1, ["interrupted"]),
    ],
)
def test_worlds_hold_what_their_name_says(tmp_path, setup, count, statuses):
    records = build_world(setup, tmp_path, real=False).store.list()
    assert [record.status for record in records] == statuses
    assert [record.dataset for record in records] == ["iris", "wine", "digits"][:count]


def test_the_state_left_behind_is_judged(tmp_path):
    context = build_world("three_experiments", tmp_path, real=False)
    context.store.delete(2)
    context.store.tag(1, ["Baseline"])
    context.store.note(3, "shown to the client")
    args = {"action": "delete", "experiments": [2]}
    asked = Waiting("ExperimentTracker", args)
    outcome = Outcome(calls=[Call("ExperimentTracker", args)], answer="Deleted.", asked=asked)
    state = {"exists": [1, 3], "missing": [2], "tags": {1: ["baseline"]}, "notes": {3: ["client"]}}
    assert judge(Expect(tool="ExperimentTracker", store=state), outcome, context.store).misses == []
    expect = Expect(store={"exists": [2], "tags": {3: ["x"]}, "jobs": {1: "running"}, "mood": 1})
    assert len(judge(expect, outcome, context.store).misses) == 4


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
def test_a_malformed_suite_is_explained(suite, text, said):
    with pytest.raises(TaskError, match=said):
        load_suite(suite(text))


def test_what_was_left_out_counts_as_what_it_came_to_mean(suite):
    text = """\
- id: refers
  category: c
  setup: three_experiments
  turns:
  - {user: "which is best?", expect: {tool: ExperimentTracker, args: {action: best}}}
  - user: tag it champion
    expect: {tool: ExperimentTracker, args: {action: tag, experiments: [3], text: champion}}
  - user: tune its hyperparameters with 5 trials
    expect: {tool: HyperparameterOptimizer, args: {experiment: 3, max_trials: 5}}
"""
    assert run_suite(suite(text))["misses"] == []
