"""What this machine really has free: cores and memory, container limits included."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

MAX_WORKERS = 8
ONE_WORKER_BYTES = 300_000_000  # private memory of a worker with torch loaded and a small data set in training
MAX_GPU_WORKERS = 6
ONE_GPU_WORKER_BYTES = 3_000_000_000  # the driver's share, and a small model with its data


@dataclass(frozen=True)
class Machine:
    """Cores and memory that a job may count on.

    Attributes:
        cores: Cores this process may run on, after affinity and container quota.
        free_cores: Those that other programs leave idle, at least one.
        memory: Bytes this process may still take, after container limits.
        device: "cuda" or "cpu".
        gpu_memory: Free bytes of the GPU; 0 when there is none or its memory is unknown.
    """

    cores: int
    free_cores: int
    memory: int
    device: str = "cpu"
    gpu_memory: int = 0


def inspect(root: Path = Path("/")) -> Machine:
    """Read affinity, cgroup limits (v2, then v1), load and free memory; missing facts count as no limit."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores = max(1, min(affinity, math.ceil(_cpu_quota(root))) if _cpu_quota(root) < math.inf else affinity)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    # Busy neighbours share fairly with us on a small machine; on a large one we keep off their cores.
    free = max(min(cores, 2), cores - math.floor(load))
    return Machine(cores=cores, free_cores=free, memory=min(_free_memory(root), _cgroup_memory(root)))


def plan_workers(
    machine: Machine, data_bytes: int, max_memory: int | None = None, max_gpu_memory: int | None = None
) -> tuple[int, int]:
    """Decide how many workers run and with how many threads each.

    One thread per worker beats several on small models, and busy-waiting threads of two workers on shared cores
    collapse; so workers come first and threads only take what is left over. A GPU is idle most of the time while one
    small model trains, so a few workers share it.

    Args:
        machine: See `inspect`.
        data_bytes: Size of the encoded data, which every worker maps.
        max_memory: Limit of the whole job in bytes.
        max_gpu_memory: Likewise of GPU memory.

    Returns:
        (number of workers, threads per worker), each at least 1.
    """
    if machine.device == "cuda":
        gpu = min(machine.gpu_memory, max_gpu_memory or machine.gpu_memory)
        workers = max(1, min(machine.free_cores // 2, MAX_GPU_WORKERS, gpu // ONE_GPU_WORKER_BYTES))
        return workers, max(1, machine.free_cores // workers)
    memory = min(machine.memory, max_memory or machine.memory)
    per_worker = ONE_WORKER_BYTES + 2 * data_bytes
    fitting = max(1, int(memory // per_worker) - 1)  # the parent holds one share itself
    workers = max(1, min(machine.free_cores, MAX_WORKERS, fitting))
    return workers, max(1, machine.free_cores // workers)


def _cpu_quota(root: Path) -> float:
    """Cores the container may use; infinity without a limit."""
    quotas = [math.inf]
    for folder in _cgroups(root, ""):
        words = _words(folder / "cpu.max")
        if len(words) == 2 and words[0] != "max":
            quotas.append(float(words[0]) / float(words[1]))
    for folder in _cgroups(root, "cpu"):
        quota, period = _words(folder / "cpu.cfs_quota_us"), _words(folder / "cpu.cfs_period_us")
        if quota and period and float(quota[0]) > 0:
            quotas.append(float(quota[0]) / float(period[0]))
    return min(quotas)


def _cgroup_memory(root: Path) -> int:
    """Bytes the container still allows; a very large number without a limit.

    Files that were read once and not again stay in memory as long as nobody wants it; what they take is free.
    """
    free = [2**62]
    for folder in _cgroups(root, ""):
        free += _left(folder, "memory.max", "memory.current", "inactive_file")
    for folder in _cgroups(root, "memory"):
        free += _left(folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    return min(free)


def _left(folder: Path, limit: str, used: str, idle: str) -> list[int]:
    asked = _words(folder / limit)
    if not asked or asked[0] == "max":
        return []
    taken = int((_words(folder / used) or ["0"])[0])
    words = (line.split() for line in _lines(folder / "memory.stat"))
    cached = next((int(pair[1]) for pair in words if len(pair) == 2 and pair[0] == idle), 0)
    return [max(0, int(asked[0]) - max(0, taken - cached))]


def _cgroups(root: Path, controller: str) -> list[Path]:
    """Folders of the groups that bind this process: its own, and those that it is part of.

    Args:
        root: Of the file system.
        controller: Of version 1, for instance "memory"; "" for version 2.
    """
    mount = root / "sys/fs/cgroup" / controller
    inside = Path()
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            inside = Path(path.lstrip("/"))
    # In a container the path is often one of the host, which is not there: then the mount itself is the own group.
    return [mount / part for part in (inside, *inside.parents) if ".." not in part.parts]


def _free_memory(root: Path) -> int:
    """`MemAvailable` in bytes; a very large number where there is no such file."""
    for line in _lines(root / "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 2**62


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def _words(path: Path) -> list[str]:
    lines = _lines(path)
    return lines[0].split() if lines else []
