from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tools.core.errors import TaskError
from tools.engine.export.bundle import Bundle
from tools.engine.export.convert import convert
from tools.engine.export.fp16 import halve
from tools.engine.export.proof import prove
from tools.engine.export.runtime import open_session, run_session

X = np.random.default_rng(0).normal(size=(4, 30)).astype(np.float32)


def product(weights: np.ndarray) -> onnx.ModelProto:
    value = helper.make_tensor_value_info
    ends = [value("x", TensorProto.FLOAT, ["n", 30])], [value("y", TensorProto.FLOAT, ["n", 5])]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    graph = helper.make_graph(nodes, "product", *ends, [numpy_helper.from_array(weights, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def test_halved_weights_take_half_the_room_and_give_nearly_the_same():
    weights = np.random.default_rng(1).normal(size=(30, 5)).astype(np.float32)
    halved = halve(product(weights))
    assert halved.ByteSize() < 0.75 * product(weights).ByteSize()
    np.testing.assert_allclose(run_session(open_session(halved), {"x": X})["y"], X @ weights, atol=0.02)


@pytest.mark.parametrize("value", [1e6, np.inf])
def test_weights_that_half_precision_cannot_hold_stay(value: float):
    weights = np.full((30, 5), value, dtype=np.float32)
    assert halve(product(weights)).graph.initializer[0].data_type == TensorProto.FLOAT


@pytest.mark.parametrize("name", ["mixed", "pictures", "texts", "story"])
def test_the_smallest_form_that_passes_becomes_a_bundle_of_its_own(delivered, trained, tmp_path: Path, name: str):
    bundle, record = delivered(name)
    setup = trained(name)
    found = convert(record, "onnx", "auto", 0.05, tmp_path / "small")
    assert found["accepted"]
    assert found["drop"] <= 0.05
    sizes = [candidate["size_bytes"] for candidate in found["candidates"] if candidate["accepted"]]
    assert found["size_bytes"] == {"before": bundle.onnx.stat().st_size, "after": min(sizes)}
    assert {candidate["precision"] for candidate in found["candidates"]} == {"fp32", "fp16", "int8"}
    small = Bundle.open(found["bundle"])
    assert str(small.onnx) == found["path"]
    assert small.metadata["precision"] == found["precision"]
    card = (small.path / "MODEL_CARD.md").read_text()
    assert f"Precision of the file: {found['precision']}" in card
    assert found["precision"] == "fp32" or f"Converted from the float32 file ({found['method']})" in card
    rows = setup.splits.test[:5]
    difference = np.abs(small.predict(setup.dataset, rows) - bundle.predict(setup.dataset, rows)).max()
    assert difference < 0.1 * setup.target.scale


def test_a_form_that_is_not_good_enough_is_not_delivered_and_the_reasons_are_given(delivered, tmp_path: Path):
    _, record = delivered("numbers")  # so small that int8 has nothing to save
    found = convert(record, "onnx", "int8", 0.01, tmp_path / "int8")
    assert not found["accepted"]
    assert found["path"] is None
    assert any("not smaller" in reason for reason in found["reasons"])
    assert not (tmp_path / "int8").exists()


def test_fp32_gives_the_original_again(delivered, tmp_path: Path):
    bundle, record = delivered("words")
    found = convert(record, "onnx", "fp32", 0.0, tmp_path / "same")
    assert Path(found["path"]).read_bytes() == bundle.onnx.read_bytes()


def test_wrong_arguments_are_explained(delivered, tmp_path: Path):
    bundle, record = delivered("words")
    with pytest.raises(TaskError, match="format called 'tflite'"):
        convert(record, "tflite", "auto", 0.01, tmp_path / "out")
    with pytest.raises(TaskError, match="precision called 'int4'"):
        convert(record, "onnx", "int4", 0.01, tmp_path / "out")
    with pytest.raises(TaskError, match="max_accuracy_drop"):
        convert(record, "onnx", "auto", -0.01, tmp_path / "out")
    with pytest.raises(TaskError, match="overwrite the original"):
        convert(record, "onnx", "fp32", 0.01, bundle.path)


def test_a_file_that_kills_or_confuses_onnxruntime_is_an_answer_and_not_the_end(tmp_path: Path):
    (tmp_path / "broken.onnx").write_bytes(b"no model at all")
    assert "refused" in prove(tmp_path / "broken.onnx", {"x": X}, "y").problem


def test_text_inputs_and_any_name_reach_the_other_process(delivered, trained):
    bundle, _ = delivered("mixed")
    dataset, rows = trained("mixed").dataset, np.arange(40)
    proof = prove(bundle.onnx, bundle.feed(dataset, rows), "probabilities")
    assert proof.problem == ""
    assert proof.latency_ms > 0
    np.testing.assert_array_equal(proof.outputs["probabilities"], bundle.predict(dataset, rows))
