"""Which task a target column asks for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tools.core.errors import TaskError
from tools.engine.data.dataset import Dataset, TaskSpec
from tools.engine.data.modality import MODALITIES
from tools.engine.data.read import from_frame, load


def choose(values: object, kind: str | None = None, modality: str = "tabular", metric: str | None = None) -> TaskSpec:
    column = pd.Series(values)
    texts = [f"a text of some words number {i}" for i in range(len(column))]
    frame = pd.DataFrame({"x": np.random.default_rng(0).normal(size=len(column)), "message": texts, "y": column})
    made = from_frame(frame, "t", "tabular", {"text": "message"})
    dataset = Dataset(
        "t", "t", "0", "text" if modality == "text" else "tabular", made.frame, target="y", details=made.details
    )
    return MODALITIES.get(dataset.modality).task(dataset, "y", kind, metric)


@pytest.mark.parametrize(
    ("values", "kind", "classes"),
    [
        (["b", "a"] * 10, "classification", ("a", "b")),
        ([True, False] * 10, "classification", ("False", "True")),
        ([2, 10, 1] * 10, "classification", (1, 2, 10)),
        ([1.0, 2.0, None] * 10, "classification", (1, 2)),
        (list(np.linspace(0, 1, 40)), "regression", ()),
        (list(range(100)), "regression", ()),
        ([0.5, 1.5] * 20, "regression", ()),
    ],
)
def test_the_target_decides(values: list[object], kind: str, classes: tuple[object, ...]) -> None:
    task = choose(values)
    assert (task.kind, task.classes) == (kind, classes)
    assert task.n_outputs == max(1, len(classes))


def test_the_users_word_wins_where_it_can() -> None:
    assert choose([1, 2, 3] * 10, "regression").kind == "regression"
    assert choose([3, 5, 8] * 10 + [100], "classification").classes == (3, 5, 8)
    assert choose([1, 2] * 10, metric="roc_auc").metric == "roc_auc"


def test_default_metrics_by_kind() -> None:
    assert choose(["a", "b"] * 10).metric == "accuracy"
    assert choose(list(np.linspace(0, 1, 40))).metric == "r2"
    assert MODALITIES.get("corpus").task(load("tiny_corpus"), None, None, None).metric == "bits_per_char"


@pytest.mark.parametrize("mark", ["|", ";", ", "])
def test_lists_of_labels_in_texts_are_multilabel(mark: str) -> None:
    cells = [mark.join(parts) for parts in [("wheat",), ("corn", "wheat"), ("corn",), ("rice", "corn"), ("rice",)]] * 8
    task = choose(cells, modality="text")
    assert task.multilabel
    assert task.classes == ("corn", "rice", "wheat")
    assert task.metric == "f1_micro"


def test_a_comma_inside_one_label_is_no_list() -> None:
    task = choose(["Home, Garden", "Sports, Outdoors"] * 20, modality="text")
    assert not task.multilabel
    assert task.classes == ("Home, Garden", "Sports, Outdoors")


def test_a_class_with_one_row_is_left_out() -> None:
    assert choose(["a", "b"] * 10 + ["c"]).classes == ("a", "b")


@pytest.mark.parametrize("header", ["x1,x2,churned", "churned,x1,x2", "x1,x2,remark"])
def test_a_constant_column_that_is_clearly_meant_is_said_rather_than_passed_over(tmp_path: Path, header: str) -> None:
    names = header.split(",")
    word = next(name for name in names if not name.startswith("x"))
    rows = [",".join("yes" if name == word else f"{i * 0.37 + len(name):.2f}" for name in names) for i in range(30)]
    (tmp_path / "a.csv").write_text("\n".join([header, *rows]))
    dataset = load(str(tmp_path / "a.csv"))
    if header == "churned,x1,x2":
        assert dataset.target == "churned"
    with pytest.raises(TaskError, match=rf"'{word}' has the same value in every row \('yes'\): there is nothing"):
        MODALITIES.get("tabular").task(dataset, None, None, None)


def test_a_constant_column_among_better_candidates_is_passed_over(tmp_path: Path) -> None:
    rows = [f"EU,{i * 0.5},{'ab'[i % 2]}" for i in range(30)]
    (tmp_path / "a.csv").write_text("\n".join(["status,x,label", *rows]))
    assert load(str(tmp_path / "a.csv")).target == "label"


def test_a_table_without_a_target_says_what_is_wrong_with_its_columns(tmp_path: Path) -> None:
    rows = [f"C-{i:03d},2024-01-{i % 28 + 1:02d}" for i in range(30)]
    (tmp_path / "a.csv").write_text("\n".join(["customer_id,day", *rows]))
    with pytest.raises(TaskError, match="'customer_id' looks like an identifier; 'day' holds dates"):
        MODALITIES.get("tabular").task(load(str(tmp_path / "a.csv")), None, None, None)


def test_measurements_are_not_trained_as_classes() -> None:
    with pytest.raises(TaskError, match="measurements rather than classes") as caught:
        MODALITIES.get("tabular").task(load("diabetes"), None, "classification", None)
    assert "regression" in caught.value.hint
    assert choose([i % 25 for i in range(200)], "classification").kind == "classification"
