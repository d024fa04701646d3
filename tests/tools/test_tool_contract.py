"""What holds for every registered tool."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tools.contract import TOOLS, Tool
from tools.core.errors import AutoMLError, TaskError
from tools.workspace import open_workspace

ARGUMENTS = {
    "DatasetInspector": "dataset",
    "AutoMLWorkflow": (
        "dataset, target, task, time_s, validation, folds, metric, primary, secondary, weights, max_model_size, "
        "max_latency_ms, min_accuracy, max_memory, max_gpu_memory, max_disk, strategy, max_trials, patience, ensemble, "
        "transfer, families, seed, reproduce"
    ),
    "ArchitectureSearch": "dataset, time_s, max_model_size, max_latency_ms, strategy, max_trials, patience",
    "HyperparameterOptimizer": "experiment, strategy, max_trials, patience, time_s, max_model_size, max_latency_ms",
    "ExperimentTracker": "action, experiments, dataset, status, metric, min_value, since, plot",
    "ModelEvaluator": "experiment, dataset, report",
    "ResourceConstraintChecker": "experiment, max_model_size, max_latency_ms, min_accuracy, max_memory",
    "ModelConverter": "experiment, format, precision, max_accuracy_drop",
    "Predictor": "experiment, dataset, inputs, max_new_tokens, temperature, top_p",
    "JobControl": "action, job",
}
CHOICES = {
    ("ExperimentTracker", "action"): ["list", "show", "best", "compare", "plot", "tag", "note", "export", "delete"],
    ("ModelEvaluator", "report"): ["metrics", "confusion", "curves", "calibration", "importance", "errors"],
    ("ModelConverter", "precision"): ["fp32", "fp16", "int8", "auto"],
    ("JobControl", "action"): ["status", "list", "cancel", "resume"],
}


@pytest.fixture(params=sorted(ARGUMENTS))
def tool(request: pytest.FixtureRequest) -> Tool[Any]:
    return TOOLS.get(request.param)


def test_the_ten_tools_are_there() -> None:
    assert TOOLS.names() == sorted(ARGUMENTS)


def test_arguments_are_those_of_the_table_and_each_is_described(tool: Tool[Any]) -> None:
    schema = tool.Args.model_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert set(ARGUMENTS[tool.name].split(", ")) <= set(schema["properties"])
    assert schema["additionalProperties"] is False
    for name, part in schema["properties"].items():
        assert part.get("description"), f"{tool.name}.{name} has no description"
    assert not schema.get("required"), "an omitted argument has a meaning"


@pytest.mark.parametrize(("name", "argument"), CHOICES)
def test_choices_are_those_of_the_table(name: str, argument: str) -> None:
    schema = TOOLS.get(name).Args.model_json_schema()["properties"][argument]
    assert schema["enum"] == CHOICES[name, argument]


def test_the_docstring_says_what_it_does_and_when_to_use_it(tool: Tool[Any]) -> None:
    text = tool.__doc__ or ""
    assert "Use it when" in text or "Use it for" in text
    assert len(text) < 900
    assert 6 <= len(tool.examples) <= 10


def test_wrong_arguments_give_one_sentence(tool: Tool[Any]) -> None:
    with pytest.raises(TaskError, match="'speed' is not a known field"):
        tool.Args.read({"speed": 3})
    for name in tool.Args.model_fields:
        with pytest.raises(TaskError, match=name) as caught:
            tool.Args.read({name: {"a": object()}})
        assert "\n" not in str(caught.value)
        assert "pydantic" not in str(caught.value)


def test_an_empty_home_is_told_with_a_way_out(tool: Tool[Any], tmp_path: Path) -> None:
    context = open_workspace(tmp_path)
    with pytest.raises(AutoMLError) as caught:
        tool.run(tool.Args.read({}), context)
    assert caught.value.hint
    assert tool.confirm(tool.Args.read({}), context) is None
    assert context.store.list() == []


def test_sizes_and_times_are_also_read_in_words() -> None:
    args = TOOLS.get("AutoMLWorkflow").Args.read({"max_model_size": "200 kB", "time_s": "5 min", "max_memory": 1e9})
    assert (args.max_model_size, args.time_s, args.max_memory) == (200_000, 300.0, 1_000_000_000)
    with pytest.raises(TaskError, match=r"not a size; write for instance 200kB, 5MB or 1GiB\. Correct"):
        TOOLS.get("AutoMLWorkflow").Args.read({"max_model_size": "huge"})


def test_opening_a_home_with_all_tools_loads_nothing_heavy(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from tools.contract import TOOLS
from tools.workspace import open_workspace
context = open_workspace(Path(sys.argv[1]))
context.jobs.list()
TOOLS.names()
print([name for name in ("torch", "pandas", "numpy", "onnxruntime", "optuna", "dspy") if name in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def test_arguments_survive_json(tool: Tool[Any]) -> None:
    args = tool.Args.read({})
    assert tool.Args.read(json.loads(args.model_dump_json())) == args
