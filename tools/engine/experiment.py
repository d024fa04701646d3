"""One experiment, read from top to bottom: data, space, search, refit, export, scores, limits.

`run_experiment` runs in the job's own process. It knows no store and no user interface: everything it has to say goes
through the sink.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tools.core.errors import OptimizationError
from tools.core.records import ExperimentPlan, Origin, TrialRecord
from tools.core.seams import RunSink
from tools.core.units import format_duration
from tools.engine.execution.encoded_cache import EncodedCache
from tools.engine.execution.forkserver import prestart, workers_pay
from tools.engine.execution.pool import Pool
from tools.engine.export.runtime import missing_packages
from tools.engine.search import steps
from tools.engine.search.ahead import FINALISTS, Ahead
from tools.engine.search.budget import Budget
from tools.engine.search.costs import check_exporter, make_measure
from tools.engine.search.delivery import deliver, insure
from tools.engine.search.ends import Reason
from tools.engine.search.feasibility import Feasibility
from tools.engine.search.finals import SHARE as FINALS_SHARE
from tools.engine.search.finals import Finals, affordable, finals_wanted
from tools.engine.search.first import first_candidates
from tools.engine.search.loop import KEPT_CHECKPOINTS, Search
from tools.engine.search.monitor import AutoMLMonitor
from tools.engine.search.objective import Objective, make_objective
from tools.engine.search.prepare import Prepared, maximizes, prepare, read_source, save_splits, validation_baseline
from tools.engine.search.refit import SPARE_S, Delivered, Refit, refit_wanted
from tools.engine.search.run import Run
from tools.engine.search.samplers import make_sampler
from tools.engine.search.setup import check_ceiling, check_disk, choose_space, start_pool
from tools.engine.search.space import Space
from tools.engine.search.study import Queued, Study
from tools.engine.search.team import Judged, Team, alone, choose, read_predictions, refit_time
from tools.engine.search.warm import nearest

log = logging.getLogger(__name__)
CHOICE_SHARE = 0.05


def run_experiment(
    plan: ExperimentPlan, folder: Path, sink: RunSink, started: float, encoded: Path | None = None
) -> None:
    """Run an experiment, or go on with the one whose journal lies in `folder`.

    Args:
        plan: What is wanted.
        folder: The run folder: journal, caches, checkpoints, predictions and the bundle.
        sink: Where progress, steps, trials and results go.
        started: `time.time()` when the user asked; the budget counts from here.
        encoded: Where encoded data are kept from one experiment to the next; None: nowhere.

    Raises:
        TaskError: the data or the request cannot be used as it is.
        ResourceError: a limit that nothing can meet.
        OptimizationError: no model came out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    budget = Budget(started, plan.limits.time_s)
    run = Run(plan, folder, sink, budget, AutoMLMonitor(sink, plan, started))
    inline = not workers_pay(budget.left())
    if not inline:
        prestart()  # loads torch in the background while the data is read, unless the job has done so already
    with run.phase("data"):
        source = read_source(plan)
        metric = source.task.metric
        sink.update(
            profile=source.profile,
            task=source.task.kind,
            metric=metric,
            direction="maximize" if maximizes(source.task) else "minimize",
            warnings=source.profile.warnings,
        )
        check_ceiling(plan.limits, source)
        run.step("task analysis", lambda: steps.task_analysis(plan, source))
        save_splits(source.splits, folder / "splits.npz")
        prepared = prepare(source, folder / "cache", EncodedCache(encoded))
        if prepared.reused:
            sink.message("The data is encoded already, by an earlier run with the same rows.")
        check_disk(plan.limits, folder)
    with run.phase("analysis"):
        space = choose_space(plan, prepared)
        run.step("search space", lambda: steps.search_space(space))
        measure = make_measure(space, prepared.full.encoder, prepared)
        feasibility = Feasibility(space, plan.limits, measure)
        if feasibility.limited:
            check_exporter()
        proposals = nearest(plan.proposals, Origin.of(source.profile, source.task.kind))
        first = first_candidates(space, proposals, plan.search, plan.seed)
    pool, workers = start_pool(plan, prepared, run.monitor, inline)
    try:
        with run.phase("analysis"):
            first = _architect(run, feasibility, first, len(source.splits.test))
            objective = make_objective(
                plan.objectives,
                metric,
                validation_baseline(prepared),
                plan.limits.min_accuracy,
                plan.search.strategy,
            )
            sampler = partial(make_sampler, plan.search.strategy, plan.seed)
            study = Study(folder / "journal.log", space, sampler, first, objective)
            _resend(folder, study, sink)
            run.step("search strategy", lambda: steps.search_strategy(plan, objective, workers, len(first), study))
        with run.phase("search"):
            ahead = Ahead(
                plan=plan,
                study=study,
                feasibility=feasibility,
                budget=budget,
                n_folds=len(prepared.files),
                workers=max(workers, 1),
                n_test=len(source.splits.test),
                refit_wanted=refit_wanted(prepared),
                finals_wanted=finals_wanted(prepared),
                insure=None if missing_packages() else partial(_insure, run, prepared, space, study),
            )
            search = Search(
                plan=plan,
                folder=folder,
                folds=prepared.files,
                metric=metric,
                maximize=maximizes(source.task),
                study=study,
                pool=pool,
                feasibility=feasibility,
                objective=objective,
                budget=budget,
                monitor=run.monitor,
                sink=sink,
                ahead=ahead,
            )
            reason = search.run()
            run.step("evaluation", lambda: steps.evaluation(study, reason, metric))
        if reason == "cancelled":
            return
        team = _team(run, study, search, prepared, objective, reason)
        with run.phase("refit"):
            delivered = _delivered(Refit(prepared, space.families, team, folder, plan.seed, ahead.workers), pool, run)
        if sink.cancelled():
            return
        run.step("validation", lambda: steps.validation(team, delivered.how, prepared))
    finally:
        pool.close()
    deliver(run, prepared, delivered, team)


