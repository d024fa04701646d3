"""The search itself: fill the workers, hear what they report, prune, keep, and stop in time."""

from __future__ import annotations

import logging
import math
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.core.errors import AutoMLError
from tools.core.records import ExperimentPlan, TrialRecord, TrialStatus
from tools.core.seams import RunSink
from tools.engine.execution import process
from tools.engine.execution.messages import Assignment, Failed, Finished, FoldFiles, Progress
from tools.engine.execution.pool import Pool
from tools.engine.search.ahead import FINALISTS, Ahead
from tools.engine.search.budget import Budget
from tools.engine.search.ends import TRIED_AGAIN, Ends, Reason
from tools.engine.search.feasibility import Cost, Feasibility
from tools.engine.search.monitor import AutoMLMonitor
from tools.engine.search.objective import Objective
from tools.engine.search.pruning import Halving
from tools.engine.search.retries import needing_less
from tools.engine.search.seeds import training_seed
from tools.engine.search.study import Candidate, Queued, Study
from tools.engine.search.trial_record import cut_at, make_record
from tools.engine.search.turns import Turns

log = logging.getLogger(__name__)
KEPT_CHECKPOINTS = 8
POLL_S = 0.1
PROPOSE_S = 0.5
INFEASIBLE_IN_A_ROW = 10
LAST_WAIT_S = 1.0


@dataclass
class _Running:
    """A trial in a worker. `known`: the trials it is compared with; None for all there are."""

    candidate: Candidate
    cost: Cost | None
    started: float
    known: frozenset[int] | None = None
    pruned_at: int | None = None
    best: float = math.nan

    @property
    def pruned(self) -> bool:
        """Whether it was given up."""
        return self.pruned_at is not None


