from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as peers
from sklearn.datasets import load_breast_cancer

from tools.engine.data.dataset import TaskSpec
from tools.engine.evaluation.baseline import trivial_predictions
from tools.engine.evaluation.calibration import calibration_curve
from tools.engine.evaluation.confidence import bootstrap_interval
from tools.engine.evaluation.confusion import confusion_matrix, label_confusion
from tools.engine.evaluation.curves import precision_recall_curve, roc_curve
from tools.engine.evaluation.importance import permutation_importance
from tools.engine.evaluation.metrics import METRICS, compute


def noisy_classifier(n: int, k: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    scores = rng.random((n, k)) + 0.8 * np.eye(k)[truth]
    return truth, scores / scores.sum(axis=1, keepdims=True)


def test_trivial_predictions_score_what_never_looking_scores() -> None:
    classes = TaskSpec("classification", "y", "accuracy", 3, classes=(0, 1, 2))
    train = np.array([0, 1, 1, 1, 2])
    said = trivial_predictions(classes, train, 4, 3)
    assert said.shape == (4, 3)
    assert compute("accuracy", np.array([1, 1, 0, 2]), said) == 0.5
    values = TaskSpec("regression", "y", "r2", 1)
    assert compute("r2", np.array([1.0, 3.0]), trivial_predictions(values, np.array([1.0, 3.0]), 2, 0)) == 0.0
    tokens = TaskSpec("generation", "", "bits_per_char", 4)
    said = trivial_predictions(tokens, np.array([[1, 2], [1, 2]]), 3, 4)
    assert said.shape == (3, 2, 4)
    assert compute("bits_per_char", np.array([[1, 2]]), said[:1]) == pytest.approx(1.0, abs=0.01)
    labels = TaskSpec("classification", "y", "f1_micro", 2, classes=("a", "b"), multilabel=True)
    assert trivial_predictions(labels, np.array([[1.0, 0], [1, 1]]), 2, 2).tolist() == [[1.0, 0.5], [1.0, 0.5]]


@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "f1_macro", "roc_auc", "log_loss"])
def test_the_interval_holds_the_value_and_shrinks_with_more_rows(name: str) -> None:
    few, many = noisy_classifier(100, 3), noisy_classifier(5000, 3)
    low, high = bootstrap_interval(name, *few, seed=0)
    narrow_low, narrow_high = bootstrap_interval(name, *many, seed=0)
    assert low < compute(name, *few) < high
    assert narrow_high - narrow_low < (high - low) / 3
    assert (low, high) == bootstrap_interval(name, *few, seed=0)


def test_a_perfect_score_on_few_rows_is_not_called_certain() -> None:
    truth = np.array([0, 1] * 15)
    low, high = bootstrap_interval("accuracy", truth, np.eye(2)[truth], seed=0)
    assert 0.85 < low < 0.95
    assert high == 1.0


def test_the_interval_covers_the_true_value_about_as_often_as_it_says() -> None:
    inside = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        truth = rng.normal(size=200)
        low, high = bootstrap_interval("mae", truth, truth + rng.normal(size=200), seed, n_resamples=200)
        inside += low <= np.sqrt(2 / np.pi) <= high
    assert 51 <= inside <= 60


def test_a_million_rows_are_resampled_in_seconds() -> None:
    truth, scores = noisy_classifier(1_000_000)
    start = time.perf_counter()
    low, high = bootstrap_interval("roc_auc", truth, scores, seed=0)
    assert time.perf_counter() - start < 15
    assert low < compute("roc_auc", truth, scores) < high
    assert high - low < 0.003


def test_bootstrap_weights_give_the_metric_of_the_resampled_rows() -> None:
    truth, scores = noisy_classifier(60, 3)
    rows = np.random.default_rng(0).integers(0, 60, 60)
    weights = np.bincount(rows, minlength=60)[None].astype(float)
    for name in ("accuracy", "balanced_accuracy", "f1_macro", "roc_auc", "log_loss"):
        expected = compute(name, truth[rows], scores[rows])
        assert METRICS[name].weighted(truth, scores, weights)[0] == pytest.approx(expected), name


def test_the_confusion_matrix_equals_scikit_learn() -> None:
    truth, scores = noisy_classifier(200, 4)
    said = scores.argmax(axis=1)
    assert np.array_equal(confusion_matrix(truth, scores), peers.confusion_matrix(truth, said))
    labels, flags = np.eye(4)[truth], np.eye(4)[said]
    assert np.array_equal(label_confusion(labels, flags), peers.multilabel_confusion_matrix(labels, flags))


def test_calibration_tells_honest_probabilities_from_boastful_ones() -> None:
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.5, 1.0, 20_000)
    truth = (rng.random(20_000) > sure).astype(int)
    honest = np.stack([sure, 1 - sure], axis=1)
    boastful = np.stack([sure**0.25, 1 - sure**0.25], axis=1)
    assert calibration_curve(truth, honest).error < 0.02
    assert calibration_curve(truth, boastful).error > 0.1
    assert calibration_curve(truth, honest).counts.sum() == 20_000
    assert calibration_curve(np.eye(2)[truth], honest).error < 0.02


def test_curves_have_the_areas_scikit_learn_gives_and_few_points() -> None:
    truth, scores = noisy_classifier(3000)
    roc = roc_curve(truth == 1, scores[:, 1])
    assert roc.area == pytest.approx(peers.roc_auc_score(truth, scores[:, 1]))
    assert (roc.x[0], roc.y[0], roc.x[-1], roc.y[-1]) == (0, 0, 1, 1)
    assert len(roc.x) <= 200
    precision_recall = precision_recall_curve(truth == 1, scores[:, 1])
    assert precision_recall.area == pytest.approx(peers.average_precision_score(truth, scores[:, 1]))


def test_importance_finds_the_column_that_decides() -> None:
    data = load_breast_cancer(as_frame=True)
    frame, truth = data.data[["mean radius", "mean symmetry"]], data.target.to_numpy()

    def predict(table: pd.DataFrame) -> np.ndarray:
        sure = 1 / (1 + np.exp(table["mean radius"].to_numpy() - 15))
        return np.stack([1 - sure, sure], axis=1)

    losses = permutation_importance(predict, frame, truth, "accuracy", list(frame.columns), seed=0)
    assert list(losses) == ["mean radius", "mean symmetry"]
    assert losses["mean radius"] > 0.2
    assert losses["mean symmetry"] == 0.0
