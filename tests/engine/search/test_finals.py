"""The finals' rules: who can be afforded, and who is compared on which folds."""

from __future__ import annotations

from pathlib import Path

from tools.core.records import Resources, TrialRecord
from tools.engine.execution.messages import Finished
from tools.engine.search.finals import FOLDS, affordable, judge, seconds_needed


def trial(number: int, training_s: float = 1.0, score: float = 0.9) -> TrialRecord:
    resources = Resources(training_time=training_s)
    return TrialRecord(number=number, model_architecture="one", resources=resources, score=score, objective=score)


def end(score: float) -> Finished:
    return Finished(0, score, {"accuracy": score}, 1, (3.0,), (), "completed", 0.1)


def test_only_finalists_that_fit_the_time_are_compared_and_never_one_alone() -> None:
    finalists = [trial(1, 1.0), trial(2, 50.0), trial(3, 1.0)]
    assert [record.number for record in affordable(finalists, 2, 10.0)] == [1, 3]
    assert affordable(finalists, 2, 4.0) == []
    ahead = [trial(1, 50.0, score=0.95), trial(2), trial(3)]
    assert affordable(ahead, 2, 10.0) == [], "one that is well ahead must take part"
    assert len(affordable([trial(1, 50.0, score=0.91), trial(2), trial(3)], 2, 10.0)) == 2
    assert seconds_needed([], 2) == 0.0


def test_finalists_are_compared_on_the_folds_they_all_have(tmp_path: Path) -> None:
    finalists = [trial(1), trial(2), trial(3)]
    results = {1: {0: end(0.9), 1: end(0.8), 2: end(0.1)}, 2: {0: end(0.8), 1: end(0.8)}, 3: {0: end(1.0)}}
    winners = judge(finalists, results, tmp_path)
    assert [(one.record.number, round(one.metrics["accuracy"], 3)) for one in winners] == [(1, 0.85), (2, 0.8)]
    assert winners[0].best_epochs == (3.0, 3.0)
    assert FOLDS == 5


def test_no_winner_without_enough_folds_in_common(tmp_path: Path) -> None:
    results = {1: {0: end(0.9), 1: end(0.9)}, 2: {2: end(0.9), 3: end(0.9)}}
    assert judge([trial(1), trial(2)], results, tmp_path) == []
