"""Text generators in a file: what they keep of earlier tokens, and that it changes nothing but the speed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from tools.engine.export import generator
from tools.engine.export.bundle import Bundle
from tools.engine.export.fp16 import halve
from tools.engine.export.graph import core_graph
from tools.engine.export.int8 import quantize_dynamically
from tools.engine.export.memory import Memory, own_memory
from tools.engine.export.runtime import open_session, run_session
from tools.engine.families.char_gru import GruSteps

CASES = [("char_gpt",), ("char_gru",), ("char_gpt", "char_gru")]


@pytest.fixture(scope="module", params=CASES, ids=" ".join)
def bundle(request, trained, tmp_path_factory) -> Bundle:
    report = trained("story").write(tmp_path_factory.mktemp("story"), *request.param)
    return Bundle.open(report.folder)


def stepped(session, tokens: np.ndarray, stretches: list[int]) -> np.ndarray:
    memory = Memory.of(session)
    assert memory is not None
    parts, kept, start = [], {}, 0
    for length in stretches:
        feed = {"tokens": tokens[:, start : start + length], **kept}
        found = run_session(session, feed, ["logits", *memory.names.values()])
        kept = {past: found[present] for past, present in memory.names.items()}
        parts.append(found["logits"])
        start += length
    return np.concatenate(parts, axis=1)


def test_tokens_in_stretches_get_the_logits_of_the_whole(bundle: Bundle):
    length = bundle.target.length
    tokens = np.random.default_rng(0).integers(0, len(bundle.target.classes), (3, length))
    whole = run_session(bundle.session, {"tokens": tokens})
    assert list(whole) == ["logits"], "the memory is given to those who ask for it"
    for stretches in ([1] * length, [length // 2, length - length // 2], [length - 1, 1]):
        np.testing.assert_allclose(stepped(bundle.session, tokens, stretches), whole["logits"], atol=1e-4)


@pytest.mark.parametrize("prompt", ["Once upon", "", "naïve ∑ 猫", "x" * 300])
def test_a_text_is_the_same_with_and_without_the_memory(bundle: Bundle, prompt: str, monkeypatch):
    left = max(1, bundle.target.length - len(prompt))  # up to here both see the same
    remembered = bundle.generate(prompt, left, temperature=0.0)
    beyond = bundle.generate(prompt, 2 * bundle.target.length + 7, temperature=0.0)
    assert beyond.startswith(remembered)
    assert len(beyond) == len(prompt) + 2 * bundle.target.length + 7
    monkeypatch.setattr(generator.Memory, "of", classmethod(lambda cls, session: None))
    assert bundle.generate(prompt, left, temperature=0.0) == remembered


def test_smaller_files_keep_the_memory(bundle: Bundle, tmp_path: Path):
    tokens = np.random.default_rng(1).integers(0, len(bundle.target.classes), (2, 12))
    small = tmp_path / "int8.onnx"
    quantize_dynamically(bundle.onnx, small)
    for model, tolerance in ((halve(onnx.load(str(bundle.onnx))), 1e-4), (small, 0.2)):
        session = open_session(model)
        whole = run_session(session, {"tokens": tokens})["logits"]
        np.testing.assert_allclose(stepped(session, tokens, [5, 1, 6]), whole, atol=tolerance * np.abs(whole).max())


def test_a_memory_that_gives_other_scores_is_left_out(trained, monkeypatch):
    setup = trained("story")
    learner = setup.learners["char_gru"]
    example = setup.encoder.transform(setup.dataset, setup.splits.test[:8])
    assert own_memory(core_graph(learner, example)) is not None
    right = GruSteps.forward
    monkeypatch.setattr(GruSteps, "forward", lambda self, tokens, past: right(self, tokens, past * 0.5))
    assert own_memory(core_graph(learner, example)) is None
