"""Whether Python files of a user's own may be run as models: the operator decides."""

from __future__ import annotations

import os
from pathlib import Path

from tools.core.errors import TaskError

SUFFIX = ".py"
ALLOW = "AUTOML_ALLOW_CUSTOM"


def check_allowed(path: str) -> None:
    """Refuse a file unless the operator has set `AUTOML_ALLOW_CUSTOM=1`.

    Raises:
        TaskError: with what the operator can do.
    """
    if os.environ.get(ALLOW, "") != "1":
        raise TaskError(
            f"Models from Python files are not allowed here, so '{Path(path).name}' was not run.",
            hint=f"Who runs this server can allow them: {ALLOW}=1.",
        )
