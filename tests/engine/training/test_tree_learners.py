"""Trees: the same numbers from the library that grew them, from the flat arrays, and from the graph."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from tools.engine.data.dataset import DataSpec, Encoded, TaskSpec
from tools.engine.families.family import FAMILIES, Params
from tools.engine.training.learner import FitContext
from tools.engine.training.table_features import TableFeatures
from tools.engine.training.tree_learner import TreeLearner
from tools.engine.training.trees import round_down

TREES = ("boosting", "forest")
N_OUTPUTS = {"two": 2, "five": 5, "number": 1, "labels": 3}


def table(task: str, n: int = 3000, seed: int = 0) -> tuple[DataSpec, Encoded]:
    """Numbers with gaps, whole numbers that meet thresholds, categories of which some are rare."""
    rng = np.random.default_rng(seed)
    num = rng.normal(size=(n, 4)).astype(np.float32)
    num[:, 1] = rng.integers(0, 9, n)
    signal = num[:, 0] + (num[:, 1] > 4)
    num[rng.random((n, 4)) < [0.2, 0.0, 0.1, 0.0]] = np.nan
    cat = np.stack([rng.integers(0, 4, n), rng.integers(1, 3, n), np.minimum(rng.geometric(0.05, n), 59)], axis=1)
    signal = signal + (cat[:, 0] == 2) - 0.5 * (cat[:, 2] % 3 == 0) + rng.normal(0, 0.5, n)
    k = N_OUTPUTS[task]
    kind = "regression" if task == "number" else "classification"
    bins = np.digitize(signal, np.quantile(signal, np.arange(1, k) / k)) if k > 1 else signal
    target = bins.astype(np.int64)
    if task == "number":
        target = ((signal - signal.mean()) / signal.std()).astype(np.float32)[:, None]
    elif task == "labels":
        target = (bins[:, None] >= np.arange(k)).astype(np.float32)  # the first one always holds
    classes = tuple(range(k)) if kind == "classification" else ()
    spec = DataSpec(
        "tabular",
        TaskSpec(kind, "y", "accuracy" if classes else "r2", k, classes, multilabel=task == "labels"),
        n // 2,
        n_numeric=4,
        cardinalities=(4, 3, 60),
    )
    return spec, Encoded({"num": num, "cat": cat.astype(np.int64)}, target)


def grown(name: str, task: str, changes: Params | None = None, **context: object) -> tuple[TreeLearner, Encoded]:
    spec, rows = table(task)
    family = FAMILIES.get(name)
    half = len(rows) // 2
    train, rest = rows.rows(np.arange(half)), rows.rows(np.arange(half, 2 * half))
    params = family.defaults(spec)[0] | (changes or {})
    learner = family.learner(params, spec, train, rest, FitContext(**{"max_epochs": 20, **context}))  # type: ignore[arg-type]
    assert isinstance(learner, TreeLearner)
    return learner, rest


@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize("task", N_OUTPUTS)
@pytest.mark.parametrize("categories", ["one_hot", "ordered"])
def test_library_arrays_and_graph_agree(name: str, task: str, categories: str) -> None:
    learner, rest = grown(name, task, {"categories": categories})
    list(learner.reports())
    learner.restore_best()
    inputs = {key: values.copy() for key, values in rest.inputs.items()}
    inputs["num"][:50, 1] = np.nan  # was never missing in training
    inputs["cat"][50:100] = 0
    inputs["num"][100:105] = np.float32(3e38)
    expected = learner.predict(inputs)
    sums = learner.flat().sums(learner.features.narrow(inputs))
    np.testing.assert_allclose(learner._scores(sums, learner._used), expected, atol=1e-5)
    session = ort.InferenceSession(learner.onnx_core().SerializeToString(), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, inputs)[0], expected, atol=1e-4)


@pytest.mark.parametrize("name", TREES)
def test_a_loaded_learner_grows_on_as_if_it_had_never_stopped(name: str, tmp_path: Path) -> None:
    def score(raw: np.ndarray) -> float:
        return -float(np.mean((raw - rest.target) ** 2))

    whole, rest = grown(name, "number", score=score)
    expected = [(report.epoch, report.train_loss, report.score) for report in whole.reports()]
    stopped, _ = grown(name, "number", score=score)
    seen = [(report.epoch, report.train_loss, report.score) for report in islice(stopped.reports(), 2)]
    stopped.save(tmp_path / "state", resumable=True)
    again, _ = grown(name, "number", score=score)
    again.load(tmp_path / "state")
    seen += [(report.epoch, report.train_loss, report.score) for report in again.reports()]
    assert seen == expected
    assert np.array_equal(again.predict(rest.inputs), whole.predict(rest.inputs))


@pytest.mark.parametrize("name", TREES)
def test_a_refit_grows_the_rounds_it_is_told(name: str) -> None:
    learner, _ = grown(name, "two", max_epochs=13)
    assert list(learner.reports())[-1].epoch == 13
    assert len(learner.flat().roots) == 13


@pytest.mark.parametrize("name", TREES)
def test_a_class_that_no_training_row_has_keeps_its_place(name: str) -> None:
    spec, rows = table("five", 400)
    rows = Encoded(rows.inputs, np.where(rows.target == 2, 3, rows.target))
    learner = FAMILIES.get(name).learner(
        FAMILIES.get(name).defaults(spec)[0], spec, rows, None, FitContext(max_epochs=5)
    )
    list(learner.reports())
    scores = learner.predict(rows.inputs)
    assert scores.shape == (400, 5)
    assert (scores.argmax(axis=1) != 2).all()


@pytest.mark.parametrize("name", TREES)
def test_columns_that_never_vary_give_the_mean(name: str) -> None:
    spec, rows = table("number", 200)
    rows = Encoded({"num": np.full((200, 4), 2.0, np.float32), "cat": np.ones((200, 3), np.int64)}, rows.target)
    learner = FAMILIES.get(name).learner(
        FAMILIES.get(name).defaults(spec)[0], spec, rows, None, FitContext(max_epochs=3)
    )
    list(learner.reports())
    np.testing.assert_allclose(learner.predict(rows.inputs), rows.target.mean(), atol=0.2)
    session = ort.InferenceSession(learner.onnx_core().SerializeToString(), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, rows.inputs)[0], learner.predict(rows.inputs), atol=1e-6)


def test_a_threshold_rounded_down_decides_every_float32_alike() -> None:
    rng = np.random.default_rng(0)
    short = rng.normal(size=1000).astype(np.float32)
    near = np.concatenate([np.nextafter(short, np.float32(9)), short, np.nextafter(short, np.float32(-9))])
    exact = np.tile(short.astype(np.float64), 3) + rng.normal(0, 1e-9, 3000)
    assert np.array_equal(near <= exact, near <= round_down(exact))
    assert np.float32(3e38) <= round_down(np.array([1e300]))[0]


def test_categories_are_ranked_by_the_mean_of_the_target() -> None:
    ids = np.repeat([1, 2, 3], 50)[:, None]
    target = np.repeat([5.0, -5.0, 1.0], 50).astype(np.float32)[:, None]
    spec = DataSpec("tabular", TaskSpec("regression", "y", "r2", 1), 150, cardinalities=(5,))
    encoded = Encoded({"num": np.zeros((150, 0), np.float32), "cat": ids}, target)
    features = TableFeatures.fit(spec, encoded, "ordered", 10)
    ranks = features.narrow({"num": np.zeros((4, 0), np.float32), "cat": np.array([[2], [0], [3], [1]])})[:, 0]
    assert (np.diff(ranks) > 0).all()
