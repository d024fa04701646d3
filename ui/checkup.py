"""The checks of `automl-agent doctor`: each finds one thing and says what to do about it."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from tools.core.errors import AutoMLError
from tools.core.units import format_size

OPTIONAL = {
    "sklearn": ("scikit-learn", "the built-in samples"),
    "openpyxl": ("openpyxl", "reading Excel files"),
    "pyarrow": ("pyarrow", "reading Parquet files"),
    "onnxruntime": ("onnxruntime", "running the exported models"),
    "litellm": ("litellm", "connecting language models"),
    "gradio": ("gradio", "the chat page"),
}
"""Module -> (distribution, what it is for)."""

_TORCH_PROBE = """
import json, torch
gpu = torch.cuda.is_available()
mps = bool(getattr(torch.backends, "mps", None) and torch.backends.mps.is_available())
print(json.dumps({
    "version": torch.__version__,
    "device": torch.cuda.get_device_name(0) if gpu else "Apple GPU" if mps else "CPU",
    "memory": torch.cuda.get_device_properties(0).total_memory if gpu else None,
    "threads": torch.get_num_threads(),
}))
"""
_MIN_MEMORY = 1_000_000_000
_MIN_DISK = 1_000_000_000
_PROBE_S = 2.0


class Finding(NamedTuple):
    """One check: `status` ok, limited (something is missing, the rest works) or problem."""

    name: str
    status: Literal["ok", "limited", "problem"]
    found: str
    advice: str = ""


def checkup(home: Path | None) -> list[Finding]:
    """Run all checks.

    Args:
        home: The home folder asked for; `None` is the default one.
    """
    checks: list[Callable[[], Finding]] = [
        _python,
        _torch,
        _cpu,
        _memory,
        lambda: _home(home),
        lambda: _history(home),
        _language_model,
        _packages,
    ]
    return [check() for check in checks]


def _python() -> Finding:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    return Finding("Python", "ok", found)


def _torch() -> Finding:
    """Ask in a process of its own: the command line itself never loads torch."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _TORCH_PROBE], capture_output=True, text=True, timeout=120, check=False
        )
    except subprocess.TimeoutExpired:
        return Finding("torch", "problem", "did not load within two minutes", "Close other programs and try again.")
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return Finding("torch", "problem", f"cannot be loaded: {last}", "Install it again: pip install torch")
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    memory = f" with {format_size(told['memory'])}" if told["memory"] else ""
    threads = f"{told['threads']} thread{'' if told['threads'] == 1 else 's'}"
    found = f"{told['version']}, device: {told['device']}{memory}, {threads}"
    if told["device"] == "CPU":
        return Finding("torch", "limited", found, "Trains on the CPU; a GPU needs the torch build of its driver.")
    return Finding("torch", "ok", found)


def _cpu() -> Finding:
    """Count the cores this process may really use, which in a container are fewer than the machine has."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _cgroup_cores()
    cores = min(usable, quota) if quota else usable
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    found = f"{cores:g} of {os.cpu_count()} cores usable, load {load:.1f}"
    if load > 1.5 * cores:
        return Finding("CPU", "limited", found, "Other programs keep the cores busy; searches will try fewer models.")
    return Finding("CPU", "ok", found)


def _cgroup_cores() -> float | None:
    """The container's CPU quota in cores (cgroup v2), if there is one."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else max(1.0, int(quota) / int(period))


def _memory() -> Finding:
    """The memory that is really free: the machine's, or what the container's limit leaves."""
    import psutil

    machine = psutil.virtual_memory()
    free, total = int(machine.available), int(machine.total)
    try:
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii"))
        used = int(Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii"))
        free, total = min(free, limit - used), min(total, limit)
    except (OSError, ValueError):  # no container limit ("max"), or no cgroup v2
        pass
    found = f"{format_size(free)} of {format_size(total)} free"
    if free < _MIN_MEMORY:
        return Finding("Memory", "limited", found, "Close other programs: training wants 1 GB or more.")
    return Finding("Memory", "ok", found)


def _home(home: Path | None) -> Finding:
    import tempfile

    import psutil

    from tools.tracking.home import home_folder

    try:
        folder = home_folder(home)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
    except AutoMLError as error:
        return Finding("Home folder", "problem", error.message, error.hint)
    except OSError as error:
        return Finding("Home folder", "problem", f"cannot be written: {error.strerror}", "Choose another with --home.")
    free = int(psutil.disk_usage(str(folder)).free)
    found = f"{folder}, {format_size(free)} of disk free"
    if free < _MIN_DISK:
        return Finding("Home folder", "limited", found, "Free some disk space, or choose another folder with --home.")
    return Finding("Home folder", "ok", found)


def _history(home: Path | None) -> Finding:
    from tools.workspace import open_workspace

    try:
        workspace = open_workspace(home)
        records = workspace.store.list()
        running = sum(job.status == "running" for job in workspace.jobs.list())
    except AutoMLError as error:
        return Finding("History", "problem", error.message, error.hint)
    counts = Counter(record.status for record in records)
    parts = ", ".join(f"{count} {status}" for status, count in counts.most_common())
    found = f"{len(records)} experiments" + (f" ({parts})" if parts else "") + f", {running} running jobs"
    return Finding("History", "ok", found)


def _language_model() -> Finding:
    from agent.lm.settings import lm_status
    from ui.lm_line import lm_advice, lm_sentence

    status = lm_status()
    advice = lm_advice(status)
    if not advice and (silent := silent_server(str(status["model"]))):
        found = f"{status['model']} is configured, but nothing answers at {silent}; the built-in planner answers."
        return Finding("Language model", "limited", found, "Start that server, or check AUTOML_API_BASE.")
    return Finding("Language model", "limited" if advice else "ok", lm_sentence(status), advice)


def silent_server(model: str) -> str:
    """The host and port of a server of the user's own that does not take connections; empty when all is well.

    Only a connection is opened, for two seconds at most; nothing is asked, and no key is sent. Providers on the
    internet are not tried: `doctor` also works without a network.
    """
    from agent.lm.litellm import api_base

    base = None if model == "planner" else api_base(model)
    if base is None:
        return ""
    try:
        address = urlsplit(base)
        host, port = address.hostname or "", address.port or (443 if address.scheme == "https" else 80)
    except ValueError:  # a port that is no number
        host, port = "", 0
    if not host:
        return "the address in AUTOML_API_BASE, which is not a URL"
    try:
        socket.create_connection((host, port), timeout=_PROBE_S).close()
    except OSError:
        return f"{host}:{port}"
    return ""


def _packages() -> Finding:
    missing = {package: use for module, (package, use) in OPTIONAL.items() if importlib.util.find_spec(module) is None}
    if not missing:
        return Finding("Packages", "ok", f"all there: {', '.join(package for package, _ in OPTIONAL.values())}")
    found = "missing: " + ", ".join(f"{package} ({use})" for package, use in missing.items())
    return Finding("Packages", "limited", found, f"pip install {' '.join(missing)}")
