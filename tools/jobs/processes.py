"""Processes of jobs: is it alive, and how to end it with all it has started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

LABEL = "AUTOML_RUN_FOLDER"
"""Variable that every process of a job carries, so that only its own processes are ever ended."""


def start(command: Sequence[str], folder: Path, log: Path) -> tuple[int, float | None]:
    """Start a process in a session and group of its own; it goes on when this one ends.

    Args:
        command: Program and arguments.
        folder: The run folder, also the working directory.
        log: Where its output goes.

    Returns:
        Its pid, and the time it was created as the system tells it.

    Raises:
        OSError: it cannot be started.
    """
    settings = {
        **os.environ,
        LABEL: str(folder),
        "OMP_WAIT_POLICY": "passive",  # spinning threads of two busy processes stop each other
        "PYTHONUNBUFFERED": "1",
        "PYTHONFAULTHANDLER": "1",
    }
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*command], cwd=folder, env=settings, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
    # An ended child stays in the process table until somebody waits for it.
    threading.Thread(target=process.wait, name=f"reaper-{process.pid}", daemon=True).start()
    return process.pid, created(process.pid)


def python(*arguments: str) -> list[str]:
    """A command for this interpreter that does not look for modules in the working directory."""
    return [sys.executable, "-P", *arguments]


def created(pid: int) -> float | None:
    """When a process was created; None when there is none."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None


def is_alive(pid: int | None, create_time: float | None) -> bool:
    """Whether that very process still runs (a reused pid and a process nobody waited for do not count)."""
    if pid is None or create_time is None:
        return False
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - create_time) < 1.0 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def members(group: int, folder: Path) -> list[psutil.Process]:
    """The live processes of a job's group."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == group and process.environ().get(LABEL) == str(folder):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def end(pid: int, create_time: float | None, folder: Path, grace_s: float) -> None:
    """Ask a job's process to stop, wait for `grace_s`, then end what is left of its group.

    The first signal goes to the job's own process alone: it ends its workers in an orderly way, and no trial is
    taken for failed because its worker was ended first.
    """
    if is_alive(pid, create_time):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        wait(pid, create_time, grace_s)
    left = members(pid, folder)
    for process in left:
        try:
            process.kill()
        except psutil.Error:
            continue
    psutil.wait_procs(left, timeout=2.0)


def wait(pid: int, create_time: float | None, seconds: float) -> bool:
    """Wait until a process has ended; False when it still runs after `seconds`."""
    deadline = time.monotonic() + seconds
    while is_alive(pid, create_time):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.03)
    return True
