"""Attachments in a typed line."""

from __future__ import annotations

from pathlib import Path

import pytest

from ui.commands.attachments import split_attachments


@pytest.mark.parametrize(
    ("line", "text", "names"),
    [
        ("predict churned @a.csv", "predict churned", ["a.csv"]),
        ("predict churned @my file.csv", "predict churned", ["my file.csv"]),
        ('predict churned @"my file.csv" in a minute', "predict churned in a minute", ["my file.csv"]),
        ("what is in @my file.csv, please?", "what is in please?", ["my file.csv"]),
        ("what is in @a.csv.", "what is in", ["a.csv"]),
        ("@a.csv and @my file.csv", "and", ["a.csv", "my file.csv"]),
        ("write to me@a.csv", "write to me@a.csv", []),
        ('no @"such file.csv"  here', 'no @"such file.csv"  here', []),
        ("@", "@", []),
    ],
)
def test_files_are_found_in_a_line(
    line: str, text: str, names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.csv", "my file.csv"):
        Path(name).write_text("a,b\n1,2\n")
    assert split_attachments(line) == (text, tuple(str(tmp_path / name) for name in names))
