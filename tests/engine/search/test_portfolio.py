"""The measured portfolio: its file fits the families there are, and it is chosen as it says."""

from __future__ import annotations

import json

import pytest

from evals.portfolio import choose
from tests.engine.fake_family import FakeFamily, make_fold
from tools.engine.families.family import FAMILIES
from tools.engine.search.portfolio import Entry, portfolio
from tools.engine.search.space import make_space, probe


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_every_entry_names_a_family_and_parameters_it_has(kind: str) -> None:
    entries = portfolio("tabular", kind)
    spec = make_fold().spec
    for entry in entries:
        family = FAMILIES.get(entry.family)
        known = probe(family, spec)
        assert set(entry.params) - {"loss"} <= set(known)
        assert family.modality == "tabular"


def test_nothing_was_measured_for_other_data() -> None:
    assert portfolio("corpus", "generation") == ()


def test_an_entry_follows_the_defaults_it_starts_from() -> None:
    space = make_space({"one": FakeFamily("one")}, make_fold().spec, {})
    second = space.defaults("one")[1]
    assert Entry("one", 1).within(space) == second
    assert Entry("one", 1, {"width": 9}).within(space) == {**second, "width": 9}
    assert Entry("one", 99).within(space) is None
    assert Entry("absent").within(space) is None


def test_the_choice_is_greedy_by_gain_for_time() -> None:
    scores = {  # on tables a and b, and seconds
        "quick": (0.8, 0.8, 1.0), "best": (1.0, 0.9, 8.0), "same": (1.0, 0.9, 9.0), "other": (0.5, 1.0, 4.0),
        "bad": (0.1, 0.1, 1.0), "worse": (0.2, 0.2, 1.0),
    }  # fmt: skip
    rows = [
        {
            "table": table,
            "kind": "classification",
            "entry": json.dumps({"family": name}),
            "score": values[column],
            "cpu_s": values[2],
        }
        for name, values in scores.items()
        for column, table in enumerate(("a", "b"))
    ]
    assert [entry.family for entry in choose(rows)] == ["quick", "other", "best"], "and none that adds nothing"
