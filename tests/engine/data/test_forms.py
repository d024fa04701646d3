"""A new file is read the way the training data was written, whatever can be seen in the new file alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tools.engine.data.dataset import Dataset
from tools.engine.data.forms import Form, forms_from_state, forms_state
from tools.engine.data.modalities.tabular import TabularEncoder
from tools.engine.data.read import from_frame, load
from tools.engine.data.target import TargetEncoder


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


@pytest.fixture
def training(tmp_path: Path) -> Dataset:
    lines = ["when;price;code;paid;y"]
    for i in range(40):
        day = "25/12/2020" if i == 0 else f"{i % 12 + 1:02d}/04/2021"
        price = "12,5" if i % 2 else f"1,{200 + i}"
        lines.append(f"{day};{price};{'A7' if i % 3 else '007'};{'true' if i % 4 else 'false'};{'a' if i % 2 else 'b'}")
    return load(write(tmp_path / "train.csv", "\n".join(lines)), "y")


def stored(dataset: Dataset) -> TabularEncoder:
    """An encoder as it comes out of a bundle."""
    encoder = TabularEncoder()
    encoder.fit(dataset, np.arange(dataset.n_rows))
    return TabularEncoder.from_state(json.loads(json.dumps(encoder.state())))


def days(text: str) -> float:
    return (np.datetime64(text) - np.datetime64("1970-01-01")) / np.timedelta64(1, "D")


@pytest.mark.parametrize("mark", [";", ",", "\t"])
def test_one_row_of_a_file_is_read_as_in_training(tmp_path: Path, training: Dataset, mark: str) -> None:
    encoder = stored(training)
    cells = ["03/04/2021", '"1,234"', "007", "true"]
    text = mark.join(["when", "price", "code", "paid"]) + "\n" + mark.join(cells) + "\n"
    new = load(write(tmp_path / "new.csv", text), forms=encoder.forms)
    raw = encoder.raw_inputs(new, np.arange(1))
    assert raw["when"][0, 0] == days("2021-04-03")
    assert raw["price"][0, 0] == pytest.approx(1.234)
    assert raw["code"][0, 0] == "007"
    assert raw["paid"][0, 0] == "True"
    assert encoder.transform(new, np.arange(1))["cat"].min() > 0, "every level is known"


def test_rows_in_memory_are_read_as_in_training(training: Dataset) -> None:
    encoder = stored(training)
    rows = pd.DataFrame(
        {"when": ["03/04/2021"] * 2, "price": ["1,234", 1.234], "code": ["007", "A7"], "paid": ["TRUE", False]}
    )
    raw = encoder.raw_inputs(from_frame(rows, "new", "tabular", forms=encoder.forms), np.arange(2))
    assert raw["when"][:, 0].tolist() == [days("2021-04-03")] * 2
    assert raw["price"][:, 0] == pytest.approx([1.234, 1.234]), "a number is no text and stays what it is"
    assert raw["code"][:, 0].tolist() == ["007", "A7"]
    assert raw["paid"][:, 0].tolist() == ["True", "False"]


def test_codes_of_digits_stay_codes_in_every_format(tmp_path: Path, training: Dataset) -> None:
    encoder = stored(training)
    row = {"when": ["2021-04-03"], "price": [1.5], "code": ["007"], "paid": [True]}
    pd.DataFrame(row).to_excel(tmp_path / "new.xlsx", index=False)
    pd.DataFrame(row).to_parquet(tmp_path / "new.parquet")
    (tmp_path / "new.jsonl").write_text(json.dumps({name: values[0] for name, values in row.items()}))
    for name in ("new.xlsx", "new.parquet", "new.jsonl"):
        new = load(str(tmp_path / name), forms=encoder.forms)
        assert encoder.raw_inputs(new, np.arange(1))["code"][0, 0] == "007"
        assert encoder.raw_inputs(new, np.arange(1))["price"][0, 0] == 1.5


def test_a_date_of_the_other_order_is_not_guessed(tmp_path: Path) -> None:
    lines = [f"{i % 12 + 1:02d}/{i % 20 + 5:02d}/2021,{i % 2}" for i in range(60)]
    encoder = stored(load(write(tmp_path / "us.csv", "when,y\n" + "\n".join(lines)), "y"))
    assert encoder.forms["when"] == Form("date", day_first=False)
    new = load(write(tmp_path / "new.csv", "when,y\n25/12/2020,1\n12/25/2020,0\n"), forms=encoder.forms)
    assert new.frame["when"].tolist() == ["25/12/2020", "12/25/2020"], "what does not fit is left for a refusal"
    found = encoder.raw_inputs(new, np.arange(2))["when"][:, 0]
    assert np.isnan(found[0])
    assert found[1] == days("2020-12-25")


def test_what_training_does_not_tell_the_new_file_tells(tmp_path: Path) -> None:
    lines = [f"{i * 1.5},2021-01-{i % 28 + 1:02d},{i % 2}" for i in range(40)]
    encoder = stored(load(write(tmp_path / "plain.csv", "x,when,y\n" + "\n".join(lines)), "y"))
    new = load(write(tmp_path / "new.csv", "x;when\n12,5;25.12.2020\n1,25;03.04.2021\n"), forms=encoder.forms)
    raw = encoder.raw_inputs(new, np.arange(2))
    assert raw["x"][:, 0].tolist() == [12.5, 1.25]
    assert raw["when"][:, 0].tolist() == [days("2020-12-25"), days("2021-04-03")]


def test_a_word_that_meant_missing_in_training_means_it_again(tmp_path: Path) -> None:
    lines = [f"{'unknown' if i == 7 else i * 1.5},{i % 2}" for i in range(60)]
    encoder = stored(load(write(tmp_path / "a.csv", "x,y\n" + "\n".join(lines)), "y"))
    new = load(write(tmp_path / "new.csv", "x,z\nunknown,1\n2.5,1\n"), forms=encoder.forms)
    assert new.frame["x"].isna().tolist() == [True, False]
    assert new.frame["x"].iloc[1] == 2.5


def test_the_classes_of_a_labelled_file_are_read_as_in_training(tmp_path: Path) -> None:
    lines = [f"{i},{'007' if i % 2 else 'A7'}" for i in range(40)]
    dataset = load(write(tmp_path / "a.csv", "x,y\n" + "\n".join(lines)), "y")
    target = TargetEncoder()
    target.kind, target.column, target.classes, target.form = "classification", "y", ("007", "A7"), dataset.forms["y"]
    again = TargetEncoder.from_state(json.loads(json.dumps(target.state())))
    assert again.form == Form("text")
    new = load(write(tmp_path / "new.csv", "x,y\n1,007\n2,007\n"), "y", {"y": again.form})
    assert again.truth(new, np.arange(2)).tolist() == [0, 0]


def test_a_state_without_forms_is_read_as_before(training: Dataset) -> None:
    state = stored(training).state()
    del state["forms"]
    old = TabularEncoder.from_state(state)
    assert old.forms == {}
    assert old.raw_inputs(training, np.arange(3)).keys() == stored(training).raw_inputs(training, np.arange(3)).keys()
    bare = TargetEncoder().state()
    del bare["form"]
    assert TargetEncoder.from_state(bare).form is None


def test_forms_survive_json(training: Dataset) -> None:
    assert forms_from_state(json.loads(json.dumps(forms_state(training.forms)))) == training.forms
    assert training.forms == {
        "when": Form("date", day_first=True),
        "price": Form("number", comma_is_decimal=True),
        "code": Form("text"),
        "paid": Form("boolean"),
        "y": Form("text"),
    }
