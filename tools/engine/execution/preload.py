"""Imported by the fork server: loads torch, every family and what those need before the first worker is forked."""

from __future__ import annotations

import contextlib
import importlib

from tools.engine.execution.worker import preload

NEEDED_LATER = ("lightgbm", "sklearn.tree")  # else every worker would spend a second of its first trial on them

preload()
for name in NEEDED_LATER:
    with contextlib.suppress(ImportError, OSError):  # not installed, or without a library it needs: as for the family
        importlib.import_module(name)
