from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tools.core.errors import ExperimentError
from tools.core.records import ExperimentPlan, JobEvent, Limits
from tools.jobs import processes
from tools.jobs.folder import Attempt, RunFolder
from tools.jobs.manager import JobManager
from tools.tracking.store import Store

COMMAND = [sys.executable, str(Path(__file__).with_name("tiny_engine.py"))]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


@pytest.fixture
def jobs(tmp_path: Path, store: Store) -> Iterator[JobManager]:
    manager = JobManager(tmp_path, store, command=COMMAND)
    yield manager
    for job in manager.running():
        manager.cancel(job.id)


def plan(wish: str, time_s: float = 30) -> ExperimentPlan:
    return ExperimentPlan(dataset="iris", request=wish, limits=Limits(time_s=time_s))


def run_to_end(jobs: JobManager, wish: str, time_s: float = 30) -> list[JobEvent]:
    return list(jobs.follow(jobs.submit(plan(wish, time_s)).id))


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_a_job_runs_in_its_own_group_and_ends_completed(jobs: JobManager, store: Store) -> None:
    events = run_to_end(jobs, "steps")
    assert [event.kind for event in events][-1] == "end"
    assert events[-1].message == "completed"
    assert {"message", "step", "progress", "trial", "end"} == {event.kind for event in events}
    assert all(event.trial.curve == () for event in events if event.trial)
    record = store.get(1)
    assert record.status == "completed"
    assert record.finished_at
    assert record.wall_s > 0
    assert record.trials == 3
    assert record.trial_counts == {"completed": 3}
    assert [step.name for step in record.steps] == ["task analysis"]
    assert record.versions["python"]
    assert record.test == {"accuracy": 0.93}
    trials = store.trials(1)
    assert [trial.number for trial in trials] == [0, 1, 2]
    assert trials[0].curve == ({"epoch": 1.0, "train_loss": 0.5},)
    assert jobs.get(1).metrics is not None
    assert RunFolder(store.folder(1)).job().plan == record.plan


def test_an_error_of_the_user_is_kept_as_it_is(jobs: JobManager, store: Store) -> None:
    run_to_end(jobs, "refuse")
    record = store.get(1)
    assert record.status == "failed"
    assert record.error is not None
    assert record.error.model_dump() == {
        "type": "task",
        "message": "The column 'x' is not there.",
        "hint": "Choose another one.",
    }


def test_a_fault_shows_no_traceback_outside_the_log(jobs: JobManager, store: Store) -> None:
    run_to_end(jobs, "crash")
    record = store.get(1)
    assert record.error is not None
    assert record.error.type == "internal"
    assert "secret" not in record.error.message
    assert "job.log" in record.error.hint
    assert "secret detail" in (store.folder(1) / "job.log").read_text()


def test_out_of_memory_is_told_as_a_resource(jobs: JobManager, store: Store) -> None:
    run_to_end(jobs, "memory")
    error = store.get(1).error
    assert error is not None
    assert error.type == "resource"
    assert "memory" in error.message


def test_an_end_without_a_model_is_a_failure(jobs: JobManager, store: Store) -> None:
    run_to_end(jobs, "quiet")
    record = store.get(1)
    assert (record.status, record.error and record.error.type) == ("failed", "optimization")


def test_cancel_stops_a_job_that_listens(jobs: JobManager, store: Store) -> None:
    job = jobs.submit(plan("wait")).id
    until(lambda: len(store.trials(job)) == 3)
    assert jobs.cancel(job).status == "cancelled"
    pid = jobs.get(job).pid
    assert not processes.is_alive(pid, processes.created(pid or 0))
    assert list(jobs.follow(job))[-1].message == "cancelled"
    assert len(store.trials(job)) == 3
    with pytest.raises(ExperimentError, match="not running"):
        jobs.cancel(job)


def test_cancel_breaks_off_a_job_that_does_not_listen(jobs: JobManager, store: Store) -> None:
    job = jobs.submit(plan("stubborn")).id
    until(lambda: len(store.trials(job)) == 3)
    began = time.monotonic()
    assert jobs.cancel(job).status == "cancelled"
    assert time.monotonic() - began < 4


