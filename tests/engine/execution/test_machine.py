"""What is really free: container limits, load, memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.engine.execution.machine import Machine, inspect, plan_workers


def fake_root(tmp_path: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path


@pytest.mark.parametrize(
    "files",
    [
        {
            "sys/fs/cgroup/cpu.max": "100000 100000",
            "sys/fs/cgroup/memory.max": "1000",
            "sys/fs/cgroup/memory.current": "400",
        },
        {
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "1000",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "400",
        },
    ],
    ids=["cgroup v2", "cgroup v1"],
)
def test_container_limits_count(tmp_path: Path, files: dict[str, str]) -> None:
    machine = inspect(fake_root(tmp_path, files))
    assert machine.cores == machine.free_cores == 1
    assert machine.memory == 600


def test_without_limits_the_machine_itself_counts(tmp_path: Path) -> None:
    root = fake_root(tmp_path, {"sys/fs/cgroup/cpu.max": "max 100000", "proc/meminfo": "MemAvailable:  2048 kB\n"})
    assert inspect(root).memory == 2048 * 1024
    assert inspect(root).cores >= 1


def test_workers_come_first_and_threads_take_what_is_left() -> None:
    assert plan_workers(Machine(2, 2, 10**10), 10**6) == (2, 1)
    assert plan_workers(Machine(32, 32, 10**11), 10**6) == (8, 4)
    assert plan_workers(Machine(8, 8, 10**9), 10**6)[0] == 2, "memory allows no more"
    assert plan_workers(Machine(8, 8, 10**8), 10**9)[0] == 1
    assert plan_workers(Machine(16, 16, 10**11, "cuda"), 10**6) == (1, 16)
