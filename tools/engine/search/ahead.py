"""While the search goes on: time is kept for what comes after it, and a first good model is exported early."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tools.core.records import ExperimentPlan, TrialRecord
from tools.engine.search.budget import REFIT_SHARE, Budget
from tools.engine.search.feasibility import Feasibility
from tools.engine.search.finals import SHARE as FINALS_SHARE
from tools.engine.search.finals import affordable, seconds_needed
from tools.engine.search.study import Study
from tools.engine.search.team import refit_time

FINALISTS = 3
PLANNED_MEMBERS = 3
HOLDOUT_REFIT_SHARE = 0.15
INSURANCE_SHARE = 0.05


@dataclass
class Ahead:
    """Looks ahead to the refit, the finals and the export.

    Attributes:
        plan: Whether an ensemble is wanted.
        study: What was found.
        feasibility: Knows how long exports take.
        budget: Where the time is kept.
        n_folds: Folds of a trial.
        workers: How many trials run at once.
        n_test: Examples the delivered model will be scored on.
        refit_wanted: Whether to keep time for training the best configuration on all rows.
        finals_wanted: Whether to keep time for comparing the leaders by cross-validation.
        insure: Exports a trial's model at once; called for the first good one, where that costs little of the time.
    """

    plan: ExperimentPlan
    study: Study
    feasibility: Feasibility
    budget: Budget
    n_folds: int = 1
    workers: int = 1
    n_test: int = 0
    refit_wanted: bool = False
    finals_wanted: bool = False
    insure: Callable[[TrialRecord], None] | None = None

    def plan_end(self) -> None:
        """Keep as much time as the leading trials and their exports say; called whenever a trial has ended."""
        best = self.study.finished
        if not best:
            return
        finish_s = self.feasibility.finish_s(self.n_test, {record.model_architecture for record in best[:FINALISTS]})
        if finish_s is not None:
            self.budget.plan_finish(finish_s)
        if not self.refit_wanted:
            return
        share = REFIT_SHARE if self.n_folds > 1 else HOLDOUT_REFIT_SHARE
        for members in (best[:PLANNED_MEMBERS] if self.plan.ensemble else [], best[:1]):
            if members:
                self.budget.plan_refit(refit_time(members, self.n_folds, self.workers), share)
            if self.budget.refit_s > 0:
                break
        if self.finals_wanted:
            # Never more than there still is: time kept for finals that cannot be held would be lost to the search.
            self.budget.finals_s = 0.0
            seconds = min(FINALS_SHARE * self.budget.time_s, self.budget.search_left())
            finalists = affordable(self.study.leaders(FINALISTS), self.workers, seconds)
            self.budget.finals_s = seconds_needed(finalists, self.workers)

    def insure_once(self) -> None:
        """Have the best model so far exported, once, when that takes a small share of the time that is left."""
        if self.insure is None or not self.study.finished:
            return
        best = self.study.finished[0]
        seconds = self.feasibility.finish_s(0, {best.model_architecture})
        if seconds is not None and seconds <= INSURANCE_SHARE * self.budget.search_left():
            insure, self.insure = self.insure, None
            insure(best)
