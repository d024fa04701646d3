"""The joint space: scoped names, fixed parameters, defaults, the grid."""

from __future__ import annotations

import optuna
import pytest

from tests.engine.fake_family import FakeFamily, make_fold
from tools.core.config import SearchSpec
from tools.core.errors import TaskError
from tools.core.records import Proposal
from tools.engine.search.first import first_candidates
from tools.engine.search.grid import grid
from tools.engine.search.space import Dimension, Space, make_space

SPEC = make_fold().spec


def space(**fixed: object) -> Space:
    return make_space({"one": FakeFamily("one"), "two": FakeFamily("two")}, SPEC, fixed)


def test_a_trial_of_the_study_has_prefixed_names_and_the_family_sees_its_own() -> None:
    trial = optuna.trial.FixedTrial(
        {"family": "two", "two.quality": 0.5, "two.width": 8, "two.batch_size": 32, "two.deep": True, "two.layers": 3}
    )
    assert space().suggest(trial) == (
        "two", {"quality": 0.5, "width": 8, "batch_size": 32, "deep": True, "layers": 3}
    )  # fmt: skip


def test_conditional_dimensions_are_found() -> None:
    assert set(space().dimensions("one")) == {"quality", "width", "batch_size", "deep", "layers"}


def test_fixed_parameters_are_never_asked_and_always_there() -> None:
    fixed = make_space({"one": FakeFamily("one")}, SPEC, {"width": 16, "one.deep": False})
    trial = optuna.trial.FixedTrial({"family": "one", "one.quality": 0.5, "one.batch_size": 32})
    _, params = fixed.suggest(trial)
    assert params["width"] == 16
    assert params["deep"] is False
    assert "one.width" not in fixed.flat("one", params)
    assert all(params["width"] == 16 for params in fixed.defaults("one"))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("depth", 3, "no parameter"),
        ("width", 1, "from 4 to 4096"),
        ("batch_size", 17, "one of 16"),
        ("deep", 1, "one of"),
    ],
)
def test_a_fixed_parameter_that_cannot_be_is_refused_with_what_can(name: str, value: object, said: str) -> None:
    with pytest.raises(TaskError) as error:
        space(**{name: value})
    assert said in str(error.value) or "has a parameter called" in str(error.value)


def test_positions_cover_a_dimension() -> None:
    width = Dimension("w", low=4, high=64, log=True, step=1)
    assert [width.at(position) for position in (0, 0.5, 1)] == [4, 16, 64]
    assert Dimension("b", choices=(1, 2, 3)).at(1.0) == 3
    assert width.admits(5)
    assert not width.admits(5.5)


def test_first_candidates_are_proposals_then_defaults_in_turn() -> None:
    proposals = [Proposal(family="two", params={"width": 100}, reason="said so"), Proposal(family="absent")]
    first = first_candidates(space(), proposals, SearchSpec(), 0)
    assert [(item.family, item.why) for item in first[:3]] == [
        ("two", "said so"), ("one", "default of one"), ("two", "default of two")
    ]  # fmt: skip
    assert first[0].params["width"] == 100
    assert first[0].params["batch_size"] == 64, "the rest comes from the defaults"
    assert len(first) == 5
    assert len(first_candidates(space(), proposals, SearchSpec(portfolio=False), 0)) == 1


def test_the_grid_covers_every_level_without_multiplying_switched_off_parameters() -> None:
    points = grid(make_space({"one": FakeFamily("one")}, SPEC, {"quality": 0.5}), seed=0)
    # width 3 x batch_size 4 x (not deep: 1 + deep: 3 layers)
    assert len(points) == 3 * 4 * (1 + 3)
    assert len({repr(point) for point in points}) == len(points)
    assert grid(space(), 1) == grid(space(), 1)


def test_a_large_grid_is_sampled_evenly_over_families() -> None:
    points = grid(make_space({name: FakeFamily(name) for name in "abcdef"}, SPEC, {}), seed=0)
    assert len(points) <= 500
    assert {family for family, _ in points} == set("abcdef")
