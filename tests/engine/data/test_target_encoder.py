"""Targets as numbers, scores back as words."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tools.core.errors import TaskError
from tools.engine.data.dataset import Dataset, TaskSpec
from tools.engine.data.encode import encode
from tools.engine.data.modality import MODALITIES
from tools.engine.data.read import from_frame, load
from tools.engine.data.target import TargetEncoder


def fitted(dataset: Dataset, rows: np.ndarray) -> TargetEncoder:
    return TargetEncoder().fit(dataset, rows, MODALITIES.get(dataset.modality).task(dataset, None, None, None))


@pytest.mark.parametrize("name", ["iris", "diabetes", "tiny_corpus"])
def test_the_state_survives_json(name: str) -> None:
    dataset = load(name)
    target = fitted(dataset, np.arange(100))
    again = TargetEncoder.from_state(json.loads(json.dumps(target.state())))
    rows = np.arange(50)
    assert np.array_equal(again.encode(dataset, rows), target.encode(dataset, rows))
    assert again.state() == target.state()


def test_regression_is_standardised_on_the_given_rows_and_comes_back_in_its_unit() -> None:
    dataset = load("diabetes")
    rows = np.arange(0, 442, 2)
    target = fitted(dataset, rows)
    values = dataset.frame["progression"].to_numpy()[rows]
    assert target.mean == pytest.approx(values.mean())
    encoded = target.encode(dataset, rows)
    assert encoded.shape == (len(rows), 1)
    assert encoded.dtype == np.float32
    assert np.allclose(target.decode(encoded), values, atol=1e-3)


def test_classes_become_numbers_probabilities_and_labels() -> None:
    dataset = load("iris")
    target = fitted(dataset, np.arange(150))
    assert target.truth(dataset, np.array([0, 75, 149])).tolist() == [0, 1, 2]
    predictions = target.decode(np.array([[9.0, 0.0, 0.0], [0.0, 0.0, 5000.0]], np.float32))
    assert np.allclose(predictions.sum(axis=1), 1)
    assert target.labels(predictions) == ["setosa", "virginica"]


def test_multilabel_targets_are_matrices() -> None:
    cells = ["wheat", "corn|wheat", "corn", "rice|corn", "rice"] * 8
    frame = pd.DataFrame({"text": [f"a text of several words {i}" for i in range(40)], "y": cells})
    made = from_frame(frame, "t", "text", {"text": "text"})
    dataset = replace(made, target="y")
    target = fitted(dataset, np.arange(40))
    assert target.truth(dataset, np.arange(2)).tolist() == [[0, 0, 1], [1, 0, 1]]
    predictions = target.decode(np.array([[3.0, -3.0, 800.0], [-1.0, -1.0, -800.0]], np.float32))
    assert target.labels(predictions) == ["corn|wheat", ""]


def test_next_characters_cross_the_border_of_a_block() -> None:
    dataset = load("tiny_corpus")
    rows = np.arange(dataset.n_rows)
    modality = MODALITIES.get("corpus")
    encoder = modality.encoder()
    encoder.fit(dataset, rows)
    encoded = encode(dataset, rows, encoder, fitted(dataset, rows))
    tokens = encoded.inputs["tokens"]
    assert np.array_equal(encoded.target[:, :-1], tokens[:, 1:])
    assert np.array_equal(encoded.target[:-1, -1], tokens[1:, 0])
    assert encoded.target.min() > 1
    assert np.array_equal(encoded.target, fitted(dataset, rows).truth(dataset, rows))


def test_unknown_classes_and_missing_targets_are_named() -> None:
    target = fitted(load("iris"), np.arange(150))
    for labels, said in ((["setosa", "tulip"], "'tulip'"), (["setosa", None], "1 row")):
        other = from_frame(pd.DataFrame({"species": labels, "a": [1, 2]}), "new", "tabular")
        with pytest.raises(TaskError, match=said):
            target.truth(other, np.arange(2))
    with pytest.raises(TaskError, match="no column 'species'"):
        target.truth(from_frame(pd.DataFrame({"a": [1]}), "new", "tabular"), np.arange(1))


def test_numbers_written_as_text_still_mean_their_class() -> None:
    target = TargetEncoder()
    target.kind, target.column, target.classes = "classification", "y", (1, 2)
    frame = pd.DataFrame({"y": pd.Series(["1", "2"], dtype=object)})
    assert target.truth(Dataset("n", "n", "0", "tabular", frame), np.arange(2)).tolist() == [0, 1]


def test_a_target_among_the_inputs_is_refused() -> None:
    dataset = replace(load("iris"), target=None)
    encoder = MODALITIES.get("tabular").encoder()
    encoder.fit(dataset, np.arange(150))
    target = TargetEncoder().fit(
        dataset, np.arange(150), TaskSpec("classification", "species", "accuracy", 3, ("setosa",))
    )
    with pytest.raises(TaskError, match="among the model's inputs"):
        encode(dataset, np.arange(150), encoder, target)
