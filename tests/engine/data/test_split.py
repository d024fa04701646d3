"""Splits are deterministic, stratified, disjoint, and fair to small classes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.core.config import ValidationSpec
from tools.core.errors import TaskError
from tools.engine.data.dataset import Dataset, TaskSpec
from tools.engine.data.modality import MODALITIES
from tools.engine.data.read import from_frame, load
from tools.engine.data.split import Splits, set_aside, split

HOLDOUT, FOLDS = ValidationSpec(), ValidationSpec(method="cross_validation", folds=4)


def labelled(labels: list[str | None]) -> Dataset:
    frame = pd.DataFrame({"x": np.arange(len(labels)) * 1.5, "y": labels})
    made = from_frame(frame, "t", "tabular")
    return Dataset("t", "t", "0", "tabular", made.frame, target="y")


def split_of(name: str, validation: ValidationSpec, seed: int = 0) -> Splits:
    dataset = load(name)
    return split(dataset, MODALITIES.get(dataset.modality).task(dataset, None, None, None), validation, seed)


@pytest.mark.parametrize("validation", [HOLDOUT, FOLDS])
@pytest.mark.parametrize("name", ["iris", "digits", "diabetes", "support_messages", "tiny_corpus"])
def test_parts_are_disjoint_complete_and_repeatable(name: str, validation: ValidationSpec) -> None:
    first, again, other = (split_of(name, validation, seed) for seed in (0, 0, 1))
    n = load(name).n_rows
    assert sorted([*first.train, *first.test]) == list(range(n))
    assert abs(len(first.test) - 0.2 * n) <= 0.02 * n + 1
    assert all(np.array_equal(a, b) for a, b in zip((first.train, first.test), (again.train, again.test), strict=True))
    if name != "tiny_corpus":
        assert not np.array_equal(first.test, other.test)
    assert len(first.folds) == (1 if validation is HOLDOUT else 4 * first.repeats)
    for fit, held in first.folds:
        assert not set(fit) & set(held)
        assert set(fit) | set(held) == set(first.train)


def test_few_rows_are_divided_into_folds_several_times() -> None:
    parts = split_of("iris", FOLDS)
    held = [tuple(rows) for _, rows in parts.folds]
    assert (parts.repeats, len(held), len(set(held))) == (3, 12, 12)
    for start in range(0, 12, 4):
        assert sorted(row for rows in held[start : start + 4] for row in rows) == list(parts.train)
    assert split_of("breast_cancer", FOLDS).repeats == 1


def test_classes_keep_their_shares() -> None:
    dataset = load("breast_cancer")
    parts = split_of("breast_cancer", FOLDS)
    share = (dataset.frame["diagnosis"] == "malignant").mean()
    for rows in (parts.train, parts.test, *(held for _, held in parts.folds)):
        assert abs((dataset.frame["diagnosis"].iloc[rows] == "malignant").mean() - share) < 0.02


def test_values_keep_their_quantiles() -> None:
    values = load("diabetes").frame["progression"].to_numpy(dtype=float)
    parts = split_of("diabetes", HOLDOUT)
    assert abs(values[parts.test].mean() - values[parts.train].mean()) < 5


def test_rows_without_a_usable_target_are_in_no_part() -> None:
    dataset = labelled([*["a", "b"] * 20, None, None, "single"])
    task = MODALITIES.get("tabular").task(dataset, "y", None, None)
    parts = split(dataset, task, HOLDOUT, 0)
    assert max([*parts.train, *parts.test]) == 39


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(2, 12), min_size=2, max_size=6), st.integers(0, 3), st.booleans())
def test_every_class_can_be_fitted_on_in_every_fold(sizes: list[int], seed: int, holdout: bool) -> None:
    labels: list[str | None] = [f"c{number}" for number, size in enumerate(sizes) for _ in range(size)]
    dataset = labelled([*labels, *["c0"] * 12])
    task = TaskSpec("classification", "y", "accuracy", len(sizes), tuple(sorted(f"c{i}" for i in range(len(sizes)))))
    parts = split(dataset, task, HOLDOUT if holdout else FOLDS, seed)
    names = dataset.frame["y"].to_numpy(dtype=object)
    assert len(parts.test)
    for fit, held in parts.folds:
        assert set(names[fit]) == set(task.classes)
        assert len(held)
    in_test = Counter(names[parts.test])
    assert all(in_test[f"c{number}"] >= 1 for number, size in enumerate(sizes) if size >= 3)


def parts_of(sizes: dict[str, int], validation: ValidationSpec = HOLDOUT) -> tuple[Splits, np.ndarray]:
    dataset = labelled([name for name, size in sizes.items() for _ in range(size)])
    task = TaskSpec("classification", "y", "accuracy", len(sizes), tuple(sorted(sizes)))
    return split(dataset, task, validation, 0), dataset.frame["y"].to_numpy(dtype=object)


def test_every_class_of_three_rows_is_fitted_validated_and_tested() -> None:
    for sizes in ({f"c{i}": 3 for i in range(100)}, {"no": 500, "yes": 3}):
        parts, names = parts_of(sizes)
        (fit, held), *_ = parts.folds
        for rows in (fit, held, parts.test):
            assert set(names[rows]) == set(sizes)


def test_classes_of_two_rows_are_only_fitted_on() -> None:
    parts, names = parts_of({"a": 100, "b": 2})
    assert list(names[parts.folds[0][0]]).count("b") == 2
    assert len(parts.test) == 20
    assert len(parts.folds[0][1]) == 16


def test_a_ranking_of_two_classes_needs_both_in_every_part() -> None:
    dataset = labelled(["a"] * 100 + ["b"] * 2)
    modality = MODALITIES.get("tabular")
    with pytest.raises(TaskError, match="only 2 rows of 'y' are 'b'"):
        modality.task(dataset, "y", None, "roc_auc")
    assert modality.task(dataset, "y", None, "accuracy").metric == "accuracy"


def test_a_part_held_out_is_never_a_row_or_two_where_there_are_more() -> None:
    parts, names = parts_of({f"c{i}": 2 for i in range(100)})
    (fit, held), *_ = parts.folds
    assert len(parts.test) == len(held) == 20
    assert set(names[fit]) == {f"c{i}" for i in range(100)}


def test_a_corpus_is_cut_into_stretches() -> None:
    parts = split_of("tiny_corpus", FOLDS)
    assert np.array_equal(parts.test, np.arange(parts.test[0], parts.test[0] + len(parts.test)))
    assert parts.train.max() < parts.test.min()
    assert all((np.diff(held) == 1).all() for _, held in parts.folds)


def test_too_few_rows_for_the_folds() -> None:
    dataset = labelled(["a", "b"] * 5)
    task = MODALITIES.get("tabular").task(dataset, "y", None, None)
    with pytest.raises(TaskError, match="too few"):
        split(dataset, task, ValidationSpec(method="cross_validation", folds=20), 0)


def grouped(n_groups: int, validation: ValidationSpec) -> tuple[Dataset, Splits]:
    rng = np.random.default_rng(0)
    people = rng.integers(0, n_groups, 400)
    sick = rng.random(n_groups) < 0.3
    frame = pd.DataFrame({"person": people, "x": rng.normal(size=400), "y": np.where(sick[people], "ill", "well")})
    dataset = replace(from_frame(frame, "t", "tabular"), target="y")
    task = MODALITIES.get("tabular").task(dataset, "y", None, None)
    return dataset, split(dataset, task, validation, 0)


@pytest.mark.parametrize("method", ["holdout", "cross_validation"])
def test_rows_of_a_group_are_never_on_both_sides(method: str) -> None:
    dataset, parts = grouped(60, ValidationSpec.model_validate({"method": method, "group": "Person"}))
    people, labels = dataset.frame["person"].to_numpy(), dataset.frame["y"].to_numpy(dtype=object)
    assert not set(people[parts.train]) & set(people[parts.test])
    assert sorted([*parts.train, *parts.test]) == list(range(400))
    ill = (labels == "ill").mean()
    for fit, held in parts.folds:
        assert not set(people[fit]) & set(people[held])
        assert set(fit) | set(held) == set(parts.train)
    for rows in (parts.test, *(held for _, held in parts.folds)):
        assert 0.15 <= len(rows) / (400 if rows is parts.test else len(parts.train)) <= 0.25
        assert abs((labels[rows] == "ill").mean() - ill) < 0.1, "groups are shared out by class"


def test_few_groups_are_enough_until_there_are_too_few() -> None:
    _, parts = grouped(3, ValidationSpec(group="person"))
    assert len(parts.test)
    assert all(len(fit) and len(held) for fit, held in parts.folds)
    with pytest.raises(TaskError, match="has 2 groups, too few"):
        grouped(2, ValidationSpec(group="person"))
    with pytest.raises(TaskError, match="has 4 groups, too few for 5 fold"):
        grouped(4, ValidationSpec(method="cross_validation", group="person"))


def timed(validation: ValidationSpec, dates: list[str] | None = None) -> tuple[np.ndarray, Splits]:
    rng = np.random.default_rng(1)
    days = pd.date_range("2020-01-01", periods=100).strftime("%d/%m/%Y")
    when = rng.permutation(np.repeat(np.asarray(dates or days, dtype=object), 3))
    frame = pd.DataFrame({"when": when, "x": rng.normal(size=len(when)), "y": rng.normal(size=len(when))})
    dataset = replace(from_frame(frame, "t", "tabular"), target="y")
    task = MODALITIES.get("tabular").task(dataset, "y", None, None)
    return pd.to_datetime(frame["when"], format="%d/%m/%Y", errors="coerce").to_numpy(), split(
        dataset, task, validation, 0
    )


@pytest.mark.parametrize("method", ["holdout", "cross_validation"])
def test_the_latest_rows_are_the_test_and_the_next_latest_the_validation(method: str) -> None:
    when, parts = timed(ValidationSpec.model_validate({"method": method, "time": "when"}))
    assert when[parts.train].max() < when[parts.test].min(), "no day is on both sides"
    assert len(parts.test) == 60
    assert len(parts.folds) == (1 if method == "holdout" else 5)
    for fit, held in parts.folds:
        assert when[fit].max() < when[held].min()
    assert set(parts.folds[0][0]) | set(parts.folds[0][1]) == set(parts.train)
    if method == "cross_validation":
        everything = np.concatenate([held for _, held in parts.folds])
        assert len(set(everything)) == len(everything)


def test_columns_that_no_split_can_be_made_by_are_refused() -> None:
    with pytest.raises(TaskError, match="too few different times"):
        timed(ValidationSpec(time="when"), ["01/01/2020"] * 10)
    with pytest.raises(TaskError, match="neither dates nor numbers"):
        timed(ValidationSpec(time="when"), ["soon", "later"] * 10)
    iris = load("iris")
    with pytest.raises(TaskError, match="is the target itself"):
        set_aside(iris, ValidationSpec(group="species"))
    with pytest.raises(TaskError, match="no column 'patient'"):
        set_aside(iris, ValidationSpec(group="patient"))
    with pytest.raises(TaskError, match="plain text"):
        set_aside(load("tiny_corpus"), ValidationSpec(group="text"))
    with pytest.raises(TaskError, match="name one of the two columns"):
        ValidationSpec.read({"group": "a", "time": "b"})


def test_no_model_reads_what_groups_the_rows() -> None:
    dataset, _ = grouped(30, HOLDOUT)
    encoder = MODALITIES.get("tabular").encoder()
    encoder.fit(set_aside(dataset, ValidationSpec(group="person")), np.arange(400))
    assert encoder.state()["numeric"] == ["x"]
    assert "person" in encoder.state()["dropped"]


@pytest.mark.parametrize("named", [{}, {"group": "person"}, {"time": "x"}])
def test_the_test_rows_do_not_depend_on_how_candidates_are_validated(named: dict[str, str]) -> None:
    parts = [
        grouped(60, ValidationSpec.model_validate({"method": method, **named}))[1]
        for method in ("holdout", "cross_validation")
    ]
    assert np.array_equal(parts[0].test, parts[1].test)
    assert parts[0].validation.model_copy(update={"method": "cross_validation"}) == parts[1].validation