def _architect(run: Run, feasibility: Feasibility, first: list[Queued], n_test: int) -> list[Queued]:
    """Measure the first configurations; with limits, make sure that something that fits is tried.

    Raises:
        ResourceError: nothing can meet the limits.
    """

    def work() -> tuple[str, dict[str, Any]]:
        nonlocal first
        first = steps.architect(feasibility, first, run.budget)
        return steps.architect_summary(feasibility, first)

    run.step("model architect", work)
    finish_s = feasibility.finish_s(n_test)
    if finish_s is not None:
        run.budget.plan_finish(finish_s)
    return first


def _resend(folder: Path, study: Study, sink: RunSink) -> None:
    """After a resume: send on the trials that a kill kept from `trials.jsonl`."""
    for record in steps.missing_trials(folder / "trials.jsonl", study.records):
        sink.trial(record)
    if study.records:
        again = f"; {study.interrupted} interrupted ones are tried again" if study.interrupted else ""
        sink.message(f"Going on after {len(study.records)} finished trials{again}.")


def _best(study: Study, feasibility: Feasibility, reason: Reason, budget: Budget) -> TrialRecord:
    """The trial to deliver.

    Raises:
        ResourceError: nothing met the limits.
        OptimizationError: no trial gave a model.
    """
    if study.finished:
        return study.finished[0]
    if study.records and all(record.status == "infeasible" for record in study.records):
        raise feasibility.impossible()
    failed = next((record.error for record in reversed(study.records) if record.error is not None), None)
    if failed is not None:
        raise OptimizationError(
            f"No trial gave a model. {failed.message}", hint="Give it more time, or other families."
        )
    wanted = max(2.0 * budget.time_s, 10.0)
    raise OptimizationError(
        f"The {format_duration(budget.time_s)} were over before a first model was trained ({reason}).",
        hint=f"Allow about {format_duration(wanted)}.",
        details={"suggested_time_s": wanted},
    )


def _team(run: Run, study: Study, search: Search, prepared: Prepared, objective: Objective, reason: Reason) -> Team:
    """The best trial, on small data the one that also wins the finals; with others if that is better.

    Raises:
        AutoMLError: see `_best`.
    """
    best = _best(study, search.feasibility, reason, run.budget)
    leaders = [record for record in study.leaders(KEPT_CHECKPOINTS) if record.number != best.number]
    judged = [_judged(run, study, record) for record in (best, *leaders)]
    finalists = 0
    if finals_wanted(prepared):
        left = run.budget.refit_end - run.budget.refit_s - time.time()
        seconds = min(left, FINALS_SHARE * run.budget.time_s)
        compared = affordable(study.leaders(FINALISTS), search.ahead.workers, seconds)
        if compared:
            with run.phase("search"):
                finals = Finals(prepared, run.folder, run.plan.seed, objective)
                through = finals.run(compared, search.pool, run.budget, run.monitor, run.sink)
            judged, finalists = through or judged, len(through)
    if not run.plan.ensemble:
        return alone(judged[0], finalists)
    refits, export_s, n_test = refit_wanted(prepared), search.feasibility.export_s(), len(prepared.source.splits.test)
    last_choice = time.time() + CHOICE_SHARE * run.budget.time_s

    def in_time(records: Sequence[TrialRecord]) -> bool:
        needed = export_s * (len(records) - 1)  # the first one's is kept free anyway
        needed += n_test * sum(record.resources.inference_latency or 0.0 for record in records[1:]) / 1000.0
        if refits:
            needed += refit_time(records, len(prepared.folds), search.ahead.workers) + 2 * SPARE_S
        now = time.time()
        return now < last_choice and now + needed < run.budget.refit_end

    return choose(judged, prepared.source.task, objective, run.plan.limits, in_time, finalists)


def _judged(run: Run, study: Study, record: TrialRecord) -> Judged:
    kept = read_predictions(run.folder / "checkpoints" / str(record.number) / "validation.npz")
    predictions, truth = kept or (None, None)
    return Judged(record, study.best_epochs[record.number], {}, predictions, truth)


def _insure(run: Run, prepared: Prepared, space: Space, study: Study, record: TrialRecord) -> None:
    insure(run, prepared, space, _judged(run, study, record))


def _delivered(refit: Refit, pool: Pool, run: Run) -> Delivered:
    """Train on all rows if that is wanted and works; else take the trials' own models."""
    if (
        refit_wanted(refit.prepared)
        and refit.possible(run.budget)
        and refit.run(pool, run.budget, run.monitor, run.sink)
    ):
        again = refit.refitted()
        if again is not None:
            return again
    return refit.kept()
