"""Plan mode behaves as the real thing where a conversation can tell: refusals, failures, work that goes on."""

import pytest

from evals.canned import canned_tools
from evals.worlds import build_world
from tools.core.errors import AutoMLError, ResourceError, TaskError


@pytest.fixture
def world(tmp_path):
    return build_world("one_experiment", tmp_path, real=False)


@pytest.fixture
def call(world):
    behaviours = {}
    tools = {tool.name: tool for tool in canned_tools(behaviours)}

    def call(name, behaviour=None, **args):
        behaviours.clear()
        if behaviour:
            behaviours[name] = behaviour
        tool = tools[name]
        return tool.run(tool.Args.model_validate(args), world)

    return call


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"time_s": 0}, "no time"),
        ({"max_model_size": 1000}, "smallest model"),
        ({"max_latency_ms": 0.000001}, "fastest"),
        ({"max_memory": 1_000_000}, "memory"),
        ({"target": "salary"}, "salary"),
        ({"dataset": "/etc/passwd"}, "no dataset"),
        ({"metric": "beauty"}, "no metric"),
        ({"families": ["cnn"], "dataset": "wine"}, "takes this data"),
    ],
)
def test_what_cannot_work_is_refused_as_by_the_real_tool(call, args, said):
    with pytest.raises(AutoMLError, match=said) as caught:
        call("AutoMLWorkflow", **{"dataset": "iris", **args})
    assert caught.value.hint


def test_limits_that_are_not_met_are_told(call):
    result = call("AutoMLWorkflow", dataset="iris", min_accuracy=0.999, time_s=10)
    [check] = [check for check in result.data["constraints"] if check["name"] == "min_accuracy"]
    assert not check["met"]
    assert "not met" in result.summary or "missed" in result.summary


def test_a_model_stays_within_its_limits(call):
    result = call("AutoMLWorkflow", dataset="iris", max_model_size=5000, max_latency_ms=0.1)
    assert all(check["met"] for check in result.data["constraints"])


def test_a_tool_can_fail(call, world):
    with pytest.raises(ResourceError, match="memory"):
        call("AutoMLWorkflow", behaviour="fails", dataset="iris")
    assert world.store.list()[-1].status == "failed"
    with pytest.raises(ResourceError, match="memory"):
        call("ModelConverter", behaviour="fails")
    assert call("ModelConverter").data["accepted"]


def test_a_job_goes_on_moves_and_ends_later(call, world):
    result = call("AutoMLWorkflow", behaviour="goes_on", dataset="wine", time_s=300)
    assert result.status == "running"
    job = result.experiment
    assert not world.detached.is_set()
    assert "40%" in call("JobControl", action="status").summary
    world.jobs.happen(["job_progresses"])
    assert "65%" in call("JobControl", action="status").summary
    world.jobs.happen(["job_finishes"])
    assert world.store.get(job).status == "completed"
    assert world.jobs.running() == []


def test_a_job_can_fail_in_the_background(call, world):
    job = call("AutoMLWorkflow", behaviour="goes_on", dataset="wine", time_s=300).experiment
    world.jobs.happen(["job_fails"])
    assert world.jobs.get(job).status == "failed"
    assert "memory" in world.jobs.get(job).error.message


@pytest.mark.parametrize(
    ("tool", "args", "said"),
    [
        ("Predictor", {}, "nothing to predict"),
        ("Predictor", {"inputs": [{"petal": 1}]}, "missing"),
        ("Predictor", {"inputs": ["a flower"]}, "each of its columns"),
        ("ModelEvaluator", {"experiment": 9}, "no experiment 9"),
        ("ModelEvaluator", {"dataset": "wine"}, "no column 'species'"),
    ],
)
def test_models_are_used_with_the_checks_of_the_real_tools(call, tool, args, said):
    with pytest.raises(AutoMLError, match=said):
        call(tool, **args)


def test_a_conversion_that_would_lose_too_much_is_not_delivered(call):
    assert not call("ModelConverter", precision="int8", max_accuracy_drop=0).data["accepted"]
    assert call("ModelConverter", precision="int8", max_accuracy_drop=0.02).data["accepted"]


def test_a_failed_experiment_has_no_model(tmp_path):
    world = build_world("three_experiments_one_failed", tmp_path, real=False)
    tools = {tool.name: tool for tool in canned_tools()}
    evaluator = tools["ModelEvaluator"]
    with pytest.raises(AutoMLError, match="it failed"):
        evaluator.run(evaluator.Args(experiment=2), world)
    assert evaluator.run(evaluator.Args(), world).experiment == 3


def test_curves_can_be_plotted(call):
    assert "Learning curve" in call("ExperimentTracker", action="plot", experiments=[1]).artifacts[0].title


def test_an_unknown_dataset_names_the_samples(call):
    with pytest.raises(TaskError) as caught:
        call("DatasetInspector", dataset="titanic")
    assert "iris" in caught.value.hint
