"""Greedy selection takes what helps, respects limits, and leaves a single model alone when nothing helps."""

import doctest

import numpy as np
import pytest

from tools.engine.search import ensemble
from tools.engine.search.ensemble import greedy_selection


@pytest.fixture
def truth():
    return np.random.default_rng(0).normal(size=400)


def noisy(truth, scale, seed):
    return truth + np.random.default_rng(seed).normal(scale=scale, size=truth.shape)


def error_of(truth):
    return lambda mean, members: -float(np.square(mean - truth).mean())


def test_independent_errors_average_out(truth):
    candidates = [noisy(truth, 0.5 + 0.01 * seed, seed) for seed in range(1, 6)]
    weights = greedy_selection(candidates, error_of(truth), max_members=5)
    assert len(weights) >= 4
    assert sum(weights.values()) == pytest.approx(1)
    mean = sum(weight * candidates[number] for number, weight in weights.items())
    assert np.square(mean - truth).mean() < 0.5 * np.square(candidates[0] - truth).mean()


def test_a_bad_candidate_is_left_out(truth):
    weights = greedy_selection([noisy(truth, 0.1, 1), noisy(truth, 5.0, 2)], error_of(truth), max_members=5)
    assert weights == {0: 1.0}


def test_equal_candidates_stay_one_model(truth):
    same = noisy(truth, 0.3, 1)
    assert greedy_selection([same, same.copy(), same.copy()], error_of(truth), max_members=3) == {0: 1.0}


def test_no_more_members_than_asked(truth):
    candidates = [noisy(truth, 0.5, seed) for seed in range(1, 9)]
    assert len(greedy_selection(candidates, error_of(truth), max_members=3)) == 3


def test_a_set_that_breaks_a_limit_is_never_chosen(truth):
    sizes = [10, 10, 100]

    def value(mean, members):
        return -np.inf if sum(sizes[number] for number in members) > 50 else error_of(truth)(mean, members)

    candidates = [noisy(truth, 0.5, 1), noisy(truth, 0.5, 2), noisy(truth, 0.2, 3)]
    assert set(greedy_selection(candidates, value, max_members=3)) == {0, 1}


def test_the_example_runs():
    assert doctest.testmod(ensemble).failed == 0
