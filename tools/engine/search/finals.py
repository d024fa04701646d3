"""The finals: on small data the leaders of a hold-out search are compared once more, by cross-validation.

A hold-out part of a hundred rows cannot tell 97 % from 99 %, and the best of a hundred trials on it is the luckiest.
So a share of the time goes to few candidates, each trained on five other divisions of the rows that are not test.

Source: Cawley and Talbot (2010), "On Over-fitting in Model Selection", section 5: the variance of the selection
criterion is what over-fits, and averaging over divisions lowers it.
"""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tools.core.errors import TaskError
from tools.core.records import TrialRecord
from tools.core.seams import RunSink
from tools.engine.data.split import split
from tools.engine.execution.messages import Assignment, Finished, FoldFiles, Progress
from tools.engine.execution.pool import Pool
from tools.engine.search.budget import Budget
from tools.engine.search.monitor import AutoMLMonitor
from tools.engine.search.objective import Objective
from tools.engine.search.prepare import Prepared, Source, encode_folds, maximizes
from tools.engine.search.refit import refit_wanted
from tools.engine.search.seeds import training_seed
from tools.engine.search.team import Judged, read_predictions

log = logging.getLogger(__name__)
FOLDS = 5
LEAST_FOLDS = 2
SMALL_ROWS = 2_000
FIRST_TRIAL = 1_000_000_001
SHARE = 0.25
NEAR = 0.03


def finals_wanted(prepared: Prepared) -> bool:
    """Whether the data is small enough for a hold-out to need them."""
    return refit_wanted(prepared) and len(prepared.folds) == 1 and len(prepared.source.splits.train) <= SMALL_ROWS


def seconds_needed(finalists: list[TrialRecord], workers: int) -> float:
    """Estimated seconds of comparing them: each is trained `FOLDS` times on as many rows as before."""
    trained = sum(FOLDS * record.resources.training_time for record in finalists)
    return 1.2 * trained / max(workers, 1) + 0.5 if finalists else 0.0


def affordable(finalists: list[TrialRecord], workers: int, seconds: float) -> list[TrialRecord]:
    """The leaders that can be compared within `seconds`, in order; none when it would be one alone.

    The best one comes first, then whoever is quick: on few rows the order among leaders is mostly luck, and many
    compared are worth more than few.

    None either when the best one takes too long and the others are well behind it: finals among them would throw it
    away unbeaten. One that is hardly ahead on a few rows may only have been lucky there.
    """
    chosen: list[TrialRecord] = []
    for record in [*finalists[:1], *sorted(finalists[1:], key=lambda one: one.resources.training_time)]:
        if seconds_needed([*chosen, record], workers) <= seconds:
            chosen.append(record)
    if len(chosen) < 2:
        return []
    chosen = [record for record in finalists if record in chosen]
    ahead = (finalists[0].objective or 0.0) - max(record.objective or 0.0 for record in chosen)
    return chosen if chosen[0] is finalists[0] or ahead <= NEAR else []


@dataclass(frozen=True)
class Finals:
    """Compares finalists in the workers that the search has left."""

    prepared: Prepared
    folder: Path
    seed: int
    objective: Objective

    def run(
        self, finalists: list[TrialRecord], pool: Pool, budget: Budget, monitor: AutoMLMonitor, sink: RunSink
    ) -> list[Judged]:
        """Train every finalist on all folds; the best first, none when fewer than two got through."""
        folds = self._folds()
        if not folds:
            return []
        deadline = budget.refit_end - budget.refit_s
        # Fold by fold and not finalist by finalist: whenever time runs out, all were judged on the same folds.
        waiting = [(index, record) for index in range(len(folds)) for record in finalists]
        running: dict[int, tuple[int, int]] = {}
        results: dict[int, dict[int, Finished]] = {record.number: {} for record in finalists}
        number = FIRST_TRIAL
        while (waiting or running) and time.time() < deadline and not sink.cancelled():
            while waiting and pool.free:
                index, record = waiting.pop(0)
                pool.submit(self._assignment(number, record, folds[index], deadline))
                running[number] = (record.number, index)
                number += 1
            for event in pool.poll(0.1):
                if isinstance(event, Progress) or event.trial not in running:
                    continue
                of, index = running.pop(event.trial)
                # Cut short by the time is not comparable with trained to the end.
                if isinstance(event, Finished) and event.ending == "completed" and not math.isnan(event.score):
                    results[of][index] = event
            monitor.tick("search")
        for trial in running:
            pool.abandon(trial)
        judged = judge(finalists, results, self._checkpoints)
        if len(judged) < 2 or judged[0].record is not finalists[0]:  # the best one ran out of time: it stays the best
            return []
        return sorted(judged, key=self._rank, reverse=True)

    def _rank(self, judged: Judged) -> tuple[float, float]:
        record, metrics = judged.record, judged.metrics
        score = metrics[self.prepared.source.task.metric]
        latency = record.resources.inference_latency
        value = self.objective.value(score, record.model_size, latency, metrics.get("accuracy"))
        return value, -metrics.get("log_loss", 0.0)

    @property
    def _checkpoints(self) -> Path:
        return self.folder / "checkpoints" / "finals"

    def _folds(self) -> tuple[FoldFiles, ...]:
        """The same rows that are not test, divided anew."""
        source = self.prepared.source
        spec = source.splits.validation.model_copy(update={"method": "cross_validation", "folds": FOLDS})
        try:
            splits = split(source.dataset, source.task, spec, self.seed)
        except TaskError as error:
            log.info("No finals: %s", error)
            return ()
        if not np.array_equal(splits.test, source.splits.test):
            log.warning("No finals: another way of validating would change the test rows.")
            return ()
        again = Source(source.dataset, source.profile, source.task, splits)
        return encode_folds(again, self.folder / "cache" / "finals")

    def _assignment(self, trial: int, record: TrialRecord, fold: FoldFiles, deadline: float) -> Assignment:
        task = self.prepared.source.task
        return Assignment(
            trial=trial,
            family=record.model_architecture,
            params=record.hyperparameters,
            thrift=record.thrift,
            folds=(fold,),
            metric=task.metric,
            maximize=maximizes(task),
            seed=training_seed(self.seed, record.number),
            deadline=deadline,
            checkpoint=self._checkpoints / str(trial),
        )


def judge(finalists: list[TrialRecord], results: dict[int, dict[int, Finished]], checkpoints: Path) -> list[Judged]:
    """Who got through at least two folds, with means and predictions over the folds that all of these have."""
    through = [record for record in finalists if len(results[record.number]) >= LEAST_FOLDS]
    reached = sorted({index for judged in results.values() for index in judged})
    common = [index for index in reached if all(index in results[record.number] for record in through)]
    if len(common) < LEAST_FOLDS:
        return []
    judged = []
    for record in through:
        events = [results[record.number][index] for index in common]
        epochs = tuple(epoch for event in events for epoch in event.best_epochs)
        kept = [read_predictions(checkpoints / str(event.trial) / "validation.npz") for event in events]
        parts = [part for part in kept if part is not None]
        whole = len(parts) == len(kept)
        predictions = np.concatenate([part[0] for part in parts]) if whole else None
        truth = np.concatenate([part[1] for part in parts]) if whole else None
        judged.append(Judged(record, epochs, _means(events), predictions, truth))
    return judged


def _means(events: list[Finished]) -> dict[str, float]:
    """Over the folds where a metric has a value: a fold without a rare class has no AUC, for instance."""
    names = dict.fromkeys(name for event in events for name in event.metrics)
    return {name: float(np.mean([e.metrics[name] for e in events if name in e.metrics])) for name in names}
