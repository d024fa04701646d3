"""What every modality must keep: state through JSON, graph equal to transform, fitted on the given rows only."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import onnxruntime as ort
import pandas as pd
import pytest

from tools.core.config import ValidationSpec
from tools.core.errors import TaskError
from tools.engine.data.dataset import Dataset
from tools.engine.data.modality import MODALITIES, Encoder
from tools.engine.data.profile import profile
from tools.engine.data.read import from_frame, load
from tools.engine.data.split import split


def mixed_table() -> Dataset:
    rng = np.random.default_rng(0)
    n = 200
    frame = pd.DataFrame(
        {
            "id": [f"K{i}" for i in range(n)],
            "num": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n) * 1e3),
            "city of birth": rng.choice(["Rome", "Köln", "None", "東京"], n),
            "label": rng.choice([True, False], n),
            "maybe": pd.Series(rng.choice(["x", "y", ""], n)),
            "since": pd.date_range("2020-01-01", periods=n, freq="7h").strftime("%Y-%m-%d %H:%M:%S"),
            "many": [f"v{i}" for i in rng.integers(0, 90, n)],
            "y": rng.choice(["no", "yes"], n),
        }
    )
    return replace(from_frame(frame, "mixed", "tabular"), target="y")


def only(columns: list[str]) -> Dataset:
    dataset = mixed_table()
    return replace(dataset, frame=dataset.frame[[*columns, "y"]])


EXAMPLES = {
    "tabular": [
        mixed_table,
        lambda: only(["num"]),
        lambda: only(["city of birth"]),
        lambda: load("iris"),
        lambda: wide_table(),
    ],
    "image": [lambda: load("digits")],
    "text": [lambda: load("support_messages")],
    "corpus": [lambda: load("tiny_corpus")],
}
CASES = [(name, number) for name in MODALITIES.names() for number in range(len(EXAMPLES[name]))]


def fit(name: str, number: int) -> tuple[Dataset, Encoder, np.ndarray, np.ndarray]:
    dataset = EXAMPLES[name][number]()
    modality = MODALITIES.get(name)
    task = modality.task(dataset, None, None, None)
    parts = split(dataset, task, ValidationSpec(), 0)
    encoder = modality.encoder()
    encoder.fit(dataset, parts.train)
    return dataset, encoder, parts.train, parts.test


def equal(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> bool:
    return list(left) == list(right) and all(
        np.array_equal(left[k], right[k], equal_nan=left[k].dtype.kind == "f") for k in left
    )


@pytest.mark.parametrize(("name", "number"), CASES)
def test_the_state_survives_json(name: str, number: int) -> None:
    dataset, encoder, _, test = fit(name, number)
    again = MODALITIES.get(name).encoder_from_state(json.loads(json.dumps(encoder.state())))
    assert again.state() == encoder.state()
    assert equal(again.transform(dataset, test), encoder.transform(dataset, test))
    assert again.files() == encoder.files()


@pytest.mark.parametrize(("name", "number"), CASES)
def test_the_graph_gives_what_transform_gives(name: str, number: int) -> None:
    dataset, encoder, _, test = fit(name, number)
    raw, encoded, graph = encoder.raw_inputs(dataset, test), encoder.transform(dataset, test), encoder.graph()
    if graph is None:
        assert equal(raw, encoded)
        return
    session = ort.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    assert [entry.name for entry in session.get_inputs()] == list(raw)
    for rows in (slice(0, 1), slice(0, 7), slice(None)):
        found = session.run(None, {key: array[rows] for key, array in raw.items()})
        names = [output.name for output in session.get_outputs()]
        assert [output.removeprefix("encoded_") for output in names] == list(encoded)
        assert equal(dict(zip(encoded, found, strict=True)), {key: array[rows] for key, array in encoded.items()})


@pytest.mark.parametrize(("name", "number"), CASES)
def test_shapes_and_types_are_as_promised(name: str, number: int) -> None:
    dataset, encoder, train, test = fit(name, number)
    spec = encoder.spec(MODALITIES.get(name).task(dataset, None, None, None), len(train))
    inputs = encoder.transform(dataset, test)
    assert spec.n_train == len(train)
    if name == "tabular":
        assert inputs["num"].shape == (len(test), spec.n_numeric)
        assert inputs["cat"].shape == (len(test), len(spec.cardinalities))
        assert (inputs["num"].dtype, inputs["cat"].dtype) == (np.float32, np.int64)
        assert all(inputs["cat"][:, i].max() < size for i, size in enumerate(spec.cardinalities))
    elif name == "image":
        assert inputs["pixels"].shape == (len(test), *spec.image_shape)
        assert inputs["pixels"].dtype == np.uint8
    else:
        assert inputs["tokens"].shape == (len(test), spec.sequence_length)
        assert inputs["tokens"].dtype == np.int64
        assert inputs["tokens"].max() < spec.vocab_size
        assert inputs["tokens"].min() >= 0


@pytest.mark.parametrize(("name", "number"), CASES)
def test_only_the_given_rows_are_looked_at(name: str, number: int) -> None:
    dataset, encoder, train, test = fit(name, number)
    frame = dataset.frame.copy()
    for column in frame.columns:
        strange = (
            1e9 if pd.api.types.is_numeric_dtype(frame[column].dtype) and frame[column].dtype != bool else "Ω strange"
        )
        if not pd.api.types.is_datetime64_any_dtype(frame[column].dtype) and column != dataset.target:
            frame[column] = frame[column].astype(object if isinstance(strange, str) else float)
            frame.loc[frame.index[test], column] = strange
    other = MODALITIES.get(name).encoder()
    other.fit(replace(dataset, frame=frame), train)
    assert other.state() == encoder.state()


@pytest.mark.parametrize(("name", "number"), CASES)
def test_the_profile_is_json_and_names_the_modality(name: str, number: int) -> None:
    found = profile(EXAMPLES[name][number]())
    assert found.modality == name
    assert json.loads(found.model_dump_json())["n_rows"] == found.n_rows


@pytest.mark.parametrize(("name", "number"), CASES)
def test_new_rows_need_no_target(name: str, number: int) -> None:
    dataset, encoder, _, test = fit(name, number)
    bare = replace(dataset, frame=dataset.frame.drop(columns=[dataset.target] if dataset.target else []), target=None)
    assert equal(encoder.raw_inputs(bare, test), encoder.raw_inputs(dataset, test))


def test_an_unknown_target_is_refused_with_close_matches() -> None:
    for name in MODALITIES.names():
        with pytest.raises(TaskError) as caught:
            profile(EXAMPLES[name][0](), "speciess")
        assert caught.value.hint


def test_missing_columns_are_named_and_unknown_levels_are_zero() -> None:
    dataset, encoder, _, _ = fit("tabular", 0)
    with pytest.raises(TaskError, match="'num'") as caught:
        encoder.raw_inputs(replace(dataset, frame=dataset.frame.drop(columns=["num", "many"])), np.arange(2))
    assert caught.value.details["missing"] == ["num", "many"]
    new = from_frame(dataset.frame.iloc[:1].assign(**{"city of birth": "Atlantis", "num": "n.a."}), "new", "tabular")
    inputs = encoder.transform(new, np.arange(1))
    assert inputs["cat"][0, 0] == 0
    assert np.isnan(inputs["num"][0, 0])


def test_what_is_dropped_says_why_and_the_word_none_is_a_level() -> None:
    _, encoder, _, _ = fit("tabular", 0)
    state = encoder.state()
    assert state["dropped"] == {"id": "an identifier"}
    assert "None" in state["levels"]["city of birth"]
    assert state["dates"] == ["since"]
    assert state["levels"]["label"] in (["False", "True"], ["True", "False"])


def test_a_lone_column_that_counts_up_is_used() -> None:
    frame = pd.DataFrame({"x": range(50), "y": np.arange(50) * 2.5})
    encoder = MODALITIES.get("tabular").encoder()
    encoder.fit(replace(from_frame(frame, "t", "tabular"), target="y"), np.arange(50))
    assert encoder.state()["numeric"] == ["x"]


def test_nothing_to_learn_from_is_explained() -> None:
    frame = pd.DataFrame({"one": [1] * 50, "y": np.arange(50) * 2.5})
    encoder = MODALITIES.get("tabular").encoder()
    with pytest.raises(TaskError, match="'one' is the same value everywhere"):
        encoder.fit(replace(from_frame(frame, "t", "tabular"), target="y"), np.arange(50))


def wide_table() -> Dataset:
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in rng.zipf(1.3, 5000).clip(max=900)]
    words[7] = ""
    return replace(from_frame(pd.DataFrame({"w": words, "y": ["a", "b"] * 2500}), "t", "tabular"), target="y")


def test_high_cardinality_keeps_the_most_frequent_levels_and_one_for_the_others() -> None:
    dataset = wide_table()
    encoder = MODALITIES.get("tabular").encoder()
    encoder.fit(dataset, np.arange(5000))
    state = encoder.state()
    assert len(state["levels"]["w"]) == 254
    assert state["levels"]["w"][0] == "w1"
    assert encoder.spec(MODALITIES.get("tabular").task(dataset, "y", None, None), 5000).cardinalities == (256,)
    rows = from_frame(
        pd.DataFrame({"w": ["w1", "w900x", None, dataset.frame["w"].value_counts().index[-1]]}), "n", "tabular"
    )
    assert encoder.transform(rows, np.arange(4))["cat"][:, 0].tolist() == [1, 255, 0, 255]
    del state["others"]
    old = MODALITIES.get("tabular").encoder_from_state(state)
    assert old.transform(rows, np.arange(4))["cat"][:, 0].tolist() == [1, 0, 0, 0]


def test_the_profile_names_what_is_not_used_whole() -> None:
    assert [text for text in profile(wide_table()).warnings if "most frequent 254" in text and "'w'" in text]
