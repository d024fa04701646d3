import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tools.core.errors import OptimizationError, TaskError
from tools.engine.data.dataset import TaskSpec
from tools.engine.export.assembly import default_opset
from tools.engine.export.compose import compose
from tools.engine.export.decode import predictions_of
from tools.engine.export.runtime import open_session, run_session

LABELS = TaskSpec("classification", "y", "accuracy", 2, ("no", "yes"))
X = np.array([[0.5, -1.0], [2.0, 3.0], [1.0, 1.0]], dtype=np.float32)


def core(factor: float = 1.0, name: str = "num", opset: int = 18) -> onnx.ModelProto:
    """scores = input * factor, for two columns."""
    value = helper.make_tensor_value_info
    nodes = [helper.make_node("Mul", [name, "factor"], ["scores"])]
    constants = [helper.make_tensor("factor", TensorProto.FLOAT, [], [factor])]
    ends = [value(name, TensorProto.FLOAT, ["n", 2])], [value("scores", TensorProto.FLOAT, ["n", 2])]
    graph = helper.make_graph(nodes, "core", *ends, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def columns(*names: str) -> onnx.ModelProto:
    """An encoding that puts two columns side by side."""
    value = helper.make_tensor_value_info
    inputs = [value(name, TensorProto.FLOAT, ["batch", 1]) for name in names]
    nodes = [helper.make_node("Concat", list(names), ["beside"], axis=1)]
    graph = helper.make_graph(nodes, "columns", inputs, [value("beside", TensorProto.FLOAT, ["batch", 2])])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def test_text_labels_and_probabilities_come_out_of_the_graph():
    composed = compose(None, ["num"], [core()], [1.0], LABELS)
    outputs = run_session(open_session(composed.model), {"num": X})
    np.testing.assert_allclose(outputs["probabilities"], softmax(X), atol=1e-6)
    assert outputs["label"].tolist() == ["no", "yes", "no"]


def test_whole_number_classes_stay_numbers():
    task = TaskSpec("classification", "y", "accuracy", 2, (7, 30))
    outputs = run_session(open_session(compose(None, ["num"], [core()], [1.0], task).model), {"num": X})
    assert outputs["label"].dtype == np.int64
    assert outputs["label"].tolist() == [7, 30, 7]


def test_several_labels_are_a_matrix_of_zeros_and_ones():
    task = TaskSpec("classification", "y", "f1_micro", 2, ("a", "b"), multilabel=True)
    outputs = run_session(open_session(compose(None, ["num"], [core()], [1.0], task).model), {"num": X})
    np.testing.assert_allclose(outputs["probabilities"], 1 / (1 + np.exp(-X)), atol=1e-6)
    assert outputs["labels"].dtype == np.int64
    assert outputs["labels"].tolist() == [[1, 0], [1, 1], [1, 1]]


def test_values_come_back_in_the_unit_of_the_data():
    task = TaskSpec("regression", "y", "r2", 1)
    value = helper.make_tensor_value_info
    ends = [value("num", TensorProto.FLOAT, ["n", 1])], [value("scores", TensorProto.FLOAT, ["n", 1])]
    graph = helper.make_graph([helper.make_node("Identity", ["num"], ["scores"])], "core", *ends)
    single = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    model = compose(None, ["num"], [single], [1.0], task, mean=(100.0,), scale=(5.0,)).model
    outputs = run_session(open_session(model), {"num": X[:, :1]})
    np.testing.assert_allclose(outputs["prediction"], 100 + 5 * X[:, 0])


def test_models_are_averaged_with_weights_that_need_not_sum_to_one():
    composed = compose(None, ["num"], [core(1.0), core(-2.0)], [6.0, 2.0], LABELS)
    outputs = run_session(open_session(composed.model), {"num": X})
    np.testing.assert_allclose(outputs["probabilities"], 0.75 * softmax(X) + 0.25 * softmax(-2 * X), atol=1e-6)


@pytest.mark.parametrize("names", [("label", "probabilities"), ("factor", "scores"), ("/model1/num", "/encode/beside")])
def test_columns_may_have_the_names_of_outputs_and_of_inner_values(names: tuple[str, str]):
    composed = compose(columns(*names), ["num"], [core()], [1.0], LABELS, properties={"task": "classification"})
    feed = {composed.inputs[name]: X[:, i : i + 1] for i, name in enumerate(names)}
    np.testing.assert_allclose(run_session(open_session(composed.model), feed)["probabilities"], softmax(X), atol=1e-6)
    assert len({*composed.inputs.values(), "label", "probabilities"}) == 4
    stored = {entry.key: entry.value for entry in composed.model.metadata_props}
    assert stored["task"] == "classification"
    assert json.loads(stored["inputs"]) == composed.inputs


def test_parts_of_different_opsets_become_one():
    composed = compose(columns("a", "b"), ["num"], [core(opset=18), core(opset=20)], [1.0, 1.0], LABELS)
    assert default_opset(composed.model) == 20
    assert composed.model.ir_version == 10


def length(name: str) -> onnx.ModelProto:
    """scores = (ids that are 0, ids that are not) of a text whose length is free."""
    value = helper.make_tensor_value_info
    nodes = [
        helper.make_node("Equal", [name, "nothing"], ["empty"]),
        helper.make_node("Not", ["empty"], ["there"]),
        helper.make_node("Cast", ["empty"], ["zeros"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["there"], ["ones"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["zeros", "axis"], ["n_zeros"]),
        helper.make_node("ReduceSum", ["ones", "axis"], ["n_ones"]),
        helper.make_node("Concat", ["n_zeros", "n_ones"], ["scores"], axis=1),
    ]
    constants = [
        helper.make_tensor("nothing", TensorProto.INT64, [], [0]),
        helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
    ]
    ends = (
        [value(name, TensorProto.INT64, ["batch", "sequence"])],
        [value("scores", TensorProto.FLOAT, ["batch", 2])],
    )
    graph = helper.make_graph(nodes, "core", *ends, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def test_words_and_pieces_of_a_text_may_differ_in_number():
    regression = TaskSpec("regression", "y", "r2", 2)
    cores = [length("tokens"), length("pieces"), length("pieces")]
    session = open_session(compose(None, ["tokens", "pieces"], cores, [1.0] * 3, regression).model)
    axes = [entry.shape[1] for entry in session.get_inputs()]
    assert len(set(axes)) == 2, "one name would promise that both have the same length"
    feed = {"tokens": np.ones((1, 7), np.int64), "pieces": np.array([[4, 5, 0, 0, 0]])}
    outputs = run_session(session, feed)
    np.testing.assert_allclose(outputs["prediction"], [[(0 + 3 + 3) / 3, (7 + 2 + 2) / 3]], rtol=1e-6)


def test_an_input_that_nobody_makes_is_named():
    with pytest.raises(OptimizationError, match="cat"):
        compose(columns("a", "b"), ["num"], [core(name="cat")], [1.0], LABELS)


def test_an_unknown_kind_of_task_is_named():
    with pytest.raises(TaskError, match="ranking"):
        compose(None, ["num"], [core()], [1.0], TaskSpec("ranking", "y", "accuracy", 2))


def test_logits_are_read_as_probabilities_without_overflow():
    found = predictions_of("generation", {"logits": np.array([[[1000.0, 0.0]]])})
    assert found.tolist() == [[[1.0, 0.0]]]
