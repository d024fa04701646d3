from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as peers

from tools.core.errors import TaskError
from tools.core.metrics import METRIC_NAMES, default_metric, metrics_for
from tools.engine.data.dataset import TaskSpec
from tools.engine.evaluation.metrics import METRICS, compute, compute_all


def probabilities(rng: np.random.Generator, n: int, k: int, digits: int = 2) -> np.ndarray:
    """Rounded, so that there are ties."""
    raw = rng.dirichlet(np.ones(k), n).round(digits) + 1e-3
    return raw / raw.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("n_classes", [2, 3, 7])
def test_class_metrics_equal_scikit_learn(n_classes: int) -> None:
    rng = np.random.default_rng(n_classes)
    truth, scores = rng.integers(0, n_classes, 400), probabilities(rng, 400, n_classes, 1)
    said = scores.argmax(axis=1)
    auc = peers.roc_auc_score(truth, scores[:, 1] if n_classes == 2 else scores, multi_class="ovr")
    expected = {
        "accuracy": peers.accuracy_score(truth, said),
        "balanced_accuracy": peers.balanced_accuracy_score(truth, said),
        "f1_macro": peers.f1_score(truth, said, average="macro"),
        "f1_micro": peers.f1_score(truth, said, average="micro"),
        "log_loss": peers.log_loss(truth, scores),
        "roc_auc": auc,
    }
    for name, value in expected.items():
        assert compute(name, truth, scores) == pytest.approx(value, abs=1e-9), name


def test_multilabel_metrics_equal_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    truth, scores = (rng.random((300, 4)) < 0.3).astype(np.float32), rng.random((300, 4)).round(2)
    said = (scores >= 0.5).astype(int)
    assert compute("accuracy", truth, scores) == pytest.approx(peers.accuracy_score(truth, said))
    assert compute("f1_macro", truth, scores) == pytest.approx(peers.f1_score(truth, said, average="macro"))
    assert compute("f1_micro", truth, scores) == pytest.approx(peers.f1_score(truth, said, average="micro"))
    assert compute("roc_auc", truth, scores) == pytest.approx(peers.roc_auc_score(truth, scores))


def test_value_metrics_equal_scikit_learn_even_far_from_zero() -> None:
    rng = np.random.default_rng(0)
    truth = 1e6 + rng.normal(size=200)
    said = truth + rng.normal(size=200)
    assert compute("r2", truth, said) == pytest.approx(peers.r2_score(truth, said), abs=1e-6)
    assert compute("rmse", truth, said) == pytest.approx(peers.root_mean_squared_error(truth, said))
    assert compute("mae", truth, said) == pytest.approx(peers.mean_absolute_error(truth, said))


def test_r2_has_no_value_when_the_truth_is_constant() -> None:
    assert np.isnan(compute("r2", np.full(5, 3.0), np.arange(5.0)))


def test_bits_per_character_leave_padding_out() -> None:
    truth = np.array([[1, 2, 0], [3, 0, 0]])
    even = np.full((2, 3, 4), 0.25)
    assert compute("bits_per_char", truth, even) == pytest.approx(2.0)
    assert compute("perplexity", truth, even) == pytest.approx(4.0)


def test_auc_leaves_out_classes_that_are_not_there() -> None:
    rng = np.random.default_rng(1)
    truth, scores = rng.integers(0, 2, 50), probabilities(rng, 50, 3)
    parts = [peers.roc_auc_score(truth == k, scores[:, k]) for k in (0, 1)]
    assert compute("roc_auc", truth, scores) == pytest.approx(np.mean(parts))
    assert np.isnan(compute("roc_auc", np.zeros(50, dtype=int), scores))


@pytest.mark.parametrize("name", sorted(set(METRIC_NAMES) - {"mean_score"}))  # that one is made for a task
def test_every_name_has_a_formula_and_every_formula_a_name(name: str) -> None:
    assert METRICS[name].direction == METRIC_NAMES[name].direction
    assert METRICS[name].kinds
    assert METRICS[name].title
    assert {*METRICS, "mean_score"} == set(METRIC_NAMES)


@pytest.mark.parametrize("kind", ["classification", "regression", "generation"])
def test_the_default_metric_suits_its_task(kind: str) -> None:
    assert default_metric(kind) in metrics_for(kind)
    assert default_metric("classification", 3, multilabel=True) in metrics_for("classification", multilabel=True)


def test_compute_all_gives_every_metric_that_has_a_value() -> None:
    rng = np.random.default_rng(0)
    task = TaskSpec("classification", "y", "accuracy", 3, classes=("a", "b", "c"))
    values = compute_all(task, rng.integers(0, 3, 60), probabilities(rng, 60, 3))
    assert set(values) == set(metrics_for("classification")) - {"f1_micro"}  # of one label per row it is the accuracy
    asked = TaskSpec("classification", "y", "f1_micro", 3, classes=("a", "b", "c"))
    assert "f1_micro" in compute_all(asked, rng.integers(0, 3, 60), probabilities(rng, 60, 3))
    assert "roc_auc" not in compute_all(task, np.zeros(10, dtype=int), probabilities(rng, 10, 3))


def test_an_unknown_metric_or_missing_rows_are_explained() -> None:
    with pytest.raises(TaskError, match="no metric called 'speed'.*Choose one of: accuracy"):
        compute("speed", np.zeros(1), np.zeros((1, 2)))
    with pytest.raises(TaskError, match="one prediction per row"):
        compute("accuracy", np.zeros(0), np.zeros((0, 2)))
