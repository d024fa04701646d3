"""The models that are delivered: the chosen trials' own, or the same trained again on all rows but the test's."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tools.core.errors import AutoMLError, OptimizationError
from tools.core.metrics import METRIC_NAMES
from tools.core.seams import RunSink
from tools.engine.data.encode import encode
from tools.engine.evaluation.metrics import compute, metric_of
from tools.engine.execution.messages import Assignment, Failed, Finished
from tools.engine.execution.pool import Pool
from tools.engine.families.family import Family
from tools.engine.search.budget import Budget
from tools.engine.search.monitor import AutoMLMonitor
from tools.engine.search.prepare import Fitted, Prepared, maximizes, truth_of
from tools.engine.search.seeds import training_seed
from tools.engine.search.team import Member, Team, read_predictions, refit_time
from tools.engine.training.learner import FitContext, Learner

log = logging.getLogger(__name__)
REFIT_TRIAL = 1_000_000_000
SEEN_TOLERANCE = 0.02
CHECKED_ROWS = 500
SPARE_S = 0.2


def refit_wanted(prepared: Prepared) -> bool:
    """Whether models on all rows should be trained when the time allows.

    After cross-validation no model saw all rows, and after a hold-out a quarter more rows are worth having: how much
    of the time that may take is the budget's to say. Not for a corpus: its text is long, and its last part the newest.
    """
    return prepared.source.task.kind != "generation"


@dataclass(frozen=True)
class Delivered:
    """The models to export, with the encoders they were trained with.

    Attributes:
        learners: One, or the members of an ensemble.
        weights: How much each counts.
        how: For people: which rows they were trained on.
    """

    learners: list[Learner]
    weights: list[float]
    fitted: Fitted
    how: str


@dataclass(frozen=True)
class Refit:
    """What surrounds the choice of the delivered models."""

    prepared: Prepared
    families: Mapping[str, Family]
    team: Team
    folder: Path
    seed: int
    workers: int

    def possible(self, budget: Budget) -> bool:
        """Whether the time that is left allows a refit of all members."""
        records = [member.record for member in self.team.members]
        left = budget.refit_end - time.time()
        known = all(member.best_epochs for member in self.team.members)
        return known and left > refit_time(records, len(self.prepared.folds), self.workers) + SPARE_S

    def run(self, pool: Pool, budget: Budget, monitor: AutoMLMonitor, sink: RunSink) -> bool:
        """Train every member on all rows for as many epochs as its trial needed; False when one failed."""
        waiting = dict(enumerate(self.team.members))
        running: set[int] = set()
        while time.time() < budget.refit_end and not sink.cancelled():
            while waiting and pool.free:
                index = min(waiting)
                pool.submit(self._assignment(index, waiting.pop(index), budget.refit_end - SPARE_S))
                running.add(REFIT_TRIAL + index)
            for event in pool.poll(0.1):
                if event.trial not in running or not isinstance(event, Finished | Failed):
                    continue
                running.discard(event.trial)
                # A training that time cut short has not had the epochs it needs.
                if isinstance(event, Failed) or event.ending != "completed":
                    log.warning("A refit failed: %s", getattr(event, "message", "the time was over"))
                    for trial in running:
                        pool.abandon(trial)
                    return False
            if not waiting and not running:
                return True
            monitor.tick("refit")
        return False

    def _assignment(self, index: int, member: Member, deadline: float) -> Assignment:
        task = self.prepared.source.task
        # Enough epochs for the number of updates the trial had: batches are more per epoch now.
        epochs = max(1, math.ceil(float(np.mean(member.best_epochs))))
        return Assignment(
            trial=REFIT_TRIAL + index,
            family=member.record.model_architecture,
            params=member.record.hyperparameters,
            thrift=member.record.thrift,
            folds=(self.prepared.full_files,),
            metric=task.metric,
            maximize=maximizes(task),
            seed=training_seed(self.seed, member.record.number),
            deadline=deadline,
            checkpoint=self._checkpoint(index),
            max_epochs=(epochs,),
        )

    def kept(self) -> Delivered:
        """The trials' own models (of their first fold)."""
        fitted = self.prepared.folds[0]
        learners = [
            self._load(member, fitted, self.folder / "checkpoints" / str(member.record.number) / "fold_0")
            for member in self.team.members
        ]
        return Delivered(learners, self.team.weights, fitted, "the training part of the split")

    def refitted(self) -> Delivered | None:
        """The refitted models, unless one does worse on some validation rows, which it has seen, than its trial."""
        fitted, source = self.prepared.full, self.prepared.source
        rows = np.concatenate([rows for _, rows in source.splits.folds])
        places = np.arange(len(rows))
        if len(rows) > CHECKED_ROWS:  # thousands of trees take a second for a thousand rows
            places = np.sort(np.random.default_rng(self.seed).choice(len(rows), CHECKED_ROWS, replace=False))
        encoded = encode(source.dataset, rows[places], fitted.encoder, fitted.target)
        truth = truth_of(source, fitted, rows[places], encoded)
        sign = 1.0 if METRIC_NAMES[source.task.metric].direction == "maximize" else -1.0
        learners = []
        for index, member in enumerate(self.team.members):
            try:
                learner = self._load(member, fitted, self._checkpoint(index) / "fold_0")
            except (AutoMLError, OSError) as error:
                log.warning("A refitted model could not be read: %s", error)
                return None
            score = compute(metric_of(source.task), truth, fitted.target.decode(learner.predict(encoded.inputs)))
            before = self._score_before(member, places)
            if not sign * score >= sign * before - SEEN_TOLERANCE * max(abs(before), 0.1):
                log.warning("A refit scores %.4g where its trial scored %.4g: the trials are kept.", score, before)
                return None
            learners.append(learner)
        return Delivered(learners, self.team.weights, fitted, "all rows but the test rows")

    def _score_before(self, member: Member, places: np.ndarray) -> float:
        """What the trial scored on the same rows, from the predictions it kept."""
        record = member.record
        kept = read_predictions(self.folder / "checkpoints" / str(record.number) / "validation.npz")
        if kept is None:
            return record.score if record.score is not None else math.nan
        predictions, truth = kept
        return compute(metric_of(self.prepared.source.task), truth[places], predictions[places])

    def _checkpoint(self, index: int) -> Path:
        return self.folder / "checkpoints" / "refit" / str(index)

    def _load(self, member: Member, fitted: Fitted, path: Path) -> Learner:
        family = self.families[member.record.model_architecture]
        learner = family.learner(member.record.hyperparameters, fitted.spec, None, None, FitContext(seed=self.seed))
        if not path.exists():
            raise OptimizationError(
                f"The model of trial {member.record.number} is not there any more.", hint="Run the experiment again."
            )
        learner.load(path)
        return learner
