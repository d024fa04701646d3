import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn

from tools.core.errors import OptimizationError
from tools.engine.export.graph import core_graph
from tools.engine.export.measure import measure
from tools.engine.export.runtime import open_session, run_session


class FakeLearner:
    """As much of a learner as an export needs."""

    def __init__(self, module: nn.Module | None, *input_names: str, core: onnx.ModelProto | None = None) -> None:
        self._module, self.input_names, self._core = module, input_names, core

    def module(self) -> nn.Module | None:
        return self._module

    def onnx_core(self) -> onnx.ModelProto | None:
        return self._core

    def predict(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        return inputs["num"] * 2.0


class Attention(nn.Module):
    """torch's own encoder, whose TorchScript export bakes the sequence length in."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(20, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)

    def forward(self, tokens: Tensor) -> Tensor:
        scores: Tensor = self.layers(self.tokens(tokens), src_key_padding_mask=tokens == 0)[:, 0]
        return scores


class Shifty(nn.Module):
    """Its answer depends on the batch in a way no export can keep."""

    def forward(self, num: Tensor) -> Tensor:
        return num + np.random.default_rng(int(num.shape[0])).normal()


def doubled(factor: float) -> onnx.ModelProto:
    value = helper.make_tensor_value_info
    nodes = [helper.make_node("Mul", ["num", "two"], ["scores"])]
    two = helper.make_tensor("two", TensorProto.FLOAT, [], [factor])
    ends = [value("num", TensorProto.FLOAT, ["n", 3])], [value("scores", TensorProto.FLOAT, ["n", 3])]
    graph = helper.make_graph(nodes, "core", *ends, [two])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def test_batch_and_sequence_are_free_after_an_export():
    module = nn.Sequential(nn.Embedding(9, 4), nn.Conv1d(6, 6, 3, padding=1), nn.Linear(4, 5))[::2].eval()
    tokens = np.arange(12).reshape(2, 6) % 9
    graph = core_graph(FakeLearner(module, "tokens"), {"tokens": tokens})
    for shape in ((1, 1), (7, 13)):
        fed = np.ones(shape, dtype=np.int64)
        scores = run_session(open_session(graph), {"tokens": fed})["scores"]
        np.testing.assert_allclose(scores, module(torch.from_numpy(fed)).detach().numpy(), atol=1e-6)


@pytest.mark.slow
def test_the_slow_exporter_takes_over_where_the_fast_one_bakes_the_length_in():
    with torch.random.fork_rng(devices=[]):
        module = Attention().eval()
    graph = core_graph(FakeLearner(module, "tokens"), {"tokens": np.arange(1, 13).reshape(2, 6)})
    fed = np.ones((5, 4), dtype=np.int64)
    scores = run_session(open_session(graph), {"tokens": fed})["scores"]
    np.testing.assert_allclose(scores, module(torch.from_numpy(fed)).detach().numpy(), atol=1e-5)


@pytest.mark.slow
def test_a_graph_with_other_numbers_than_its_module_is_refused():
    with pytest.raises(OptimizationError, match="scores differ"):
        core_graph(FakeLearner(Shifty(), "num"), {"num": np.ones((4, 3), dtype=np.float32)})


def test_a_ready_graph_is_taken_when_it_gives_the_learners_numbers():
    example = {"num": np.ones((4, 3), dtype=np.float32)}
    assert core_graph(FakeLearner(None, "num", core=doubled(2.0)), example).graph.output[0].name == "scores"
    with pytest.raises(OptimizationError, match="does not give the model's numbers"):
        core_graph(FakeLearner(None, "num", core=doubled(2.1)), example)


def test_a_learner_with_nothing_to_export_says_so():
    with pytest.raises(OptimizationError, match="neither as a torch module nor as an ONNX graph"):
        core_graph(FakeLearner(None, "num"), {"num": np.ones((1, 3), dtype=np.float32)})


def test_exporting_leaves_the_module_in_its_mode_and_place():
    module = nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5)).train()
    core_graph(FakeLearner(module, "num"), {"num": np.ones((1, 3), dtype=np.float32)})
    assert module.training


def test_measuring_gives_the_files_bytes_and_a_time():
    feed = {"num": np.ones((4, 3), dtype=np.float32), "unused": np.zeros(4)}
    content = doubled(2.0).SerializeToString()
    found = measure(content, feed)
    assert found.size_bytes == len(content) == measure(doubled(2.0), feed).size_bytes
    assert 0 < found.latency_ms < 100
