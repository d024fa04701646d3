"""What is said about one experiment in the terminal."""

from __future__ import annotations

from tests.ui.records import make_failed, make_finished
from tools._models import without_model
from tools._training import finished
from tools.core.records import ConstraintCheck
from tools.tracking.report import report
from tools.tracking.store import Store
from ui.summary import headline


def test_what_is_predicted_is_named(store: Store) -> None:
    record = make_finished(store)
    plan = record.plan.model_copy(update={"target": "species"})
    record = store.update(record.id, plan=plan)
    assert "iris, predicting `species`: test accuracy **0.967**" in headline(record)
    result = finished(record, ())
    assert "it predicts `species`" in result.summary
    assert result.data["target"] == "species"


def test_a_limit_that_is_not_met_is_said_first(store: Store) -> None:
    record = make_finished(store)
    check = ConstraintCheck(name="max_model_size", asked=5_000, measured=12_000, met=False)
    assert "Not met: the limit on model size." in headline(store.update(record.id, constraints=(check,)))


def test_a_job_that_took_longer_than_asked_says_both(store: Store) -> None:
    record = store.update(make_finished(store).id, wall_s=22.0)
    assert "took 22 s (20 s were asked for)" in report(store, record.id)


def test_no_model_has_a_reason_in_words(store: Store) -> None:
    assert without_model(make_failed(store)).message == "Experiment 1 has no model: it failed."
