"""Requests are validated with messages a person understands."""

import pytest

from tools.core.config import AutoMLConfig, AutoMLRequest, Objectives
from tools.core.errors import TaskError
from tools.core.records import Limits


def test_the_image_example_reads_as_a_person_would_write_it():
    request = AutoMLRequest.read(
        {
            "task": "classify images into ten classes",
            "data": "pictures.zip",
            "validation": {"method": "cross_validation", "folds": 5},
            "constraints": {"max_model_size": 100_000_000, "max_inference_time": 50},
        }
    )
    assert request.data.source == "pictures.zip"
    assert request.validation.folds == 5


def test_weights_are_scaled_to_one():
    assert Objectives.read({"primary": "accuracy", "secondary": "latency", "weights": [7, 3]}).weights == (0.7, 0.3)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"data": "x.csv"}, "'task' is missing"),
        ({"task": "t", "data": "x.csv", "speed": 1}, "'speed' is not a known field (known: task, data"),
        (
            {"task": "t", "data": "x.csv", "validation": {"folds": 1}},
            "'validation.folds' must be greater than or equal to 2",
        ),
        (
            {"task": "t", "data": "x", "constraints": {"min_accuracy": 2}},
            "'constraints.min_accuracy' must be less than",
        ),
        (
            {"task": "t", "data": "x", "optimization": {"objectives": {"primary": "speed"}}},
            "'optimization.objectives.primary' must be 'accuracy', 'latency' or 'size' (it was 'speed')",
        ),
        (
            {"task": "t", "data": "x", "optimization": {"objectives": {"secondary": "size", "weights": [0, 0]}}},
            "weights are two numbers that are not negative",
        ),
        (
            {"task": "t", "data": "x", "constraints": {"min_accuracy": 95}},
            "less than or equal to 1 (it was 95; for 95 % write 0.95)",
        ),
        ({"task": "t", "data": "x", "validation": {"folds": "five"}}, "'validation.folds' must be a whole number (it"),
        ({"task": "t", "data": "x", "constraints": {"max_model_size": 2.5}}, "must be a whole number (it was 2.5)"),
        *(
            (
                {"task": "t", "data": "x", "optimization": {"objectives": {"secondary": "size", "weights": weights}}},
                "weights are two numbers that are not negative",
            )
            for weights in (5, ["much", "little"], [float("nan"), 1], [float("inf"), 1])
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(data, said):
    with pytest.raises(TaskError) as caught:
        AutoMLRequest.read(data)
    assert said in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "greater than 0"), (-5, "greater than 0"), (float("inf"), "finite number")]
)
def test_a_time_limit_of_nothing_or_without_end_is_refused(seconds, said):
    with pytest.raises(TaskError, match=f"'time_constraint' must be .*{said}"):
        AutoMLConfig.read({"time_constraint": seconds})
    with pytest.raises(TaskError, match=f"'time_s' must be .*{said}"):
        Limits.read({"time_s": seconds})
