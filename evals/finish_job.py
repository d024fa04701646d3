"""`python -m evals.finish_job FOLDER`: the job of a plan-mode world; it completes at once with a canned result."""

from __future__ import annotations

import sys
from pathlib import Path

from evals.worlds import finish_canned
from tools.jobs.folder import RunFolder
from tools.tracking.store import Store


def main(folder: Path) -> None:
    """Complete the experiment that lives in `HOME/runs/ID`."""
    store = Store(folder.parent.parent)
    finish_canned(store, store.get(int(folder.name)))
    RunFolder(folder).end("completed")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
