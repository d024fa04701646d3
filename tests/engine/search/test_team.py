"""An ensemble is delivered where it is better, fits the limits and can be trained in the time that is left."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tools.core.records import Limits, Resources, TrialRecord
from tools.engine.data.dataset import TaskSpec
from tools.engine.search.objective import Objective
from tools.engine.search.team import Judged, choose, read_predictions, refit_time

TASK = TaskSpec("regression", "y", "r2", 1)
OBJECTIVE = Objective({"accuracy": 1.0}, "r2", 0.0)
TRUTH = np.random.default_rng(0).normal(size=300)


def judged(number: int, noise: float, size: int = 10_000, seconds: float = 1.0) -> Judged:
    predictions = TRUTH + np.random.default_rng(number).normal(scale=noise, size=300)
    score = 1 - np.square(predictions - TRUTH).sum() / np.square(TRUTH - TRUTH.mean()).sum()
    record = TrialRecord(
        number=number, model_architecture=f"family{number}", score=score, objective=score, model_size=size,
        resources=Resources(training_time=seconds, inference_latency=0.1), metrics={"r2": score},
    )  # fmt: skip
    return Judged(record, (3.0,), {}, predictions, TRUTH)


def always(records: object) -> bool:
    return True


def test_models_with_errors_of_their_own_are_averaged() -> None:
    team = choose([judged(1, 0.4), judged(2, 0.4), judged(3, 0.45)], TASK, OBJECTIVE, Limits(), always)
    assert len(team.members) == 3
    assert team.best.number == 1
    assert sum(team.weights) == pytest.approx(1)
    assert team.metrics["r2"] > team.best.metrics["r2"]
    assert team.name.startswith("ensemble of 3 (")


def test_limits_hold_for_the_whole_ensemble() -> None:
    limits = Limits(max_model_size=25_000)
    team = choose([judged(1, 0.4), judged(2, 0.4), judged(3, 0.4)], TASK, OBJECTIVE, limits, always)
    assert len(team.members) == 2
    team = choose([judged(1, 0.4), judged(2, 0.4)], TASK, OBJECTIVE, Limits(max_latency_ms=0.15), always)
    assert [member.record.number for member in team.members] == [1]


def test_nothing_joins_that_cannot_be_trained_in_time() -> None:
    candidates = [judged(1, 0.4), judged(2, 0.4, seconds=60.0), judged(3, 0.4)]
    team = choose(candidates, TASK, OBJECTIVE, Limits(), lambda records: refit_time(records, 1, 2) < 10)
    assert {member.record.number for member in team.members} == {1, 3}


def test_choosing_ends_when_no_set_is_in_time_any_more() -> None:
    asked: list[int] = []

    def in_time(records: Sequence[TrialRecord]) -> bool:
        asked.append(len(records))
        return len(asked) < 5

    team = choose([judged(number, 0.4) for number in range(1, 9)], TASK, OBJECTIVE, Limits(), in_time)
    assert len(asked) <= 2 * 8, "one round more, and not 25"
    assert len(team.members) == 2


def test_a_clear_winner_stays_alone() -> None:
    team = choose([judged(1, 0.05), judged(2, 2.0)], TASK, OBJECTIVE, Limits(), always)
    assert [member.record.number for member in team.members] == [1]
    assert team.name == "family1"
    assert team.metrics == team.best.metrics


def test_kept_predictions_of_all_folds_follow_each_other(tmp_path: Path) -> None:
    assert read_predictions(tmp_path / "none.npz") is None
    first, second = np.ones((2, 3)), np.zeros((4, 3))
    np.savez(tmp_path / "v.npz", predictions_0=first, truth_0=first[:, 0], predictions_1=second, truth_1=second[:, 0])
    read = read_predictions(tmp_path / "v.npz")
    assert read is not None
    assert read[0].shape == (6, 3)
    assert read[1].tolist() == [1, 1, 0, 0, 0, 0]
