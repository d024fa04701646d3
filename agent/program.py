"""The optimised program: instructions that `python -m evals.optimise` found for a language model, used when present."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

from tools.tracking.files import write_atomically

logger = logging.getLogger(__name__)

FILE = "program.json"
VARIABLE = "AUTOML_PROGRAM"


def program_file(home: Path) -> Path:
    """`AUTOML_PROGRAM`, else `program.json` in the home folder; it need not be there."""
    named = os.environ.get(VARIABLE)
    return Path(named).expanduser() if named else home / FILE


def instructions(home: Path) -> str | None:
    """The optimised instructions; None without a program, or with one that cannot be read (the log says so)."""
    path = program_file(home)
    try:
        text = json.loads(path.read_text(encoding="utf-8"))["instructions"]
        if not (isinstance(text, str) and text.strip()):
            raise ValueError("its instructions are no text")
    except FileNotFoundError:
        if os.environ.get(VARIABLE):
            logger.warning("There is no optimised program at '%s', which %s names.", path, VARIABLE)
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        logger.warning("The optimised program '%s' cannot be read and is not used: %s", path, error)
        return None
    return text


def save(path: Path, text: str, **facts: Any) -> None:
    """Write a program.

    Args:
        path: The file.
        text: The instructions.
        facts: How it was made, for the reader: language model, scores before and after.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps({"instructions": text, **facts}, indent=1, ensure_ascii=False)
    write_atomically(path, content.encode())
