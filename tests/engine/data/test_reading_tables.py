"""Tables of every format come out alike: names, types, missing values."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tools.engine.data.read import from_frame, load

ROWS = [("Anna", 34, 1.5, "yes"), ("Bo", 51, 2.25, "no"), ("Cem", 28, 0.5, "yes"), ("Dana", 45, 3.0, "no")] * 4
COLUMNS = ["name", "age", "score", "churned"]
FRAME = pd.DataFrame(ROWS, columns=COLUMNS)


def write(path: Path, content: str | bytes) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def delimited(mark: str) -> str:
    return "\n".join(mark.join(str(cell) for cell in row) for row in [COLUMNS, *ROWS]) + "\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", delimited(",")),
        ("a.csv", delimited(";")),
        ("a.csv", delimited("|")),
        ("a.tsv", delimited("\t")),
        ("a.txt", delimited("\t")),
        ("a.csv", "\ufeff" + delimited(",")),
        ("a.csv", delimited(",").replace("\n", "\r\n")),
        ("a.csv", delimited(", ")),
        ("a.dat", delimited("  ")),
        ("a.csv", delimited(",").encode("utf-16")),
        ("a.csv.gz", gzip.compress(delimited(",").encode(), mtime=0)),  # the time would be part of the test's name
        ("a.jsonl", "\n".join(json.dumps(dict(zip(COLUMNS, row, strict=True))) for row in ROWS)),
        ("a.json", json.dumps([dict(zip(COLUMNS, row, strict=True)) for row in ROWS])),
    ],
)
def test_text_formats_give_the_same_table(tmp_path: Path, name: str, content: str | bytes) -> None:
    dataset = load(write(tmp_path / name, content))
    assert list(dataset.frame.columns) == COLUMNS
    assert dataset.modality == "tabular"
    assert dataset.frame["age"].tolist() == FRAME["age"].tolist()
    assert dataset.frame["score"].tolist() == FRAME["score"].tolist()
    assert dataset.frame["churned"].tolist() == FRAME["churned"].tolist()


def test_parquet_and_excel_give_the_same_table(tmp_path: Path) -> None:
    FRAME.to_parquet(tmp_path / "a.parquet")
    FRAME.to_excel(tmp_path / "a.xlsx", index=False)
    for name in ("a.parquet", "a.xlsx"):
        dataset = load(str(tmp_path / name))
        assert dataset.frame.astype(object).values.tolist() == FRAME.astype(object).values.tolist()


def test_the_other_sheets_of_a_workbook_are_named(tmp_path: Path) -> None:
    with pd.ExcelWriter(tmp_path / "a.xlsx") as book:
        FRAME.to_excel(book, sheet_name="first", index=False)
        FRAME.to_excel(book, sheet_name="second", index=False)
    assert "'second'" in load(str(tmp_path / "a.xlsx")).details["warnings"][0]


def test_a_zip_with_one_table_is_that_table(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("folder/a.csv", delimited(","))
    assert load(str(tmp_path / "a.zip")).n_rows == len(ROWS)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "latin-1", "utf-16", "cp1251"])
def test_encodings_are_found_out(tmp_path: Path, encoding: str) -> None:
    word = "привет мир" if encoding == "cp1251" else "Köln à côté"
    lines = "".join(f"{word} {i},{i},{'ja' if i % 2 else 'nein'}\n" for i in range(30))
    dataset = load(write(tmp_path / "a.csv", ("stadt,zahl,antwort\n" + lines).encode(encoding)))
    assert dataset.frame.iloc[3, 0] == f"{word} 3"


def test_quotes_protect_delimiters_and_line_breaks(tmp_path: Path) -> None:
    text = 'city,note,n\n"Rome, Italy","two\nlines ""quoted""",1\n' + "Oslo,plain,2\n" * 12
    frame = load(write(tmp_path / "a.csv", text)).frame
    assert frame.iloc[0].tolist() == ["Rome, Italy", 'two\nlines "quoted"', 1]


def test_a_carriage_return_inside_a_cell_ends_no_line(tmp_path: Path) -> None:
    path = tmp_path / "notes.csv"
    path.write_bytes(b"note,label\n" + b"see here\rand there,yes\nplain,no\n" * 6)
    frame = load(str(path)).frame
    assert len(frame) == 12
    assert frame["note"].iloc[0] == "see here and there"
    path.write_bytes(b"note,label\n" + b"see here \r\r\r and there,yes\nplain,no\n" * 6)
    assert len(load(str(path)).frame) == 12
    path.write_bytes(b"a,b\r\r\n" + b"1,2\r\r\n" * 12)
    assert load(str(path)).frame["b"].tolist() == [2] * 12
    path.write_bytes(b"a,b\r1,2\r3,4\r" * 1)
    assert load(str(path)).frame["a"].tolist() == [1, 3]


def test_decimal_commas_and_thousands_are_read_where_they_are_clear(tmp_path: Path) -> None:
    lines = ["preis;menge;umsatz;rate"] + [f"{i},5;{i};1.23{i % 10},50;{i}%" for i in range(1, 20)]
    frame = load(write(tmp_path / "a.csv", "\n".join(lines))).frame
    assert frame["preis"].iloc[0] == 1.5
    assert frame["umsatz"].iloc[0] == 1231.5
    assert frame["rate"].tolist() == list(range(1, 20))
    us = load(write(tmp_path / "b.csv", "a,b\n" + '"1,200",$5\n"13,400",$6.50\n' * 6)).frame
    assert us["a"].tolist()[:2] == [1200, 13400]
    assert us["b"].tolist()[:2] == [5.0, 6.5]


