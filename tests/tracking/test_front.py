"""The Pareto front, and what is told of it when a limit is not met."""

from __future__ import annotations

from pathlib import Path

from tools.core.records import BestModel, ExperimentPlan, ExperimentRecord, TrialRecord
from tools.tracking.front import front, neighbours
from tools.tracking.plots import plot
from tools.tracking.store import Store
from tools.tracking.wording import front_sentence


def trial(
    number: int, score: float | None, size: int | None, status: str = "completed", latency: float | None = 0.1
) -> TrialRecord:
    return TrialRecord.model_validate(
        {
            "number": number,
            "score": score,
            "model_size": size,
            "status": status,
            "model_architecture": f"m{number}",
            "resources": {"inference_latency": latency},
        }
    )


TRIALS = [
    trial(0, 0.90, 1000), trial(1, 0.85, 2000), trial(2, 0.95, 3000), trial(3, None, 10), trial(4, 0.99, 90_000),
    trial(5, 0.97, 8000, "pruned"),
]  # fmt: skip


def test_no_trial_on_the_front_is_beaten_in_both() -> None:
    assert [each.number for each in front(TRIALS, "maximize")] == [0, 2, 5, 4]
    assert [each.number for each in front(TRIALS, "minimize")] == [0, 1]


def test_the_neighbours_of_what_was_delivered_are_told_by_size() -> None:
    record = ExperimentRecord(
        id=1,
        created_at="2026-01-01T00:00:00",
        dataset="t",
        plan=ExperimentPlan(dataset="t"),
        metric="accuracy",
        best=BestModel(trial=2, family="m2", model_architecture="m2", model_size=3000),
    )
    near = neighbours(record, [*TRIALS, trial(6, 0.96, 500, latency=None)])  # of which the size is only estimated
    assert [each.number for each in near] == [0, 4]
    assert front_sentence(record, near) == (
        "Other trials, best for their size by validation accuracy: m0 with 0.9 in 1 kB and m4 with 0.99 in 90 kB."
    )
    assert front_sentence(record, []) == ""


def test_a_search_for_latency_is_drawn_over_latency(tmp_path: Path) -> None:
    store = Store(tmp_path)
    trials = [trial(0, 0.9, 1000, latency=0.5), trial(1, 0.8, 9000, latency=0.1), trial(2, 0.7, 10, latency=0.6)]
    for goals, xs in (({"secondary": "latency"}, [0.1, 0.5]), ({"secondary": "size"}, [10, 1000]), ({}, [10, 1000])):
        record = store.create(ExperimentPlan.model_validate({"dataset": "t", "objectives": goals}), "t")
        path = store.folder(record.id) / "trials.jsonl"
        path.write_text("".join(f"{each.model_dump_json()}\n" for each in trials), encoding="utf-8")
        assert plot(store, record.id, "pareto")["series"][1]["x"] == xs
