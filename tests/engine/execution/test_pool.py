"""Workers: what a trial gives, and what a failing one costs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.engine.fake_family import find_fake, make_fold
from tools.core.errors import ResourceError
from tools.engine.execution.cache import store
from tools.engine.execution.messages import Assignment, Event, Failed, Finished, FoldFiles, Progress
from tools.engine.execution.pool import InlinePool, Pool, WorkerPool
from tools.engine.execution.worker import WorkerSetup

SETUP = WorkerSetup(threads=1, families=find_fake, memory=2_000_000_000)


@pytest.fixture(scope="module")
def fold(tmp_path_factory: pytest.TempPathFactory) -> FoldFiles:
    return store(tmp_path_factory.mktemp("cache") / "fold_0", make_fold())


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(SETUP, 2, grace_s=0.3) as pool:
        yield pool


def assignment(
    fold: FoldFiles, trial: int, folder: Path | None = None, deadline_s: float = 30.0, **params: object
) -> Assignment:
    return Assignment(
        trial, "fake", params, (fold, fold), "accuracy", True, 0, time.time() + deadline_s,
        folder / str(trial) if folder else None,
    )  # fmt: skip


def hear(pool: Pool, n: int, timeout_s: float = 30.0) -> list[Event]:
    """Wait for n trials to end."""
    events: list[Event] = []
    until = time.time() + timeout_s
    while sum(not isinstance(event, Progress) for event in events) < n and time.time() < until:
        events += pool.poll(0.2)
    return events


def until_free(pool: WorkerPool, n: int) -> None:
    until = time.time() + 30
    while pool.free < n and time.time() < until:
        pool.poll(0.2)
    assert pool.free == n


def ends(events: list[Event]) -> list[Event]:
    return [event for event in events if not isinstance(event, Progress)]


@pytest.mark.parametrize("inline", [True, False], ids=["inline", "workers"])
def test_a_trial_gives_score_metrics_curve_usage_and_checkpoint(
    inline: bool, pool: WorkerPool, fold: FoldFiles, tmp_path: Path
) -> None:
    chosen: Pool = InlinePool(SETUP) if inline else pool
    chosen.submit(assignment(fold, 1, tmp_path, quality=1.0, epochs=6))
    (end,) = ends(hear(chosen, 1))
    assert isinstance(end, Finished)
    assert end.ending == "completed"
    assert end.score == pytest.approx(end.metrics["accuracy"]) == pytest.approx(0.98, abs=0.02)
    assert "roc_auc" in end.metrics
    assert [row["epoch"] for row in end.curve] == [1, 2, 3, 4, 5, 6]
    assert end.best_epochs == (6, 6)
    assert end.usage.peak_memory > 10_000_000
    assert (tmp_path / "1" / "fold_1").exists()
    kept = np.load(tmp_path / "1" / "validation.npz")
    assert kept["predictions_0"].shape == (100, 2)


@pytest.mark.parametrize(
    ("mode", "reason"),
    [("crash", "crashed"), ("kill", "killed"), ("memory", "out of memory"), ("nan", "not finite"), ("bug", "crashed")],
)
def test_a_failing_trial_costs_itself_alone(pool: WorkerPool, fold: FoldFiles, mode: str, reason: str) -> None:
    pool.submit(assignment(fold, 1, mode=mode))
    pool.submit(assignment(fold, 2, step_s=0.05))
    first, second = sorted(ends(hear(pool, 2)), key=lambda event: event.trial)
    assert isinstance(first, Failed)
    assert first.reason == reason
    assert isinstance(second, Finished)
    pool.submit(assignment(fold, 3))
    (third,) = ends(hear(pool, 1))
    assert isinstance(third, Finished), "the pool is whole again"
    assert len(pool.pids) == 2


def test_a_hung_trial_is_killed_soon_after_its_deadline(pool: WorkerPool, fold: FoldFiles) -> None:
    pool.submit(assignment(fold, 1, mode="hang", deadline_s=0.3))
    begun = time.time()
    (end,) = ends(hear(pool, 1))
    assert isinstance(end, Failed)
    assert end.reason == "hung"
    assert time.time() - begun < 3.0


def test_a_worker_killed_from_outside_is_replaced(pool: WorkerPool, fold: FoldFiles) -> None:
    pool.submit(assignment(fold, 1, step_s=0.5, epochs=50))
    pool.poll(0.3)
    victim = pool.running_on(1)
    assert victim is not None
    os.kill(victim, signal.SIGKILL)
    (end,) = ends(hear(pool, 1))
    assert isinstance(end, Failed)
    assert "signal 9" in end.message
    assert victim not in pool.pids


def test_a_trial_at_its_deadline_returns_its_best_so_far(pool: WorkerPool, fold: FoldFiles) -> None:
    pool.submit(assignment(fold, 1, deadline_s=0.6, step_s=0.1, epochs=1000, quality=0.9))
    (end,) = ends(hear(pool, 1))
    assert isinstance(end, Finished)
    assert end.ending == "deadline"
    assert end.score > 0.4


@pytest.mark.parametrize("keep", [True, False])
def test_a_stopped_trial_ends_after_its_step(pool: WorkerPool, fold: FoldFiles, tmp_path: Path, keep: bool) -> None:
    pool.submit(assignment(fold, 1, tmp_path, step_s=0.05, epochs=10_000))
    while not pool.poll(0.1):
        pass
    pool.stop(1, keep)
    (end,) = ends(hear(pool, 1))
    assert isinstance(end, Finished)
    assert end.ending == "stopped"
    assert (tmp_path / "1").exists() == keep


def test_an_abandoned_trial_frees_its_worker_at_once(pool: WorkerPool, fold: FoldFiles) -> None:
    pool.submit(assignment(fold, 1, mode="hang", deadline_s=100))
    pool.poll(0.1)
    pool.abandon(1)
    until_free(pool, 2)
    pool.submit(assignment(fold, 2))
    (end,) = ends(hear(pool, 1))
    assert end.trial == 2


def test_workers_are_gone_after_close(fold: FoldFiles) -> None:
    pool = WorkerPool(SETUP, 2)
    pids = pool.pids
    pool.submit(assignment(fold, 1, mode="hang", deadline_s=100))
    pool.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_worker_is_free_once_it_has_started(fold: FoldFiles) -> None:
    with WorkerPool(SETUP, 1) as pool:
        assert pool.free == 0, "the time of a trial does not run meanwhile"
        until_free(pool, 1)
        pool.submit(assignment(fold, 1))
        assert pool.free == 0


def test_workers_that_were_given_no_time_to_start_are_not_taken_for_broken(fold: FoldFiles) -> None:
    with WorkerPool(SETUP, 1) as pool:
        for number in range(4):
            pool.submit(assignment(fold, number))
            pool.abandon(number)
        pool.submit(assignment(fold, 9))
        assert isinstance(ends(hear(pool, 1))[0], Finished)


def test_workers_that_cannot_start_are_told_in_one_sentence() -> None:
    broken = WorkerSetup(threads=0, families=find_fake)
    with WorkerPool(broken, 1) as pool, pytest.raises(ResourceError, match="cannot be started here"):
        hear(pool, 1)


def test_the_fork_server_is_started_without_loading_anything_heavy() -> None:
    code = "import sys, tools.jobs.run; print([name for name in ('torch', 'numpy') if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
