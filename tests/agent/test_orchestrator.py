from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.lm.planner.analysis import recommendations, requirements
from agent.orchestrator import AgentOrchestrator, AutoMLAgent
from agent.specialists.architect import ModelArchitect
from agent.specialists.brief import Brief, family_names
from agent.specialists.conversion import ConversionSpecialist
from tests.agent.fakes import context, record
from tests.agent.openai_server import Reply, Script, serve
from tools.core.config import AutoMLConfig, AutoMLRequest
from tools.core.errors import ResourceError, TaskError
from tools.core.records import AutoMLRecommendations, ConstraintCheck, DatasetProfile, JobEvent

PROFILE = DatasetProfile(
    name="churn.csv", source="churn.csv", fingerprint="0" * 16, modality="tabular", n_rows=900, missing=3,
    target="churned", task="classification",
)  # fmt: skip


def table(folder: Path, rows: int = 60) -> Path:
    path = folder / "churn.csv"
    path.write_text("age,plan,churned\n" + "".join(f"{20 + i},{'ab'[i % 2]},{'yn'[i % 3 == 0]}\n" for i in range(rows)))
    return path


def test_the_plan_holds_request_frame_and_first_trials_and_every_step_is_seen(tmp_path: Path) -> None:
    seen: list[JobEvent] = []
    surroundings = context(tmp_path)
    surroundings.emit = seen.append
    orchestrator = AgentOrchestrator(surroundings, AutoMLConfig(time_constraint=40), lm="planner")
    request = AutoMLRequest.read({
        "task": "who leaves?", "data": {"source": str(table(tmp_path)), "target": "churned", "ignore": ["plan"]},
        "constraints": {"max_model_size": 200_000, "max_inference_time": 5, "min_accuracy": 0.6},
        "optimization": {"search": {"max_trials": 7}},
    })  # fmt: skip
    plan, brief = orchestrator.plan(request)
    assert (plan.target, plan.limits.time_s, plan.limits.max_model_size) == ("churned", 40, 200_000)
    assert (plan.limits.max_latency_ms, plan.limits.min_accuracy, plan.search.max_trials) == (5, 0.6, 7)
    assert [proposal.family for proposal in plan.proposals] == ["linear", "mlp"]
    assert (plan.families, plan.ignore) == ((), ("plan",))
    assert [column.name for column in brief.profile.columns] == ["age", "churned"]
    assert brief.requirements.model["max_model_size"] == 200_000
    names = ["task analysis", "preprocessing", "architecture", "training"]
    assert [step.name for step in orchestrator.steps] == names
    assert [event.step.name for event in seen if event.step] == names


def test_a_language_models_recommendation_becomes_the_first_trials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    advice = {
        "architecture": {"families": ["mlp", "no_such"], "parameters": {"mlp": {"layers": 2}}, "reason": "few rows"}
    }
    fields = {"requirements": {"data": {"rows": 60}}, "recommendations": advice}
    text = "".join(f"[[ ## {name} ## ]]\n{json.dumps(value)}\n\n" for name, value in fields.items())
    with serve(Script(Reply(text=text + "[[ ## completed ## ]]"))) as base:
        monkeypatch.setenv("AUTOML_API_BASE", base)
        orchestrator = AgentOrchestrator(context(tmp_path), AutoMLConfig(), lm="openai/gpt-4o-mini")
        request = AutoMLRequest.read({"task": "who leaves?", "data": str(table(tmp_path))})
        plan, _ = orchestrator.plan(request)
    (proposal,) = plan.proposals
    assert (proposal.family, proposal.params, proposal.reason) == ("mlp", {"layers": 2}, "few rows")


def test_too_few_rows_for_the_folds_is_said_before_anything_runs(tmp_path: Path) -> None:
    request = AutoMLRequest.read({
        "task": "x", "data": str(table(tmp_path, 40)), "validation": {"method": "cross_validation", "folds": 20},
    })  # fmt: skip
    with pytest.raises(TaskError, match="too few for 20 folds"):
        AgentOrchestrator(context(tmp_path), AutoMLConfig(), lm="planner").plan(request)


def test_a_target_that_is_not_there_ends_in_a_sentence(tmp_path: Path) -> None:
    request = AutoMLRequest.read({"task": "x", "data": {"source": str(table(tmp_path)), "target": "chrned"}})
    with pytest.raises(TaskError, match="churned"):
        AgentOrchestrator(context(tmp_path), AutoMLConfig(), lm="planner").plan(request)


def test_a_remote_tracking_backend_is_refused_and_an_untracked_run_leaves_no_history(tmp_path: Path) -> None:
    request = AutoMLRequest(task="t", data=str(tmp_path / "gone.csv"))
    with pytest.raises(ResourceError, match="remote tracking backend is not connected"):
        AutoMLAgent(AutoMLConfig.read({"experiment_tracking": {"backend": "remote"}}), home=tmp_path).run_automl(
            request
        )
    with pytest.raises(TaskError, match=r"gone\.csv"):
        AutoMLAgent(AutoMLConfig.read({"experiment_tracking": {"enabled": False}}), home=tmp_path).run_automl(request)
    assert not (tmp_path / "history.json").exists()


def test_families_are_known_without_loading_them() -> None:
    assert {"mlp", "linear"} <= set(family_names())


def test_what_is_no_family_and_no_parameter_is_left_out() -> None:
    advice = AutoMLRecommendations(architecture={"families": ["mlp", 7, "evil"], "parameters": "all"})
    request = AutoMLRequest.read({"task": "x", "data": "iris"})
    design = ModelArchitect().propose(Brief(AutoMLConfig(), request, PROFILE, recommendations=advice))
    assert [(proposal.family, proposal.params) for proposal in design.proposals] == [("mlp", {})]


def test_a_missed_size_limit_brings_a_proposal_to_convert() -> None:
    request = AutoMLRequest.read({"task": "x", "data": "iris"})
    brief = Brief(AutoMLConfig(), request, PROFILE)
    done = record(1, "iris")
    assert ConversionSpecialist().propose(brief, done).convert is None
    missed = ConstraintCheck(name="max_model_size", asked=10_000, measured=40_000, met=False)
    delivery = ConversionSpecialist().propose(brief, done.model_copy(update={"constraints": (missed,)}))
    assert delivery.convert == {"experiment": 1, "precision": "int8"}


def test_the_planner_reads_requirements_and_recommendations_off_the_profile() -> None:
    profile = PROFILE.model_dump(mode="json")
    wish = {"time_s": 600, "max_model_size": 1000, "words": "x"}
    assert requirements(wish, profile)["data"]["target"] == "churned"
    assert requirements(wish, profile)["model"]["max_model_size"] == 1000
    few = recommendations(wish, profile, ["linear", "mlp"])
    many = recommendations(wish, {**profile, "n_rows": 100_000}, ["linear", "mlp"])
    assert few["architecture"]["families"] == ["linear", "mlp"]
    assert many["architecture"]["families"] == ["mlp", "linear"]
    assert few["preprocessing"]["validation"] == "cross_validation"
