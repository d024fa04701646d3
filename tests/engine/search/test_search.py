"""The whole search over fake families: strategies, ends, limits, failures, resume."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.engine.fake_family import FakeFamily, find_fake, make_fold
from tests.engine.list_sink import ListSink
from tools.core.config import Objectives, SearchSpec
from tools.core.errors import OptimizationError, ResourceError
from tools.core.records import ExperimentPlan, Limits
from tools.engine.execution.cache import store
from tools.engine.execution.messages import FoldFiles
from tools.engine.execution.pool import InlinePool, Pool, WorkerPool
from tools.engine.execution.worker import WorkerSetup
from tools.engine.search.ahead import Ahead
from tools.engine.search.budget import Budget
from tools.engine.search.feasibility import Cost, Feasibility
from tools.engine.search.first import first_candidates
from tools.engine.search.loop import KEPT_CHECKPOINTS, Search
from tools.engine.search.monitor import AutoMLMonitor
from tools.engine.search.objective import make_objective
from tools.engine.search.samplers import make_sampler
from tools.engine.search.space import Space, make_space
from tools.engine.search.study import Study


@pytest.fixture(scope="module")
def fold(tmp_path_factory: pytest.TempPathFactory) -> FoldFiles:
    return store(tmp_path_factory.mktemp("cache") / "fold_0", make_fold())


def cost(family: str, params: dict[str, Any]) -> Cost:
    size = int(params["width"]) * int(params.get("layers", 1)) * 100_000
    return Cost(size, size / 1e7)


class Built:
    """A search and what surrounds it."""

    def __init__(
        self, folder: Path, fold: FoldFiles, plan: ExperimentPlan, sink: ListSink, pool: Pool, **family: Any
    ) -> None:
        self.sink = sink
        self.space: Space = make_space(
            {name: FakeFamily(name, **family) for name in ("one", "two")}, fold.spec, plan.fixed_params
        )
        first = first_candidates(self.space, plan.proposals, plan.search, plan.seed)
        strategy = plan.search.strategy
        objective = make_objective(plan.objectives, "accuracy", 0.5, None, strategy)
        self.study = Study(
            folder / "journal.log", self.space, partial(make_sampler, strategy, plan.seed), first, objective
        )
        self.feasibility = Feasibility(self.space, plan.limits, cost)
        started = time.time()
        budget = Budget(started, plan.limits.time_s)
        self.search = Search(
            plan=plan, folder=folder, folds=(fold,), metric="accuracy", maximize=True, study=self.study, pool=pool,
            feasibility=self.feasibility, objective=objective,
            budget=budget, monitor=AutoMLMonitor(sink, plan, started), sink=sink,
            ahead=Ahead(plan, self.study, self.feasibility, budget),
        )  # fmt: skip


def plan(time_s: float = 30.0, limits: dict[str, Any] | None = None, **search: Any) -> ExperimentPlan:
    return ExperimentPlan(dataset="toy", limits=Limits(time_s=time_s, **(limits or {})), search=SearchSpec(**search))


Build = Callable[..., Built]


@pytest.fixture
def build(tmp_path: Path, fold: FoldFiles) -> Build:
    def make(plan: ExperimentPlan, sink: ListSink | None = None, pool: Pool | None = None, **family: Any) -> Built:
        inline = InlinePool(WorkerSetup(families=lambda name: FakeFamily(name)))
        return Built(tmp_path, fold, plan, sink or ListSink(), pool or inline, **family)

    return make


@pytest.mark.parametrize("strategy", ["bayesian", "random", "grid", "evolutionary", "multi_objective"])
def test_every_strategy_tries_defaults_first_and_stops_at_max_trials(build: Build, strategy: str) -> None:
    built = build(plan(max_trials=16, strategy=strategy))
    assert built.search.run() == "max_trials"
    assert len(built.sink.trials) == 16
    assert [trial.reason for trial in built.sink.trials[:2]] == ["default of one", "default of two"]
    assert built.study.finished[0].score == max(trial.score or 0 for trial in built.sink.trials)
    assert built.sink.trials[0].resources.training_time > 0
    assert built.sink.readings[-1][1].best_metrics["accuracy"] > 0.5


def test_patience_ends_a_search_that_does_not_improve(build: Build) -> None:
    built = build(plan(early_stopping_patience=5), quality=0.7)
    assert built.search.run() == "patience"
    assert len(built.sink.trials) <= 8


def test_the_time_ends_a_search_and_trials_in_flight_count(build: Build) -> None:
    begun = time.time()
    built = build(plan(time_s=3.0), epochs=100_000, step_s=0.05)
    assert built.search.run() == "time"
    assert time.time() - begun < 3.0
    assert built.study.finished
    assert "cut short" in built.study.finished[0].reason


def test_a_grid_ends_when_it_is_tried(build: Build) -> None:
    fixed = {"quality": 0.5, "width": 16, "batch_size": 16}
    built = build(plan(strategy="grid").model_copy(update={"fixed_params": fixed}))
    assert built.search.run() == "space"
    # per family: not deep, and deep with 2, 3 and 4 layers; the defaults are among them
    assert len(built.sink.trials) == 8


def test_configurations_beyond_a_limit_are_not_trained(build: Build) -> None:
    built = build(plan(limits={"max_model_size": 10_000_000}, max_trials=10))
    assert built.search.run() == "max_trials"
    counts = Counter(trial.status for trial in built.sink.trials)
    assert counts["completed"] + counts["pruned"] == 10
    assert counts["infeasible"] > 0
    for trial in built.sink.trials:
        assert trial.model_size is not None
        assert (trial.model_size > 9_800_000) == (trial.status == "infeasible")
        assert trial.status != "infeasible" or trial.score is None


def test_a_configuration_is_shrunk_until_it_fits_and_no_further(build: Build) -> None:
    built = build(plan(limits={"max_model_size": 1_000_000}))
    large = {"quality": 0.3, "width": 4000, "batch_size": 32, "deep": True, "layers": 4}
    smaller = built.feasibility.shrink("one", large)
    assert smaller is not None
    assert smaller["width"] in range(4, 4000)
    assert 0.1 < cost("one", smaller).size_bytes / 1_000_000 <= 0.98
    assert (smaller["quality"], smaller["batch_size"]) == (0.3, 32), "training settings stay"


def test_a_limit_that_hardly_anything_meets_is_met(build: Build) -> None:
    built = build(plan(limits={"max_model_size": 420_000}, max_trials=3))
    built.search.run()
    assert {trial.hyperparameters["width"] for trial in built.study.finished} == {4}


def test_an_impossible_limit_names_the_nearest_possible(build: Build) -> None:
    built = build(plan(limits={"max_model_size": 100_000}))
    with pytest.raises(ResourceError) as error:
        built.feasibility.smallest(time.time() + 5)
    assert "smallest model takes 400 kB" in error.value.message
    assert "409 kB" in error.value.hint
    assert error.value.details["smallest_size_bytes"] == 400_000


def test_size_as_objective_prefers_small_models(build: Build) -> None:
    asked = plan(max_trials=25).model_copy(update={"objectives": Objectives(primary="size", secondary="accuracy")})
    built = build(asked, quality=0.8)
    built.search.run()
    sizes = [trial.model_size or 0 for trial in built.study.finished]
    assert sizes[0] == min(sizes)
    assert all(trial.resources.inference_latency is not None for trial in built.study.finished)


def test_when_everything_fails_the_reason_is_told(build: Build) -> None:
    built = build(plan(), mode="nan")
    with pytest.raises(OptimizationError, match=r"first 12 trials failed.*not finite"):
        built.search.run()


def test_out_of_memory_is_tried_again_with_batches_in_parts(build: Build) -> None:
    built = build(plan(max_trials=6), mode="memory")
    built.search.run()
    failed = [trial for trial in built.sink.trials if trial.status == "failed"]
    assert failed[0].error is not None
    assert failed[0].error.message.startswith("Out of memory")
    again = [trial for trial in built.sink.trials if "parts of batches" in trial.reason]
    assert again
    assert again[0].hyperparameters == failed[0].hyperparameters, "the same configuration"
    assert (again[0].thrift, again[0].status) == (1, "completed")


def test_where_thrift_does_not_help_a_smaller_model_is_tried(build: Build) -> None:
    built = build(plan(max_trials=30), mode="wide")
    built.search.run()
    thrifty = [trial for trial in built.sink.trials if trial.thrift == 2]
    smaller = [trial for trial in built.sink.trials if "smaller model" in trial.reason]
    assert thrifty[0].number < smaller[0].number
    assert smaller[0].thrift == 2, "what was saved before is saved still"
    assert all(trial.hyperparameters["width"] < 64 for trial in smaller)


def test_a_search_ends_before_the_disk_allowed_is_used_up(build: Build) -> None:
    built = build(plan(limits={"max_disk": 1000}))
    assert built.search.run() == "disk"
    assert built.study.finished


def test_only_the_leaders_keep_their_checkpoints(build: Build, tmp_path: Path) -> None:
    built = build(plan(max_trials=16))
    built.search.run()
    kept = {int(path.name) for path in (tmp_path / "checkpoints").iterdir()}
    assert kept == {trial.number for trial in built.study.finished[:KEPT_CHECKPOINTS]}
    assert len(kept) == KEPT_CHECKPOINTS


def test_cancelling_keeps_finished_trials(build: Build) -> None:
    built = build(plan(), sink=ListSink(stop=lambda sink: len(sink.trials) >= 3))
    assert built.search.run() == "cancelled"
    assert len(built.study.records) == 3


def test_a_resumed_search_redoes_nothing_and_retries_what_was_running(build: Build, tmp_path: Path) -> None:
    first = build(plan(max_trials=5))
    first.search.run()
    interrupted = first.study.ask()  # as if the job had been killed while this one was training
    with (tmp_path / "journal.log").open("ab") as journal:
        journal.write(b'{"op_code": 4, "worker')  # and while it was writing
    second = build(plan(max_trials=8))
    assert second.study.interrupted == 1
    assert [record.number for record in second.study.records] == [record.number for record in first.study.records]
    assert second.search.run() == "max_trials"
    assert len(second.sink.trials) == 3
    numbers = {record.number for record in first.study.records}
    assert not numbers & {trial.number for trial in second.sink.trials}
    tried = [(trial.model_architecture, trial.hyperparameters) for trial in second.sink.trials]
    assert (interrupted.family, interrupted.params) in tried


def test_a_multi_objective_search_covers_the_front_and_delivers_by_the_weights(build: Build) -> None:
    weighed = Objectives(primary="accuracy", secondary="size", weights=(0.2, 0.8))
    asked = plan(max_trials=30, strategy="multi_objective").model_copy(update={"objectives": weighed})
    built = build(asked)
    assert built.search.run() == "max_trials"
    trials = built.sink.trials
    assert {trial.status for trial in trials} == {"completed"}, "none is given up: it may be ahead in the other goal"
    best = built.study._study.best_trials
    assert len({trial.values[1] for trial in best}) > 1, "a front, not a point"
    assert built.study.finished[0].objective == max(trial.objective or 0 for trial in trials)
    assert built.study.finished[0].number in {trial.number for trial in best}


@pytest.mark.parametrize("strategy", ["random", "bayesian", "evolutionary", "multi_objective"])
def test_a_resumed_search_does_not_draw_the_same_configurations_again(build: Build, strategy: str) -> None:
    first = build(plan(max_trials=10, strategy=strategy))
    first.search.run()
    second = build(plan(max_trials=20, strategy=strategy))
    second.search.run()
    qualities = [trial.hyperparameters["quality"] for trial in (*first.sink.trials, *second.sink.trials)]
    sampled = [quality for quality in qualities if quality != 0.8]
    assert len(set(sampled)) == len(sampled) == 16


def test_the_same_seed_draws_the_same_configurations(tmp_path: Path, fold: FoldFiles) -> None:
    pool = InlinePool(WorkerSetup(families=find_fake))
    tried = []
    for name in ("a", "b"):
        built = Built(tmp_path / name, fold, plan(max_trials=8, strategy="random"), ListSink(), pool)
        built.search.run()
        tried.append([trial.hyperparameters for trial in built.sink.trials])
    assert tried[0] == tried[1]


def test_a_configuration_killed_while_it_was_handed_out_is_tried_again(build: Build) -> None:
    first = build(plan(max_trials=1))
    first.study._study.ask()  # killed before it was known to be the first family's first default
    second = build(plan(max_trials=4))
    second.search.run()
    assert [trial.reason for trial in second.sink.trials].count("default of one") == 2
    assert second.study.interrupted == 1


def test_what_a_kill_left_of_a_trial_is_cleared_away(build: Build, tmp_path: Path) -> None:
    for name in ("777", "finals"):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
    build(plan(max_trials=2)).search.run()
    assert {path.name for path in (tmp_path / "checkpoints").iterdir()} == {"0", "1", "finals"}


def test_no_time_is_kept_for_finals_that_cannot_be_held(build: Build) -> None:
    built = build(plan(time_s=20.0, max_trials=2), epochs=2, step_s=0.15)
    built.search.budget.started -= 14.0
    built.search.ahead.refit_wanted = built.search.ahead.finals_wanted = True
    built.search.run()
    assert built.search.budget.finals_s == 0.0, "a share of 5 s would do, but 3 s are left"
    short = build(plan(time_s=60.0, max_trials=6), epochs=2, step_s=0.01)
    short.search.ahead.refit_wanted = short.search.ahead.finals_wanted = True
    short.search.run()
    assert short.search.budget.finals_s > 0.0


def test_a_trial_killed_between_its_record_and_its_end_is_taken_over(build: Build) -> None:
    built = build(plan(max_trials=3))
    built.search.run()
    candidate = built.study.ask()
    record = built.sink.trials[0].model_copy(update={"number": candidate.number, "hyperparameters": candidate.params})
    candidate.trial.set_user_attr("record", record.model_dump(mode="json"))
    again = build(plan(max_trials=3))
    assert again.study.interrupted == 0
    assert record in again.study.records


def test_a_trial_behind_the_others_is_given_up_and_told_as_pruned(build: Build, tmp_path: Path) -> None:
    with WorkerPool(WorkerSetup(families=find_fake), 1) as pool:
        sink = ListSink(lambda sink: len(sink.trials) >= 14)
        built = build(plan(), sink, pool=pool, epochs=20, step_s=0.015)
        built.search.run()
    pruned = [trial for trial in built.sink.trials if trial.status == "pruned"]
    assert pruned
    assert all("given up early" in trial.reason and len(trial.curve) < 20 for trial in pruned)
    assert not any((tmp_path / "checkpoints" / str(trial.number)).exists() for trial in pruned)
    assert max(trial.score or 0 for trial in pruned) < (built.study.finished[0].score or 0)


@pytest.mark.parametrize("workers", [1, 3])
def test_bounded_by_trials_the_same_seed_gives_the_same_trials_whatever_the_pace(
    workers: int, tmp_path: Path, fold: FoldFiles
) -> None:
    seen = []
    for name in ("first", "second"):
        with WorkerPool(WorkerSetup(families=find_fake), workers) as pool:
            asked = plan(max_trials=26)
            built = Built(tmp_path / name, fold, asked, ListSink(), pool, mode="jitter", epochs=8)
            built.search.run()
        trials = [(t.number, t.status, t.hyperparameters, t.objective) for t in built.sink.trials]
        assert [trial[0] for trial in trials] == list(range(26))
        seen.append(trials)
    assert seen[0] == seen[1]
    assert "pruned" in {trial[1] for trial in seen[0]}


def test_a_trial_whose_worker_is_killed_is_tried_once_more(build: Build) -> None:
    with WorkerPool(WorkerSetup(families=find_fake), 1) as pool:
        built = build(plan(max_trials=2), pool=pool, mode="kill")
        assert built.search.run() == "max_trials"
    assert Counter(trial.reason for trial in built.sink.trials) == {
        "killed; it is tried again": 4,
        "killed": 2,
    }  # four defaults
    tried = [(trial.model_architecture, repr(trial.hyperparameters)) for trial in built.sink.trials]
    assert len(set(tried)) == 4
    assert set(tried[4:]) < set(tried[:4])
    assert all("signal 9" in trial.error.message for trial in built.sink.trials if trial.error)
