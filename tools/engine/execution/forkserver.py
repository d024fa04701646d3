"""The fork server, which loads torch and the families once for all workers.

This module imports nothing heavy: a job starts the fork server before it loads the engine, and both load side by side.
"""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing import forkserver

PRELOAD = ["tools.engine.execution.preload"]
INLINE_BELOW_S = 9.0
LOADING_S = 3.0


def workers_pay(left_s: float) -> bool:
    """Whether so much time is left that starting workers is worth it; else trials run in the job's own process."""
    return left_s >= INLINE_BELOW_S


def prestart(threads: int = 1) -> None:
    """Start the fork server in the background, unless it runs already.

    Args:
        threads: Threads of its OpenMP.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    wanted = {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "passive"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)  # read once, by the fork server's OpenMP; spinning threads starve their neighbours
    try:
        forkserver.ensure_running()
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