def test_only_the_documented_words_are_missing(tmp_path: Path) -> None:
    text = "level,size\n" + "\n".join(
        f"{word},{i}" for i, word in enumerate(["None", "none", "-", "NA", "N/A", "?", "null", "NaN", ""] * 3)
    )
    level = load(write(tmp_path / "a.csv", text)).frame["level"]
    assert level.dropna().unique().tolist() == ["None", "none", "-"]
    assert int(level.isna().sum()) == 18


def test_column_names_are_repaired_with_a_warning(tmp_path: Path) -> None:
    dataset = load(write(tmp_path / "a.csv", "a,,a, b \n" + "1,2,3,x\n2,3,4,y\n" * 6))
    assert list(dataset.frame.columns) == ["a", "column_2", "a_2", "b"]
    assert len(dataset.details["warnings"]) == 2


def test_a_file_without_header_gets_names(tmp_path: Path) -> None:
    iris = "5.1,3.5,1.4,0.2,setosa\n" + "4.9,3.0,1.4,0.2,setosa\n6.2,3.4,5.4,2.3,virginica\n" * 6
    dataset = load(write(tmp_path / "iris.data", iris))
    assert dataset.n_rows == 13
    assert list(dataset.frame.columns) == [f"column_{i}" for i in range(1, 6)]
    assert "no header" in dataset.details["warnings"][0]
    years = "country,2019,2020\n" + "Chad,1,2\nPeru,3,4\n" * 6
    assert list(load(write(tmp_path / "y.csv", years)).frame.columns) == ["country", "2019", "2020"]


def test_dates_become_dates(tmp_path: Path) -> None:
    lines = [f"2024-01-{i:02d},{i}.02.2024,0{i % 9 + 1}/25/2023,{i % 2}" for i in range(1, 29)]
    frame = load(write(tmp_path / "a.csv", "iso,german,us,y\n" + "\n".join(lines))).frame
    assert [str(frame[name].iloc[2].date()) for name in ("iso", "german", "us")] == [
        "2024-01-03",
        "2024-02-03",
        "2023-04-25",
    ]


def test_words_among_numbers_count_as_missing_with_a_warning(tmp_path: Path) -> None:
    lines = [f"{'unknown' if i == 7 else i * 1.5},{i % 2}" for i in range(60)]
    dataset = load(write(tmp_path / "a.csv", "x,y\n" + "\n".join(lines)))
    assert np.isnan(dataset.frame["x"].iloc[7])
    assert "'unknown'" in dataset.details["warnings"][0]


def test_json_lists_and_nested_objects_become_columns(tmp_path: Path) -> None:
    lines = "\n".join(json.dumps({"tags": ["a", "b"], "in": {"ner": i}, "y": i % 2 == 0}) for i in range(12))
    frame = load(write(tmp_path / "a.jsonl", lines)).frame
    assert frame["tags"].iloc[0] == "a|b"
    assert frame["in.ner"].tolist() == list(range(12))


def test_npz_tables_are_found_by_shape(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X=np.random.default_rng(0).normal(size=(30, 3)), y=np.arange(30) % 3)
    dataset = load(str(tmp_path / "a.npz"))
    assert (dataset.modality, dataset.target, dataset.frame.shape) == ("tabular", "target", (30, 4))


def test_a_text_column_with_labels_is_a_text_dataset(tmp_path: Path) -> None:
    lines = "\n".join(f'"the parcel number {i} did not arrive, please help",{"a" if i % 2 else "b"}' for i in range(40))
    dataset = load(write(tmp_path / "a.csv", "message,label\n" + lines))
    assert (dataset.modality, dataset.details["text"], dataset.target) == ("text", "message", "label")


def test_names_beside_real_columns_stay_a_table(tmp_path: Path) -> None:
    lines = "\n".join(f'"Braund, Mr. Owen {i}",{i},{i % 3},{i * 1.5},{i % 2}' for i in range(60))
    assert load(write(tmp_path / "a.csv", "name,age,class,fare,survived\n" + lines)).modality == "tabular"


def test_plain_text_is_a_corpus_of_blocks(tmp_path: Path) -> None:
    dataset = load(write(tmp_path / "a.txt", "It was a dark and stormy night.\n" * 100))
    assert dataset.modality == "corpus"
    assert set(dataset.frame["text"].str.len()) == {64}
    assert dataset.details["after"] == "I"


def test_the_fingerprint_follows_the_content(tmp_path: Path) -> None:
    first = load(write(tmp_path / "a.csv", delimited(",")))
    again = load(write(tmp_path / "b.csv", delimited(",")))
    other = load(write(tmp_path / "c.csv", delimited(",").replace("34", "35")))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert len(first.fingerprint) == 16


def test_rows_in_memory_are_tidied_like_a_file() -> None:
    frame = pd.DataFrame({"age": ["34", "?"], "city": [" Rome ", None], "empty": [None, None]})
    dataset = from_frame(frame, "request", "tabular", {"text": "x"})
    assert dataset.frame["age"].iloc[0] == 34
    assert dataset.frame["city"].iloc[0] == "Rome"
    assert dataset.n_rows == 2
    assert dataset.details["text"] == "x"


def test_only_a_line_feed_ends_a_json_line(tmp_path: Path) -> None:
    strings = [f"first\u2028second\u0085third {i}" for i in range(12)]
    lines = "\r\n".join(json.dumps({"t": text, "y": i % 2}, ensure_ascii=False) for i, text in enumerate(strings))
    assert load(write(tmp_path / "a.jsonl", lines)).frame["t"].tolist() == strings
