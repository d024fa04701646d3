"""A search goes on whatever becomes of its workers: killed ten times over, or held to little memory."""

from __future__ import annotations

import os
import random
import re
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.engine.list_sink import ListSink
from tests.engine.test_experiment import command, descendants, plan
from tools.core.errors import ResourceError
from tools.core.records import Limits
from tools.engine.experiment import run_experiment

pytestmark = pytest.mark.slow
KILLS = 10


def test_ten_killed_workers_cost_no_finished_trial(tmp_path: Path) -> None:
    killed: list[int] = []
    over = threading.Event()
    draw = random.Random(0)

    def kill_now_and_then() -> None:
        while len(killed) < KILLS and not over.wait(1.5):
            workers = [pid for pid in descendants(os.getpid()) if "forkserver" in command(parent(pid))]
            if workers:
                killed.append(draw.choice(workers))
                os.kill(killed[-1], signal.SIGKILL)

    sink = ListSink()
    killer = threading.Thread(target=kill_now_and_then)
    killer.start()
    try:
        run_experiment(plan("digits", time_s=60, ensemble=False), tmp_path, sink, time.time())
    finally:
        over.set()
        killer.join()
    assert len(killed) == KILLS
    numbers = [trial.number for trial in sink.trials]
    assert len(numbers) == len(set(numbers)), "no trial is told twice"
    finished = [trial for trial in sink.trials if trial.status == "completed"]
    assert len(finished) >= 3
    failed = [trial for trial in sink.trials if trial.status == "failed"]
    assert failed
    assert all(trial.error and "signal 9" in trial.error.message for trial in failed)
    assert sink.fields["test"]["accuracy"] > 0.9


def test_four_hundred_megabytes_are_kept_to_or_refused_with_what_would_do(tmp_path: Path) -> None:
    asked = plan("digits", time_s=40, limits={"max_memory": 400_000_000}, families=["cnn"])
    sink = ListSink()
    with pytest.raises(ResourceError, match="memory") as raised:
        run_experiment(asked, tmp_path, sink, time.time())
    assert "MB" in raised.value.hint
    enough = re.search(r"(\d+) MB", raised.value.hint)
    assert enough
    limits = {"max_memory": int(1.05e6 * int(enough[1]))}
    run_experiment(asked.model_copy(update={"limits": Limits(time_s=40, **limits)}), tmp_path / "b", sink, time.time())
    check = next(check for check in sink.fields["constraints"] if check.name == "max_memory")
    assert check.met, f"{check.measured} bytes were used"


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
