"""What one process uses and may use, read from and told to the operating system."""

from __future__ import annotations

import os
import resource
import signal
import sys
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")
_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask Linux to kill this process when the one that forked it dies (elsewhere the pipe's end does it)."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def private_bytes(pid: int) -> int:
    """Resident memory that a process does not share with files, in bytes; 0 when it is gone or unknown."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        return 0
    return (int(fields[1]) - int(fields[2])) * PAGE


def proportional_bytes(pid: int) -> int:
    """Resident memory with shared pages divided among their users (PSS), in bytes; 0 when unknown."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def reset_peak() -> None:
    """Start a new measurement of `peak_bytes` (Linux; elsewhere the peak is that of the whole life)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak_bytes() -> int:
    """Largest resident memory of this process since `reset_peak`, in bytes."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def cpu_seconds() -> float:
    """CPU time of this process so far: user and system."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def limit_memory(extra: int) -> None:
    """Let this process take `extra` bytes more than it has now; beyond that allocation fails catchably.

    RLIMIT_DATA counts private writable memory alone, so libraries and data mapped for reading do not count (a
    copy-on-write map does, in full, from the moment it is made). Where the
    system does not know it, nothing is limited here and the parent's watch on the process remains.
    """
    try:
        now = next(
            int(line.split()[1]) * 1024
            for line in Path("/proc/self/status").read_text().splitlines()
            if line.startswith("VmData:")
        )
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        wanted = now + extra
        resource.setrlimit(
            resource.RLIMIT_DATA, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard)
        )
    except (OSError, StopIteration, ValueError):
        return


def folder_bytes(folder: Path) -> int:
    """Size of all files below a folder, in bytes; files that vanish meanwhile count nothing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue
    return total