def test_another_server_can_cancel_and_sees_the_job(jobs: JobManager, store: Store, tmp_path: Path) -> None:
    job = jobs.submit(plan("wait")).id
    until(lambda: len(store.trials(job)) == 3)
    other = JobManager(tmp_path, Store(tmp_path), command=COMMAND)
    assert other.reconcile() == []
    assert other.get(job).status == "running"
    assert other.cancel(job).status == "cancelled"
    assert store.get(job).status == "cancelled"


def test_a_killed_job_becomes_interrupted_and_resumes_without_losing_trials(jobs: JobManager, store: Store) -> None:
    events = run_to_end(jobs, "die")
    assert events[-1].message == "interrupted"
    record = store.get(1)
    assert record.error is not None
    assert "Resume" in record.error.hint
    assert jobs.resume(1).status == "running"
    again = list(jobs.follow(1))
    assert again[0].message.startswith("after ")  # only this attempt's events
    assert [event.kind for event in again].count("end") == 1
    assert again[-1].message == "completed"
    assert [trial.number for trial in store.trials(1)] == [0, 1, 2, 3, 4, 5]
    record = store.get(1)
    assert (record.status, record.error, record.trials) == ("completed", None, 6)
    with pytest.raises(ExperimentError, match="nothing to resume"):
        jobs.resume(1)


def test_a_running_job_is_not_resumed(jobs: JobManager, store: Store) -> None:
    job = jobs.submit(plan("wait")).id
    with pytest.raises(ExperimentError, match="is still running"):
        jobs.resume(job)


def test_sigterm_from_outside_means_interrupted(jobs: JobManager, store: Store) -> None:
    job = jobs.submit(plan("wait")).id
    until(lambda: len(store.trials(job)) == 3)
    os.kill(jobs.get(job).pid or 0, signal.SIGTERM)
    assert list(jobs.follow(job))[-1].message == "interrupted"
    assert store.get(job).status == "interrupted"


def test_a_job_that_overruns_its_budget_is_ended(jobs: JobManager, store: Store) -> None:
    began = time.monotonic()
    events = run_to_end(jobs, "late", time_s=0.5)
    assert events[-1].message == "failed"
    assert 3 <= time.monotonic() - began < 6
    error = store.get(1).error
    assert error is not None
    assert error.type == "resource"
    assert "time limit" in error.message


def test_a_dead_process_is_found_at_start_up(store: Store, tmp_path: Path) -> None:
    record = store.create(plan("steps"), "iris")
    folder = RunFolder(Path(record.folder))
    past = time.time() - 100
    # A pid in use by a process that was created at another time: a reused number.
    folder.write_attempt(Attempt(pid=os.getpid(), create_time=past, started=past, asked=past))
    changed = JobManager(tmp_path, store).reconcile()
    assert [(job.id, job.status) for job in changed] == [(1, "interrupted")]
    assert store.get(1).status == "interrupted"


def test_following_survives_a_torn_line_and_can_stop(jobs: JobManager, store: Store) -> None:
    job = jobs.submit(plan("wait")).id
    until(lambda: len(store.trials(job)) == 3)
    folder = RunFolder(store.folder(job))
    whole = JobEvent(time="now", kind="message", message="whole").model_dump_json()
    with folder.events.open("a") as file:
        file.write(whole[:10])
    seen: list[str] = []
    for event in jobs.follow(job, until=lambda: len(seen) >= 5):
        seen.append(event.kind)
    assert len(seen) == 5
    jobs.cancel(job)
    assert list(jobs.follow(job))[-1].kind == "end"


def test_a_program_that_cannot_start_is_told(tmp_path: Path, store: Store) -> None:
    manager = JobManager(tmp_path, store, command=[str(tmp_path / "missing")])
    with pytest.raises(ExperimentError, match="could not be started"):
        manager.submit(plan("steps"))
    assert store.get(1).status == "failed"


def test_an_unknown_job_is_told(jobs: JobManager) -> None:
    with pytest.raises(ExperimentError, match="no job 7"):
        jobs.get(7)
    with pytest.raises(ExperimentError, match="no job 7"):
        list(jobs.follow(7))
