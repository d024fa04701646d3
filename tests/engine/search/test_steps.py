"""What is tried first under limits: nothing that was not looked at is thrown away."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.fake_family import FakeFamily, make_fold
from tools.core.errors import ResourceError
from tools.core.records import Limits
from tools.engine.search.budget import Budget
from tools.engine.search.feasibility import Cost, Feasibility
from tools.engine.search.space import make_space
from tools.engine.search.steps import architect
from tools.engine.search.study import Queued


def queued(width: int, family: str = "one") -> Queued:
    return Queued(family, {"quality": 0.5, "width": width, "batch_size": 32, "deep": False}, f"width {width}")


def feasibility(max_model_size: int | None) -> Feasibility:
    def cost(family: str, params: dict[str, Any]) -> Cost:
        return Cost(int(params["width"]) * 1000, 0.1)

    space = make_space({name: FakeFamily(name) for name in ("one", "two")}, make_fold().spec, {})
    return Feasibility(space, Limits(max_model_size=max_model_size), cost)


def in_time() -> Budget:
    return Budget(time.time(), 100.0)  # Counted from when the test runs, which may be long after collection.


def too_late() -> Budget:
    return Budget(time.time() - 100.0, 10.0)


@pytest.mark.parametrize("budget", [in_time, too_late])
def test_configurations_stay_in_their_order_when_the_first_fits(budget: Callable[[], Budget]) -> None:
    first = [queued(10), queued(4000), queued(20, "two")]
    assert architect(feasibility(1_000_000), first, budget()) == first


def test_one_that_fits_is_enough_to_keep_all() -> None:
    first = [queued(4000), queued(10), queued(3000, "two")]
    assert architect(feasibility(1_000_000), first, in_time()) == first


def test_when_none_fits_all_are_shrunk() -> None:
    found = architect(feasibility(1_000_000), [queued(4000), queued(3000, "two")], in_time())
    assert [item.family for item in found] == ["one", "two"]
    assert all(item.params["width"] <= 980 and "shrunk to fit" in item.why for item in found)


def test_what_there_was_no_time_to_look_at_stays_behind_what_was_shrunk() -> None:
    first = [queued(4000), queued(10), queued(20, "two")]
    found = architect(feasibility(1_000_000), first, too_late())
    assert "shrunk to fit" in found[0].why
    assert found[1:] == first[1:]


@pytest.mark.parametrize("budget", [in_time, too_late])
def test_a_limit_nothing_can_meet_is_refused_also_without_time(budget: Callable[[], Budget]) -> None:
    with pytest.raises(ResourceError, match="smallest model takes 4 kB of 3 kB"):
        architect(feasibility(3_000), [queued(4000), queued(10)], budget())


def test_without_limits_every_family_is_measured_once_while_there_is_time() -> None:
    first, measured = [queued(10), queued(20), queued(30, "two")], feasibility(None)
    assert architect(measured, first, in_time()) == first
    assert [measured.known_cost(item.family, item.params) is not None for item in first] == [True, False, True]
    none = feasibility(None)
    architect(none, first, Budget(time.time(), 5.0))
    assert none.costs == {}
