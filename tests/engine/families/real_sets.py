"""Small real data, encoded by hand, for the contract tests of families."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from sklearn import datasets

from tools.engine.data.dataset import DataSpec, Encoded, TaskSpec
from tools.engine.data.wordpiece import WordPiece, pretrained_vocabulary
from tools.engine.evaluation.baseline import trivial_predictions
from tools.engine.evaluation.metrics import METRICS, compute
from tools.engine.training.learner import FitContext


def softmax(scores: np.ndarray) -> np.ndarray:
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


@dataclass(frozen=True)
class RealSet:
    name: str
    spec: DataSpec
    train: Encoded
    validation: Encoded
    truth: np.ndarray
    truth_train: np.ndarray
    decode: Callable[[np.ndarray], np.ndarray]

    def context(self, **fields: object) -> FitContext:
        metric = self.spec.task.metric
        score = lambda raw: compute(metric, self.truth, self.decode(raw))  # noqa: E731
        maximize = METRICS[metric].direction == "maximize"
        return FitContext(**{"seed": 3, "score": score, "maximize": maximize, **fields})  # type: ignore[arg-type]

    @property
    def trivial(self) -> float:
        task = self.spec.task
        said = trivial_predictions(task, self.truth_train, len(self.truth), task.n_outputs)
        return compute(task.metric, self.truth, said)


def _halves(n: int, step: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rows = np.arange(n)
    return rows[rows % step != 0], rows[rows % step == 0]


def _classes(name: str, inputs: dict[str, np.ndarray], y: np.ndarray, **shapes: object) -> RealSet:
    k = int(y.max()) + 1
    train, validation = _halves(len(y))
    task = TaskSpec("classification", "y", "accuracy", k, tuple(range(k)))
    spec = DataSpec(n_train=len(train), task=task, **shapes)  # type: ignore[arg-type]
    encoded = Encoded(inputs, y.astype(np.int64))
    return RealSet(name, spec, encoded.rows(train), encoded.rows(validation), y[validation], y[train], softmax)


def _values(name: str, inputs: dict[str, np.ndarray], y: np.ndarray, **shapes: object) -> RealSet:
    train, validation = _halves(len(y))
    centre, spread = float(y[train].mean()), float(y[train].std())
    encoded = Encoded(inputs, ((y - centre) / spread).astype(np.float32)[:, None])
    spec = DataSpec(n_train=len(train), task=TaskSpec("regression", "y", "r2", 1), **shapes)  # type: ignore[arg-type]
    return RealSet(
        name, spec, encoded.rows(train), encoded.rows(validation), y[validation], y[train],
        lambda raw: raw[:, 0] * spread + centre,
    )  # fmt: skip


def numbers() -> RealSet:
    data = datasets.load_wine()
    inputs = {"num": data.data.astype(np.float32), "cat": np.zeros((178, 0), np.int64)}
    return _classes("numbers", inputs, data.target, modality="tabular", n_numeric=13)


def mixed_with_gaps() -> RealSet:
    """Breast cancer with a few columns cut into categories (one of them wide) and every seventh value missing."""
    data = datasets.load_breast_cancer()
    num = data.data[:, :6].astype(np.float32)
    num[np.arange(num.size).reshape(num.shape) % 7 == 0] = np.nan
    ranks = data.data[:, 6:9].argsort(axis=0).argsort(axis=0)
    cat = 1 + ranks * np.array([2, 5, 30]) // len(ranks)
    inputs = {"num": num, "cat": cat.astype(np.int64)}
    return _classes("mixed", inputs, data.target, modality="tabular", n_numeric=6, cardinalities=(3, 6, 31))


def categories_only() -> RealSet:
    data = datasets.load_breast_cancer()
    ranks = data.data[:, :4].argsort(axis=0).argsort(axis=0)
    cat = (1 + ranks * np.array([3, 4, 12, 40]) // len(ranks)).astype(np.int64)
    inputs = {"num": np.zeros((len(cat), 0), np.float32), "cat": cat}
    return _classes("categories", inputs, data.target, modality="tabular", cardinalities=(4, 5, 13, 41))


def values() -> RealSet:
    data = datasets.load_diabetes()
    inputs = {"num": data.data.astype(np.float32), "cat": np.zeros((442, 0), np.int64)}
    return _values("values", inputs, data.target, modality="tabular", n_numeric=10)


def labels() -> RealSet:
    """Iris as two labels that may both hold."""
    data = datasets.load_iris()
    y = np.stack([data.target >= 1, data.target <= 1], axis=1).astype(np.float32)
    train, validation = _halves(150)
    task = TaskSpec("classification", "y", "f1_micro", 2, ("large", "small"), multilabel=True)
    spec = DataSpec("tabular", task, len(train), n_numeric=4)
    encoded = Encoded({"num": data.data.astype(np.float32), "cat": np.zeros((150, 0), np.int64)}, y)
    return RealSet(
        "labels", spec, encoded.rows(train), encoded.rows(validation), y[validation], y[train],
        lambda raw: 1 / (1 + np.exp(-raw)),
    )  # fmt: skip


def images() -> RealSet:
    data = datasets.load_digits()
    pixels = (data.images[:600] * 15).astype(np.uint8)[:, None]
    return _classes("images", {"pixels": pixels}, data.target[:600], modality="image", image_shape=(1, 8, 8))


def image_values() -> RealSet:
    data = datasets.load_digits()
    pixels = (data.images[:300] * 15).astype(np.uint8)[:, None]
    ink = pixels[:, 0, :, 4:].mean(axis=(1, 2))
    return _values("image_values", {"pixels": pixels}, ink, modality="image", image_shape=(1, 8, 8))


_TOPICS = ("rain wind cloud storm sun warm cold snow", "goal team match player ball score coach league")

_COMMON = (
    "the a an and or but if then so as of to in on at by for from with without this that these those it he she we you "
    "they one two some any all both each few more most other such no"
)


def texts() -> RealSet:
    """Two topics whose words mix with common ones; texts of several lengths, one of them empty."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 240)
    tokens = np.zeros((240, 20), np.int64)
    for row, topic in enumerate(y):
        length = int(rng.integers(1, 20))
        common = rng.integers(17, 60, length)
        own = 1 + 8 * topic + rng.integers(0, 8, length)
        tokens[row, :length] = np.where(rng.random(length) < 0.4, own, common)
    tokens[0] = 0
    inputs = {"tokens": tokens}
    vocabulary = pretrained_vocabulary()
    if vocabulary is not None:
        words = ["", *" ".join(_TOPICS).split(), *_COMMON.split()]
        texts = [" ".join(words[number] for number in row) for row in tokens]
        inputs["pieces"] = WordPiece(vocabulary, 24).rows(texts)
    return _classes(
        "texts", inputs, y, modality="text", vocab_size=60, sequence_length=20, piece_length=24 if vocabulary else 0
    )


def corpus() -> RealSet:
    text = datasets.load_iris().DESCR + datasets.load_wine().DESCR + datasets.load_diabetes().DESCR
    ids = {letter: 1 + index for index, letter in enumerate(sorted(set(text)))}
    coded = np.array([ids[letter] for letter in text])
    length = 32
    n = (len(coded) - 1) // length
    tokens = coded[: n * length].reshape(n, length)
    following = coded[1 : n * length + 1].reshape(n, length)
    train, validation = _halves(n, 5)
    task = TaskSpec("generation", "", "bits_per_char", len(ids) + 1)
    spec = DataSpec("corpus", task, len(train), vocab_size=len(ids) + 1, sequence_length=length)
    encoded = Encoded({"tokens": tokens}, following)
    return RealSet(
        "corpus", spec, encoded.rows(train), encoded.rows(validation), following[validation], following[train], softmax
    )


@cache
def sets_for(modality: str) -> tuple[RealSet, ...]:
    makers = (numbers, mixed_with_gaps, categories_only, values, labels, images, image_values, texts, corpus)
    made = tuple(made for made in (make() for make in makers) if made.spec.modality == modality)
    assert made, f"no small real set for {modality}"
    assert all(math.isfinite(one.trivial) for one in made)
    return made
