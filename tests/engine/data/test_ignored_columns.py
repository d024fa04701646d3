"""Columns that the user wants left out: no model, profile or leak check sees them, and nothing encoded is mixed up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tools.core.errors import TaskError
from tools.core.records import ExperimentPlan
from tools.engine.data.candidates import without_columns
from tools.engine.data.read import load
from tools.engine.execution.encoded_cache import EncodedCache
from tools.engine.search.prepare import prepare, read_source


@pytest.fixture
def leaky(tmp_path: Path) -> str:
    rng = np.random.default_rng(0)
    amount = rng.normal(size=120).round(3)
    churned = np.where(amount + rng.normal(0, 0.5, 120) > 0, "yes", "no")
    rows = [f"{a},{'R1' if c == 'yes' else 'R0'},{c}" for a, c in zip(amount, churned, strict=True)]
    file = tmp_path / "leaky.csv"
    file.write_text("\n".join(["amount,Refund code,churned", *rows]))
    return str(file)


def test_what_is_left_out_is_not_encoded_and_no_longer_warned_of(leaky: str, tmp_path: Path) -> None:
    plan = ExperimentPlan(dataset=leaky, target="churned")
    seen = read_source(plan)
    assert seen.profile.leaks == ("Refund code",)
    source = read_source(plan.model_copy(update={"ignore": ("refund_code",)}))
    assert [column.name for column in source.profile.columns] == ["amount", "churned"]
    assert source.profile.leaks == ()
    cache = EncodedCache(tmp_path / "cache")
    whole = prepare(seen, tmp_path / "a", cache)
    part = prepare(source, tmp_path / "b", cache)
    assert "cat" in whole.example
    assert not part.reused
    assert part.full.spec.cardinalities == ()
    assert part.full.spec.n_numeric == 1


@pytest.mark.parametrize(("name", "says"), [("churned", "the one to predict"), ("refund", "no column 'refund'")])
def test_what_cannot_be_left_out(leaky: str, name: str, says: str) -> None:
    with pytest.raises(TaskError, match=says):
        without_columns(load(leaky, "churned"), [name])
