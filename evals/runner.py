"""Run a conversation suite against the agent and report what it got right."""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from evals.fixtures import make_fixtures
from evals.play import Mode, TurnReport, play
from evals.report import summary
from evals.suite import Conversation, load_suite, sample
from tools.core.errors import TaskError

Work = tuple[Conversation, Path, Mode, str | None, int]


def run_suite(
    suite: Path | str,
    *,
    lm: str | None = None,
    data_dir: Path | None = None,
    mode: Mode = "plan",
    trials: int = 1,
    jobs: int = 1,
    count: int | None = None,
    seed: int = 0,
    progress: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Play every conversation `trials` times and judge each turn.

    Args:
        suite: A YAML file or a folder of them.
        lm: Language model (default: the settings' own, which is the built-in planner without any).
        data_dir: Where attached files lie; default freshly made ones.
        mode: "plan" replaces training and running models by canned results; "full" runs small real jobs, and leaves
            out conversations whose tools or jobs must behave as told.
        trials: Times each conversation is played (pass^k: right every time).
        jobs: Processes that play conversations side by side.
        count: Play only so many conversations, spread over the categories (see `evals.suite.sample`); default all.
        seed: Decides which ones.
        progress: Takes a line now and then.

    Returns:
        The report (see `evals.report.summary`).

    Raises:
        TaskError: the suite or an attached file is missing or malformed.
    """
    conversations = load_suite(Path(suite))
    able = [one for one in conversations if mode == "plan" or not one.staged]
    skipped = len(conversations) - len(able)
    if count is not None:
        able = sample(able, count, seed)
    with tempfile.TemporaryDirectory(prefix="automl-evals-") as scratch:
        files = (data_dir or make_fixtures(Path(scratch) / "files")).absolute()
        _check_files(able, files)
        work: list[Work] = [(one, files, mode, lm, trial) for trial in range(trials) for one in able]
        played: list[list[TurnReport]] = []
        for turns in _played(work, jobs):
            played.append(turns)
            progress(f"{len(played)} of {len(work)} conversations")
    return summary(played, trials, skipped)


def _played(work: list[Work], jobs: int) -> Iterator[list[TurnReport]]:
    if jobs == 1:
        yield from map(_play, work)
        return
    # Fresh processes: a forked one would inherit the thread that runs the turns, but not its life.
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(_play, work, chunksize=4)


def _play(work: Work) -> list[TurnReport]:
    return play(*work)


def _check_files(conversations: list[Conversation], files: Path) -> None:
    for conversation in conversations:
        for name in (name for turn in conversation.turns for name in turn.attach):
            if not (files / name).exists():
                raise TaskError(
                    f"Conversation '{conversation.id}' attaches '{name}', which is not in '{files}'.",
                    hint="Give the folder that holds it with --data-dir.",
                )
