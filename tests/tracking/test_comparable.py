"""Numbers are only compared where that says something."""

from __future__ import annotations

from tools._history_words import verdict
from tools.core.records import ExperimentPlan, ExperimentRecord
from tools.tracking.comparable import incomparable, other_data
from tools.tracking.store import Store


def add(store: Store, dataset: str, target: str, metric: str, value: float) -> ExperimentRecord:
    record = store.create(ExperimentPlan(dataset=dataset, target=target), dataset)
    store.update(record.id, metric=metric, test={metric: value}, task="classification")
    return store.settle(record.id, "completed")


def test_a_winner_is_named_only_among_comparable_experiments(history: Store) -> None:
    first, second, failed = history.list()
    assert verdict([first, second], None) == "By accuracy, experiment 2 is best."
    assert not incomparable([first, second, failed])
    other = add(history, "digits", "digit", "accuracy", 0.99)
    assert "different data (iris and digits)" in verdict([first, other], None)
    column = add(history, "iris", "colour", "accuracy", 0.99)
    named = history.update(first.id, plan=first.plan.model_copy(update={"target": "species"}))
    assert "different columns (species and colour)" in verdict([named, column], None)
    judged = add(history, "iris", "species", "f1_macro", 0.99)
    assert "different metrics (accuracy and F1 macro average)" in verdict([named, judged], None)
    assert not incomparable([named, judged], "accuracy")


def test_the_best_of_a_mixed_history_names_the_other_data(history: Store) -> None:
    found = history.best()
    assert found is not None
    assert other_data(found, history.list()) == ""  # the one on wine has no result
    add(history, "digits", "digit", "accuracy", 0.5)
    assert other_data(found, history.list()).startswith("Experiments on digits are about other data")
