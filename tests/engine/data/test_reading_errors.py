"""Every unusable source ends in one plain sentence and a hint."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from tools.core.errors import TaskError
from tools.engine.data.modality import MODALITIES
from tools.engine.data.read import load

GOOD = "a,b\n" + "1,x\n2,y\n" * 8


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b" \n\n", "is empty"),
        ("a.csv", b"a,b,c\n", "only one line"),
        ("a.csv", b"a,b\n1,2\n3,4,5\n6,7\n", "Line 3 of 'a.csv' has 3 fields, but the first line has 2"),
        ("a.csv", b"a,b\n1,2\n3\n6,7\n", "Line 3 of 'a.csv' has 1 fields"),
        ("a.csv", b'a,b\n1,"x\n' + b"2,y\n" * 8, "never closed"),
        ("a.csv", bytes(range(256)) * 20, "not text"),
        ("a.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(200), "not text"),
        ("a.xlsx", b"not a workbook", "cannot be read as an Excel workbook"),
        ("a.xls", b"old", "old Excel format"),
        ("a.parquet", b"PAR1 nonsense", "cannot be read as Parquet"),
        ("a.jsonl", b'{"a": 1}\n{broken\n', "Line 2 of 'a.jsonl'"),
        ("a.jsonl", b"[1, 2]", "Item 1"),
        ("a.json", b"[]", "no objects"),
        ("a.npz", b"nonsense", "cannot be read as a NumPy archive"),
        ("a.zip", b"nonsense", "not a zip file"),
        ("a.csv.gz", b"nonsense", "not a gzip file"),
        ("a.docx", b"PK", "ending '.docx'"),
        ("a", b"1,2", "no ending"),
        ("a.txt", b"too short", "too short to learn from"),
        ("a.png", b"not a picture", "can be read"),
    ],
)
def test_unusable_files_are_explained(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TaskError) as caught:
        load(str(tmp_path / name))
    assert said in caught.value.message
    assert caught.value.hint
    assert str(tmp_path) not in str(caught.value)


def test_the_line_number_counts_lines_inside_quotes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('a,b\n"two\nlines",1\n1,2,3\n')
    with pytest.raises(TaskError, match="Line 4") as caught:
        load(str(tmp_path / "a.csv"))
    assert caught.value.details["expected"] == 2


def test_a_zip_and_a_folder_without_pictures(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("readme.docx", "hello")
    with pytest.raises(TaskError, match="no pictures"):
        load(str(tmp_path / "a.zip"))
    (tmp_path / "folder").mkdir()
    with pytest.raises(TaskError, match="no pictures"):
        load(str(tmp_path / "folder"))


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X=np.array([{"a": 1}], dtype=object), y=np.arange(1))
    with pytest.raises(TaskError, match="Python objects"):
        load(str(tmp_path / "a.npz"))


def test_a_missing_file_names_the_samples() -> None:
    with pytest.raises(TaskError, match="Did you mean 'iris'") as caught:
        load("irsi")
    assert "breast_cancer" in caught.value.hint


def test_a_missing_target_lists_close_matches(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("age,churned\n" + "1,yes\n2,no\n" * 8)
    with pytest.raises(TaskError, match="Did you mean 'churned'"):
        load(str(tmp_path / "a.csv"), "churn")
    assert load(str(tmp_path / "a.csv"), "Churned").target == "churned"


@pytest.mark.parametrize(
    ("content", "target", "kind", "metric", "said"),
    [
        ("a,b\n" + "1,x\n2,x\n" * 8, "b", None, None, "same value in every row"),
        ("a,b\n" + "1,x\n2,y\n" * 2, "b", None, None, "at least 10 are needed"),
        ("a,b\n" + "1,\n2,\n" * 8, "b", None, None, "missing in every row"),
        (GOOD, "b", "regression", None, "holds words"),
        (GOOD, "b", "generation", None, "generation"),
        (GOOD, "b", None, "rmse", "cannot judge a classification"),
        (GOOD, "b", None, "beauty", "not a known metric"),
        ("a,b\n" + "\n".join(f"{i % 2},w{i}" for i in range(40)), "b", None, None, "different values"),
        ("a,b\n" + "\n".join(f"{i % 2},2024-01-{i:02d}" for i in range(1, 29)), "b", None, None, "holds dates"),
    ],
)
def test_unusable_targets_are_explained(
    tmp_path: Path, content: str, target: str, kind: str | None, metric: str | None, said: str
) -> None:
    (tmp_path / "a.csv").write_text(content)
    dataset = load(str(tmp_path / "a.csv"), target)
    with pytest.raises(TaskError) as caught:
        MODALITIES.get(dataset.modality).task(dataset, target, kind, metric)
    assert said in caught.value.message
    assert caught.value.hint
