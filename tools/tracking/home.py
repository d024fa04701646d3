"""Where everything lives: history, uploads, sessions and run folders."""

from __future__ import annotations

import os
from pathlib import Path

from tools.core.errors import ExperimentError


def home_folder(home: Path | str | None = None) -> Path:
    """The home folder: the argument, else `AUTOML_HOME`, else the user's data folder; made if it is not there.

    It is never the working directory by default, since a page may serve files from there.

    Raises:
        ExperimentError: the folder cannot be made or written.
    """
    chosen = home or os.environ.get("AUTOML_HOME")
    if chosen is None or not str(chosen).strip():
        from platformdirs import user_data_dir

        chosen = user_data_dir("automl-agent", appauthor=False)
    folder = Path(chosen).expanduser().absolute()
    try:
        (folder / "runs").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExperimentError(
            f"The folder '{folder}' for the history cannot be used: {error.strerror}.",
            hint="Choose another one with --home or the variable AUTOML_HOME.",
        ) from None
    if not os.access(folder, os.W_OK):
        raise ExperimentError(
            f"The folder '{folder}' for the history is not writable.",
            hint="Choose another one with --home or the variable AUTOML_HOME.",
        )
    return folder
