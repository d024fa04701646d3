"""The scalar objective, pruning, and the budget: pure rules."""

from __future__ import annotations

import math

import pytest

from tools.core.config import Objectives
from tools.core.records import Resources, TrialRecord
from tools.engine.search.budget import Budget
from tools.engine.search.objective import make_objective
from tools.engine.search.pruning import Halving


def test_accuracy_alone_is_the_metric_itself() -> None:
    objective = make_objective(Objectives(), "accuracy", 0.5, None)
    assert objective.value(0.9, 10**9, 1000.0) == pytest.approx(0.9)
    assert not objective.needs_measuring


def test_a_minimised_metric_is_its_share_below_the_baseline() -> None:
    objective = make_objective(Objectives(), "rmse", 10.0, None)
    assert objective.value(2.0, None, None) == pytest.approx(0.8)
    assert objective.value(1.0, None, None) > objective.value(2.0, None, None)


def test_weights_trade_accuracy_against_size() -> None:
    asked = Objectives(primary="accuracy", secondary="size", weights=(0.5, 0.5))
    objective = make_objective(asked, "accuracy", 0.5, None)
    assert objective.value(0.90, 10_000, None) > objective.value(0.92, 10_000_000, None)
    assert objective.value(0.90, 10_000, None) < objective.value(0.92, 10_001, None)


def test_latency_alone_still_counts_accuracy_a_little() -> None:
    objective = make_objective(Objectives(primary="latency"), "accuracy", 0.5, None)
    assert objective.goals == {"latency": 0.7, "accuracy": 0.3}
    assert objective.value(0.9, None, 1.0) > objective.value(0.5, None, 1.0)


def test_a_small_model_below_the_minimum_accuracy_does_not_win() -> None:
    asked = Objectives(primary="size", secondary="accuracy")
    objective = make_objective(asked, "accuracy", 0.5, min_accuracy=0.9)
    assert objective.value(0.91, 1_000_000, None) > objective.value(0.6, 1_000, None)


def test_the_first_trials_of_a_family_are_never_given_up() -> None:
    halving = Halving()
    assert not any(halving.report(trial, "a", 1, 1.0 - trial) for trial in range(4))
    assert not halving.report(9, "b", 1, -5.0), "another family starts afresh"


def test_a_trial_behind_the_better_half_is_given_up_at_a_rung() -> None:
    halving = Halving()
    for trial in range(4):
        halving.report(trial, "a", 1, 0.8 + trial / 100)
    assert not halving.report(10, "a", 0, 0.1), "between two rungs nothing is decided"
    assert halving.report(10, "a", 1, 0.1)
    assert not halving.report(11, "a", 1, 0.9)
    assert not halving.report(12, "a", 1, math.nan)


def test_trials_in_order_are_judged_by_those_they_may_know() -> None:
    halving = Halving()
    for trial in range(5):
        halving.report(trial, "a", 2, 0.8 + trial / 100)
    assert halving.compare("a", 2, 0.1, frozenset(range(5)))
    assert not halving.compare("a", 2, 0.1, frozenset(range(3))), "too few"
    assert not halving.compare("a", 1, 0.1, frozenset(range(5))), "nobody was seen there"


def test_a_resumed_search_knows_what_earlier_trials_had_reached() -> None:
    halving = Halving()
    for trial in range(5):
        halving.replay(trial, "a", [(0.05, 0.1), (0.07, 0.8), (0.3, 0.9)])
    assert halving.report(7, "a", 1, 0.5)
    assert halving.report(7, "a", 3, 0.85)


def test_the_budget_ends_before_the_limit_and_keeps_time_for_the_finish() -> None:
    budget = Budget(started=100.0, time_s=60.0, clock=lambda: 110.0)
    assert budget.end == 159.0
    assert budget.search_end == 157.0
    budget.plan_finish(5.0)
    budget.plan_refit(4.0)
    assert budget.search_end == pytest.approx(159.0 - 5.0 - 5.7)
    assert budget.left() == 50.0
    assert budget.trial_deadline(110.0, closing_s=0.5) < budget.search_end


def test_a_very_short_budget_still_leaves_time_to_train() -> None:
    budget = Budget(started=0.0, time_s=5.0, clock=lambda: 2.0)
    assert budget.search_end > 2.5
    assert budget.end < 5.0


def finished(score: float, size: int, latency_ms: float) -> TrialRecord:
    return TrialRecord(
        number=0, model_architecture="one", status="completed", score=score, objective=score, model_size=size,
        resources=Resources(inference_latency=latency_ms),
    )  # fmt: skip


def test_the_sampler_of_a_multi_objective_search_hears_every_goal() -> None:
    asked = Objectives(primary="accuracy", secondary="size", weights=(0.5, 0.5))
    small, good = finished(0.7, 10**4, 1.0), finished(0.9, 10**7, 1.0)
    for strategy in ("multi_objective", "evolutionary"):
        objective = make_objective(asked, "accuracy", 0.5, None, strategy)
        assert objective.apart == ("accuracy", "size")
        assert objective.told(small)[0] < objective.told(good)[0]
        assert objective.told(small)[1] > objective.told(good)[1]
    assert make_objective(asked, "accuracy", 0.5, None, "bayesian").told(small) == (0.7,)


def test_a_multi_objective_search_without_a_second_goal_weighs_latency_and_delivers_the_most_accurate() -> None:
    objective = make_objective(Objectives(), "accuracy", 0.5, None, "multi_objective")
    assert objective.apart == ("accuracy", "latency")
    assert objective.needs_measuring
    assert objective.value(0.9, None, 100.0) > objective.value(0.8, None, 0.01)
    assert make_objective(Objectives(), "accuracy", 0.5, None, "evolutionary").apart == ()
