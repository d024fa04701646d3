import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.ui.records import make_finished
from tools.core.records import ExperimentRecord
from tools.tracking.store import Store
from ui.cli import main

Line = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def cli(home: Path, capsys: pytest.CaptureFixture[str]) -> Line:
    """Run one command line in the test's own home; gives exit code, stdout and stderr."""

    def line(*words: str) -> tuple[int, str, str]:
        code = main([*words, "--home", str(home)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return line


@pytest.fixture
def cli_json(cli: Line) -> Callable[..., Any]:
    """Run one command line with --json and read what it printed."""

    def line(*words: str, code: int = 0) -> Any:
        found, out, err = cli(*words, "--json")
        assert found == code, (out, err)
        return json.loads(out)

    return line


@pytest.fixture
def store(home: Path) -> Store:
    home.mkdir(exist_ok=True)
    return Store(home)


@pytest.fixture
def finished(store: Store) -> ExperimentRecord:
    """A completed experiment with a bundle of two small files and one trial with a curve."""
    return make_finished(store)
