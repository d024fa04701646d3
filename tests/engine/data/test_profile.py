"""The profile finds kinds, candidates, problems and leaks, quickly."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tools.core.records import DatasetProfile
from tools.engine.data.columns import column_kind
from tools.engine.data.dataset import Dataset
from tools.engine.data.profile import profile
from tools.engine.data.read import from_frame, load
from tools.engine.data.samples import SAMPLES


def table(frame: pd.DataFrame, target: str | None = None) -> Dataset:
    dataset = from_frame(frame, "t", "tabular")
    return Dataset(
        dataset.name, "t", dataset.fingerprint, "tabular", dataset.frame, target=target, details=dataset.details
    )


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("x", np.linspace(0, 1, 50), "number"),
        ("year", [2000 + i % 30 for i in range(60)], "number"),
        ("flag", [0, 1] * 25, "boolean"),
        ("flag", ["yes", "no"] * 25, "boolean"),
        ("flag", [True, False] * 25, "boolean"),
        ("city", ["Rome", "Oslo", "Lima"] * 20, "category"),
        ("when", [f"2024-01-{i:02d}" for i in range(1, 29)], "date"),
        ("note", [f"please call me back about case {i} soon" for i in range(50)], "text"),
        ("customer_id", [f"C-{i:05d}" for i in range(50)], "identifier"),
        ("PassengerId", [i * 3 + 7 for i in range(50)], "identifier"),
        ("n", list(range(1, 51)), "identifier"),
        ("phone", [f"+49 170 {i}" for i in range(50)], "identifier"),
        ("one", [5] * 50, "constant"),
        ("none", [None] * 50, "empty"),
        ("some", ["Y", None] * 25, "category"),
    ],
)
def test_column_kinds(name: str, values: list[object], kind: str) -> None:
    frame = from_frame(pd.DataFrame({name: values}), "t", "tabular").frame
    assert column_kind(name, frame[name]) == kind


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_samples_have_an_honest_profile(name: str) -> None:
    dataset = load(name)
    found = profile(dataset)
    assert found.n_rows == dataset.n_rows
    assert found.target == dataset.target
    assert not any("leak" in text for text in found.warnings)
    assert type(found).model_validate_json(found.model_dump_json()) == found


def test_leaks_identifiers_and_duplicates_are_told() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    frame = pd.DataFrame(
        {
            "id": np.arange(400),
            "x": rng.normal(size=400),
            "refund": y * 10 + rng.random(400),
            "y": np.where(y, "yes", "no"),
        }
    )
    found = profile(table(frame), "y")
    assert [text for text in found.warnings if "leak" in text and "'refund'" in text]
    assert not [text for text in found.warnings if "'x'" in text]
    assert [text for text in found.warnings if "identifier" in text and "'id'" in text]
    double = profile(table(pd.concat([frame, frame.iloc[:30]])), "y")
    assert double.duplicates == 30


def test_a_copy_of_a_regression_target_is_a_leak() -> None:
    rng = np.random.default_rng(0)
    price = rng.gamma(2.0, 100.0, 500)
    frame = pd.DataFrame({"size": price / 50 + rng.normal(size=500), "price_eur": price * 0.9, "price": price})
    said = [text for text in profile(table(frame), "price").warnings if "leak" in text]
    assert len(said) == 1
    assert "'price_eur'" in said[0]


def test_imbalance_single_classes_and_missing_targets_are_told() -> None:
    labels: list[str | None] = ["a"] * 90 + ["b"] * 5 + ["c"] + [None] * 4
    frame = pd.DataFrame({"x": np.random.default_rng(0).normal(size=100), "label": labels})
    text = " ".join(profile(table(frame), "label").warnings)
    assert "very unequal" in text
    assert "'c'" in text
    assert "4 row(s) have no 'label'" in text


def test_classes_with_few_rows_are_told_in_one_sentence() -> None:
    labels = ["a"] * 50 + ["b"] * 50 + ["c"] * 3 + ["d"] * 2
    frame = pd.DataFrame({"x": np.random.default_rng(0).normal(size=105), "label": labels})
    (said,) = [text for text in profile(table(frame), "label").warnings if "too few to judge" in text]
    assert "2 class(es)" in said
    assert "'c', 'd'" in said
    enough = profile(table(frame[:100]), "label")
    assert not [text for text in enough.warnings if "too few to judge" in text]


def test_candidates_are_ranked_by_name_place_and_cardinality() -> None:
    frame = pd.DataFrame(
        {
            "age": range(60, 0, -1),
            "churned": ["yes", "no"] * 30,
            "city": ["A", "B", "C"] * 20,
            "spend": np.linspace(0, 1, 60),
        }
    )
    assert profile(table(frame)).target_candidates[0] == "churned"
    plain = pd.DataFrame({"u": np.linspace(0, 1, 60), "v": np.linspace(1, 0, 60), "w": ["p", "q"] * 30})
    assert profile(table(plain)).target == "w"


def test_a_large_table_is_read_and_profiled_in_seconds(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"x{i}": rng.normal(size=100_000).round(4) for i in range(15)})
    for i in range(4):
        frame[f"c{i}"] = rng.choice([f"level {j}" for j in range(50)], 100_000)
    frame["y"] = rng.integers(0, 2, 100_000)
    dataset = table(frame, "y")
    start = time.process_time()
    profile(dataset)
    assert time.process_time() - start < 2.0


def test_a_very_wide_table_counts_all_its_columns_and_describes_the_target() -> None:
    wide = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2500)), columns=[f"x{i}" for i in range(2500)])
    found = profile(table(wide.assign(label=["a", "b"] * 30)))
    assert (found.n_columns, found.target, found.columns[-1].name) == (2501, "label", "label")
    assert len(found.columns) == 2000


def test_a_profile_kept_without_its_number_of_columns_counts_those_it_describes() -> None:
    kept = profile(load("iris")).model_dump(mode="json")
    assert kept.pop("n_columns") == 5
    assert DatasetProfile.model_validate(kept).n_columns == 5


def test_rows_that_contradict_each_other_bound_the_accuracy() -> None:
    frame = pd.DataFrame({"a": [1.5, 2.5, 3.5, 4.5] * 20, "b": [0.5, 0.25] * 40, "label": ["yes", "no"] * 40})
    assert "accuracy_ceiling" not in profile(table(frame, "label")).details
    frame.loc[:7, "label"] = ["no", "yes"] * 4
    found = profile(table(frame, "label"))
    assert found.details["accuracy_ceiling"] == pytest.approx(0.9)
    assert any("8 of 80 rows have the same inputs as others but another class" in text for text in found.warnings)
