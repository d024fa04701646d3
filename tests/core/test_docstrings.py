"""Public examples in docstrings run."""

import doctest
import importlib
import pkgutil

import pytest

import tools.core

MODULES = [f"tools.core.{module.name}" for module in pkgutil.iter_modules(tools.core.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
