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


@pytest.mark.parametrize(
    "files",
    [
        {
            "proc/self/cgroup": "0::/jobs/mine\n",
            "sys/fs/cgroup/jobs/mine/memory.max": "4000",
            "sys/fs/cgroup/jobs/mine/memory.current": "3900",
            "sys/fs/cgroup/jobs/mine/memory.stat": "anon 500\ninactive_file 3400\nactive_file 0\n",
            "sys/fs/cgroup/jobs/memory.max": "max",
            "sys/fs/cgroup/jobs/cpu.max": "100000 100000",
        },
        {
            "proc/self/cgroup": "5:cpu,cpuacct:/jobs\n4:memory:/jobs/mine\n",
            "sys/fs/cgroup/memory/jobs/mine/memory.limit_in_bytes": "4000",
            "sys/fs/cgroup/memory/jobs/mine/memory.usage_in_bytes": "3900",
            "sys/fs/cgroup/memory/jobs/mine/memory.stat": "inactive_file 1\ntotal_inactive_file 3400\n",
            "sys/fs/cgroup/cpu/jobs/cpu.cfs_quota_us": "100000",
            "sys/fs/cgroup/cpu/jobs/cpu.cfs_period_us": "100000",
        },
        {
            "proc/self/cgroup": "0::/docker/of/the/host\n",
            "sys/fs/cgroup/memory.max": "4000",
            "sys/fs/cgroup/memory.current": "3900",
            "sys/fs/cgroup/memory.stat": "inactive_file 3400\n",
            "sys/fs/cgroup/cpu.max": "100000 100000",
        },
    ],
    ids=["cgroup v2", "cgroup v1", "a path of the host"],
)
def test_the_own_group_counts_and_cached_files_do_not(tmp_path: Path, files: dict[str, str]) -> None:
    machine = inspect(fake_root(tmp_path, files))
    assert machine.memory == 3500
    assert machine.cores == 1


def test_the_narrowest_of_nested_limits_counts(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/a/b\n",
        "sys/fs/cgroup/a/b/memory.max": "9000",
        "sys/fs/cgroup/a/b/memory.current": "100",
        "sys/fs/cgroup/a/memory.max": "1000",
        "sys/fs/cgroup/a/memory.current": "700",
    }
    assert inspect(fake_root(tmp_path, files)).memory == 300


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


def test_a_few_workers_share_a_gpu_as_far_as_its_memory_goes() -> None:
    def workers(gigabytes: int, limit: int | None = None) -> tuple[int, int]:
        machine = Machine(cores=16, free_cores=16, memory=2**36, device="cuda", gpu_memory=gigabytes * 10**9)
        return plan_workers(machine, 10**6, None, limit)

    assert workers(80) == (6, 2)
    assert workers(8) == (2, 8)
    assert workers(80, 4 * 10**9) == (1, 16)
    assert workers(0) == (1, 16), "memory unknown"
