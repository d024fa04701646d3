"""Dropping a file into a package registers what it holds."""

import importlib
import pathlib
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import pytest

from tools.core.errors import TaskError
from tools.core.registry import Registry


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "garden"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from tools.core.registry import Registry\nPLANTS = Registry('plant', 'garden')\n"
    )
    for name in ("rose", "_soil", "oak"):
        (folder / f"{name}.py").write_text(
            textwrap.dedent(f"""
                from garden import PLANTS
                @PLANTS.register
                class Plant:
                    name = "{name}"
            """)
        )
    monkeypatch.syspath_prepend(tmp_path)
    import garden

    yield garden.PLANTS
    for name in [name for name in sys.modules if name.split(".")[0] == "garden"]:
        del sys.modules[name]


def test_every_public_module_is_found(package):
    assert package.names() == ["oak", "rose"]
    assert [plant.name for plant in package] == ["oak", "rose"]
    assert "rose" in package
    assert "_soil" not in package


def test_an_unknown_name_lists_the_known_ones(package):
    with pytest.raises(TaskError, match="no plant called 'fern'. Choose one of: oak, rose"):
        package.get("fern")


def test_two_things_cannot_share_a_name():
    registry: Registry = Registry("thing", "tests")
    registry.register(type("First", (), {"name": "same"}))
    with pytest.raises(ValueError, match="Two things of kind thing are called 'same'"):
        registry.register(type("Second", (), {"name": "same"}))


def test_threads_that_ask_at_once_all_see_everything(package):
    slow = pathlib.Path(sys.modules["garden"].__path__[0]) / "aster.py"
    slow.write_text("import time\ntime.sleep(0.3)\n" + slow.with_name("oak.py").read_text().replace("oak", "aster"))
    importlib.invalidate_caches()
    with ThreadPoolExecutor(4) as threads:
        found = [job.result() for job in [threads.submit(package.names) for _ in range(4)]]
    assert found == [["aster", "oak", "rose"]] * 4


def test_a_module_that_cannot_be_imported_does_not_hide_the_others_later(package):
    broken = pathlib.Path(sys.modules["garden"].__path__[0]) / "aster.py"
    broken.write_text("import there_is_no_such_module")
    importlib.invalidate_caches()
    with pytest.raises(ModuleNotFoundError):
        package.names()
    broken.unlink()
    importlib.invalidate_caches()
    assert package.names() == ["oak", "rose"]