@dataclass
class Search:
    """One search; `run` returns why it ended, the study holds what it found.

    Attributes:
        plan: Strategy, number of trials, patience, seed.
        folder: The run folder; checkpoints lie below it.
        folds: What every trial is trained and scored on.
        metric: Name of the metric.
        maximize: Whether a larger score is better.
        ahead: Keeps time for what comes after the search.
    """

    plan: ExperimentPlan
    folder: Path
    folds: tuple[FoldFiles, ...]
    metric: str
    maximize: bool
    study: Study
    pool: Pool
    feasibility: Feasibility
    objective: Objective
    budget: Budget
    monitor: AutoMLMonitor
    sink: RunSink
    ahead: Ahead
    halving: Halving = field(default_factory=Halving)
    _running: dict[int, _Running] = field(default_factory=dict)
    _infeasible_in_a_row: int = 0
    _closing_s: float = 0.15
    _started: float = 0.0
    _reason: Reason | None = None

    def __post_init__(self) -> None:
        self._ends = Ends(self.plan, self.study, self.budget, self.monitor, self.sink)
        self._turns = Turns(in_order=self.plan.search.max_trials is not None)

    def run(self) -> Reason:
        """Search until time, trials, patience, the grid or the user ends it.

        Raises:
            OptimizationError: trial after trial fails.
        """
        self._started = time.time()
        for record in self.study.records:  # after a resume
            self._replay(record)
        while True:
            reason = self._over()
            # Time that is over stays over: what is kept for the finals must not go to one more trial, and then another.
            self._reason = "time" if self._reason == "time" and reason != "cancelled" else reason
            if self._reason == "cancelled":
                break
            if self._reason is None:
                self._fill()
            elif not self._running or self._give_up_waiting():
                break
            for event in self.pool.poll(POLL_S):
                if isinstance(event, Progress):
                    self._progress(event)
                elif isinstance(event, Finished):
                    self._finished(event)
                else:
                    self._failed(event)
            self.monitor.tick("search", self._reading)
        self._turns.release()
        self.monitor.collect_metrics("search", self._reading())
        return self._reason

    # Ends

    def _over(self) -> Reason | None:
        return self._ends.reason(len(self._running), len(self._turns.held))

    def _give_up_waiting(self) -> bool:
        """Once the time is over: ask the last trials to end, and soon do without those that do not."""
        left = self.budget.search_left()
        if self._reason in ("patience", "disk") or left <= 0:
            for number in self._running:
                self.pool.stop(number, keep=True)
        patience = LAST_WAIT_S if self.study.finished else self.budget.refit_end - self.budget.search_end
        if left > -max(patience, LAST_WAIT_S):
            return False
        for number, running in list(self._running.items()):
            self.pool.abandon(number)
            self._end(number, "pruned", reason="The time was over.", time_s=time.time() - running.started)
        return True

    # Starts

    def _fill(self) -> None:
        while self.pool.free and self._over() is None and self._turns.may_ask(self.study.n_queued > 0):
            known = frozenset() if self.study.n_queued else self._turns.told
            proposed = self._propose()
            if proposed is None:
                return
            candidate, cost = proposed
            self._turns.started(candidate.number)
            compared = known if self._turns.in_order else None
            self._running[candidate.number] = _Running(candidate, cost, time.time(), compared)
            deadline = self.budget.trial_deadline(self._started, self._closing_s)
            self.pool.submit(
                Assignment(
                    trial=candidate.number,
                    family=candidate.family,
                    params=candidate.params,
                    thrift=candidate.thrift,
                    folds=self.folds,
                    metric=self.metric,
                    maximize=self.maximize,
                    seed=training_seed(self.plan.seed, candidate.number),
                    deadline=deadline,
                    kill_at=self.budget.kill_time(deadline),
                    checkpoint=self._checkpoint(candidate.number),
                )
            )

    def _propose(self) -> tuple[Candidate, Cost | None] | None:
        """The next configuration that can meet the limits; None when looking took long and the workers want hearing."""
        until = time.monotonic() + PROPOSE_S
        while True:
            candidate = self.study.ask()
            if not (self.feasibility.limited or self.objective.needs_measuring):
                return candidate, self.feasibility.known_cost(candidate.family, candidate.params)
            try:
                cost = self.feasibility.cost(candidate.family, candidate.params)
            except AutoMLError as error:
                self._tell(candidate, "failed", error=error.as_dict())
            else:
                violations = self.feasibility.violations(cost)
                if not violations:
                    self._infeasible_in_a_row = 0
                    return candidate, cost
                self._reject(candidate, cost, violations)
            if time.monotonic() > until or self._over() is not None:
                return None

    def _reject(self, candidate: Candidate, cost: Cost, violations: dict[str, float]) -> None:
        """An infeasible configuration is told as such; after many in a row the next is shrunk until it fits."""
        said = ", ".join(f"{name} exceeded by {amount:.0%}" for name, amount in violations.items())
        self._tell(candidate, "infeasible", cost=cost, reason=f"Not trained: {said}.", violations=violations)
        self._infeasible_in_a_row += 1
        if self._infeasible_in_a_row % INFEASIBLE_IN_A_ROW == 0:
            smaller = self.feasibility.shrink(candidate.family, candidate.params)
            if smaller is not None:
                self.study.enqueue(Queued(candidate.family, smaller, "shrunk to fit the limits"))

    # News

    def _progress(self, event: Progress) -> None:
        running = self._running.get(event.trial)
        if running is None:
            return
        objective = self._objective(event.score, running.cost)
        running.best = objective
        # What is behind in the sum of the goals may be ahead in one of them. The last of a number of trials are judged
        # like those before: else it would depend on the pace whether that number was reached before their news.
        ending = self._reason not in (None, "max_trials", "space")
        if running.pruned or ending or not self.plan.search.pruning or self.objective.apart:
            return
        family = running.candidate.family
        if running.known is None:
            behind = self.halving.report(event.trial, family, event.rung, objective)
        else:
            behind = self.halving.compare(family, event.rung, objective, running.known)
        if behind and not event.final:  # nothing is saved by giving up what is done
            running.pruned_at = event.step
            self.pool.stop(event.trial, keep=False)

    def _finished(self, event: Finished) -> None:
        running = self._running.get(event.trial)
        if running is None:
            return
        self._closing_s = max(0.9 * self._closing_s, 1.5 * event.closing_s)
        if running.known is None and event.ending == "completed":
            running.pruned_at = None  # it was done before it heard
        if running.pruned_at is not None and running.known is not None:
            event = cut_at(event, running.pruned_at, self.metric, self.maximize)
        if math.isnan(event.score):
            self._end(event.trial, "failed", event=event, reason="It has no score on the validation data.")
            return
        reason = running.candidate.why
        if running.pruned:
            reason += "; given up early: too many others were ahead"
        elif event.ending != "completed":
            reason += "; training was cut short by the time limit" if event.ending == "deadline" else "; ended early"
        self._end(event.trial, "pruned" if running.pruned else "completed", event=event, reason=reason)

    def _failed(self, event: Failed) -> None:
        running = self._running.get(event.trial)
        if running is None:
            return
        candidate = running.candidate
        if event.reason == "hung" and self.budget.search_left() <= 0:
            self._end(event.trial, "pruned", reason="The time was over.", time_s=time.time() - running.started)
            return
        kind = "resource" if event.reason in ("out of memory", "hung") else "optimization"
        error = {"type": kind, "message": f"{event.reason.capitalize()}: {event.message}", "hint": ""}
        again: Queued | None = None
        if event.reason == "killed" and not candidate.retried:
            again = candidate.once_more()
        elif event.reason == "out of memory":
            again = needing_less(candidate, self.feasibility, self.study)
        if again is not None:  # before it is told: a kill between the two tries it twice rather than never
            self.study.enqueue(again)
        reason = event.reason + (TRIED_AGAIN if again else "")
        self._end(event.trial, "failed", error=error, reason=reason, time_s=time.time() - running.started)

    # Records

    def _end(
        self,
        number: int,
        status: TrialStatus,
        event: Finished | None = None,
        error: dict[str, str] | None = None,
        reason: str = "",
        time_s: float = 0.0,
    ) -> None:
        running = self._running.pop(number)
        cost = running.cost
        if event is not None and status == "completed" and cost is None:
            cost = self._measure_if_good(running.candidate, event)

        def tell() -> None:
            self._tell(running.candidate, status, cost, event, error, reason, time_s)
            self.ahead.plan_end()
            self.ahead.insure_once()
            self._drop_checkpoints()

        self._turns.ended(number, tell, counts=not reason.endswith(TRIED_AGAIN))

    def _tell(
        self,
        candidate: Candidate,
        status: TrialStatus,
        cost: Cost | None = None,
        event: Finished | None = None,
        error: dict[str, str] | None = None,
        reason: str = "",
        time_s: float = 0.0,
        violations: dict[str, float] | None = None,
    ) -> None:
        record = make_record(candidate, status, cost, event, error, reason, time_s, self._objective)
        self.study.tell(candidate, record, violations, event.best_epochs if event else ())
        if self._turns.in_order:
            self._replay(record)
        self.sink.trial(record)

    def _measure_if_good(self, candidate: Candidate, event: Finished) -> Cost | None:
        """Without a limit only the trials that may be delivered are measured: it takes the time of a short trial."""
        leaders = self.study.finished[:FINALISTS]
        objective = self._objective(event.score, None, event.metrics.get("accuracy"))
        if len(leaders) == FINALISTS and objective <= (leaders[-1].objective or 0.0):
            return self.feasibility.known_cost(candidate.family, candidate.params)
        if self.budget.search_left() < 2.0:
            return self.feasibility.known_cost(candidate.family, candidate.params)
        try:
            return self.feasibility.cost(candidate.family, candidate.params)
        except AutoMLError as error:
            log.info("Trial %d could not be measured: %s", candidate.number, error)
            return None

    def _objective(self, score: float, cost: Cost | None, accuracy: float | None = None) -> float:
        size, latency = (cost.size_bytes, cost.latency_ms) if cost else (None, None)
        return self.objective.value(score, size, latency, accuracy)

    def _replay(self, record: TrialRecord) -> None:
        size, latency = record.model_size, record.resources.inference_latency
        if size is not None and latency is not None:
            self.feasibility.remember(record.model_architecture, record.hyperparameters, Cost(size, latency))
        cost = self.feasibility.known_cost(record.model_architecture, record.hyperparameters)
        curve = [
            (row.get("share", math.nan), self._objective(row[self.metric], cost))
            for row in record.curve
            if self.metric in row
        ]
        self.halving.replay(record.number, record.model_architecture, curve)

    def _checkpoint(self, number: int) -> Path:
        return self.folder / "checkpoints" / str(number)

    def _drop_checkpoints(self) -> None:
        """Keep those of the leaders; others are also left by trials that were given up, or interrupted by a kill."""
        kept = {record.number for record in self.study.leaders(KEPT_CHECKPOINTS)}
        kept |= set(self._running) | self._turns.held
        for path in self._checkpoint(0).parent.glob("*"):
            if path.name.isdigit() and int(path.name) not in kept:
                shutil.rmtree(path, ignore_errors=True)

    def _reading(self) -> dict[str, Any]:
        done = [record for record in self.study.records if record.status != "infeasible"]
        best = self.study.finished[0] if self.study.finished else None
        return {
            "current_trial": len(done) + len(self._running) + len(self._turns.held),
            "finished": len(done) + len(self._turns.held),
            "best_metrics": best.metrics if best else {},
            "disk": process.folder_bytes(self.folder),
        }


__all__ = ["Reason", "Search"]
