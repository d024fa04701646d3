"""One trial: the folds' learners trained side by side, scored, restored to their best, kept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from tools.engine.data.dataset import TaskSpec
from tools.engine.evaluation.metrics import compute, compute_all, metric_of
from tools.engine.execution import process
from tools.engine.execution.cache import Fold
from tools.engine.execution.messages import Assignment, Ending, Finished, Progress, Usage
from tools.engine.execution.rungs import crossings, rung
from tools.engine.families.family import Family
from tools.engine.training.learner import FitContext, Learner, Report

MAX_CURVE_ROWS = 200


@dataclass
class Control:
    """The parent's wishes about the running trial."""

    stop: bool = False
    keep: bool = True


@dataclass
class _Run:
    """One fold in training."""

    learner: Learner
    fold: Fold
    maximize: bool
    reports: Iterator[Report]
    active: bool = True
    last: Report | None = None
    best: float = math.nan
    epochs: dict[int, float] = field(default_factory=dict)

    def advance(self) -> None:
        """Train one step."""
        report = next(self.reports, None)
        if report is None:
            self.active = False
            return
        self.last = report
        self.active = not report.final
        self.epochs[report.step] = report.epoch or report.step
        better = report.score > self.best if self.maximize else report.score < self.best
        if math.isnan(self.best) or better:
            self.best = report.score


def run_trial(
    assignment: Assignment, family: Family, folds: list[Fold], control: Control, device: str
) -> Iterator[Progress | Finished]:
    """Train one configuration on all its folds, one step of each in turn, so that a score exists early.

    Yields:
        `Progress` after every round, then one `Finished`.

    Raises:
        OptimizationError: the loss is not finite.
        MemoryError: out of memory.
    """
    process.reset_peak()
    cpu_before, started = process.cpu_seconds(), time.perf_counter()
    runs = [_start(assignment, family, fold, index, device) for index, fold in enumerate(folds)]
    curve: list[dict[str, float]] = []
    step = reached = 0
    while any(run.active for run in runs) and not control.stop:
        for run in runs:
            if run.active and not control.stop:
                run.advance()
        seen = [run for run in runs if run.last is not None]
        if not seen:
            break
        step = max(run.last.step for run in seen if run.last is not None)
        loss = float(np.mean([run.last.train_loss for run in seen if run.last is not None]))
        score = _mean([run.last.score for run in seen if run.last is not None])
        time_s = time.perf_counter() - started
        share = _mean([run.last.share for run in seen if run.last is not None])
        row = {"epoch": step, "train_loss": loss, assignment.metric: score, "time_s": round(time_s, 4), "share": share}
        curve.append(row)
        before, reached = reached, max(reached, rung(share))
        yield Progress(
            trial=assignment.trial,
            step=step,
            train_loss=loss,
            score=_mean([run.best for run in seen]),
            time_s=time_s,
            rung=reached if reached > before else 0,
            final=not any(run.active for run in runs),
        )
    ending: Ending = "stopped" if control.stop else "completed"
    if ending == "completed" and time.time() >= assignment.deadline:
        ending = "deadline"
    trained = time.perf_counter()
    best_epochs = tuple(run.epochs.get(run.learner.restore_best(), 1.0) for run in runs)
    metrics: dict[str, float] = {}
    score = _mean([run.best for run in runs])
    if control.keep:
        metrics = _judge(assignment, runs)
        score = metrics.get(assignment.metric, score)
        _keep(assignment, runs)
    yield Finished(
        trial=assignment.trial,
        score=score,
        metrics=metrics,
        n_parameters=runs[0].learner.n_parameters,
        best_epochs=best_epochs,
        curve=tuple(_thin(curve)),
        ending=ending,
        time_s=time.perf_counter() - started,
        closing_s=time.perf_counter() - trained,
        usage=Usage(process.peak_bytes(), process.cpu_seconds() - cpu_before, _gpu_peak(device)),
    )


def _start(assignment: Assignment, family: Family, fold: Fold, index: int, device: str) -> _Run:
    score: Callable[[np.ndarray], float] | None = None
    if fold.truth is not None:
        truth, target, metric = fold.truth, fold.target, metric_of(fold.spec.task, assignment.metric)

        def score(raw: np.ndarray) -> float:
            return compute(metric, truth, target.decode(raw))

    context = FitContext(
        seed=assignment.seed + index,
        device=device,
        score=score,
        maximize=assignment.maximize,
        deadline=assignment.deadline,
        max_epochs=assignment.max_epochs[index] if assignment.max_epochs else None,
        thrift=assignment.thrift,
    )
    learner = family.learner(assignment.params, fold.spec, fold.train, fold.validation, context)
    return _Run(learner, fold, assignment.maximize, learner.reports())


def _judge(assignment: Assignment, runs: list[_Run]) -> dict[str, float]:
    """All metrics of the restored models on their validation rows, meaned over folds; predictions are kept."""
    per_fold: list[dict[str, float]] = []
    predictions: dict[str, np.ndarray] = {}
    for index, run in enumerate(runs):
        if run.fold.validation is None or run.fold.truth is None:
            continue
        task: TaskSpec = run.fold.spec.task
        decoded = run.fold.target.decode(run.learner.predict(run.fold.validation.inputs))
        per_fold.append(compute_all(task, run.fold.truth, decoded))
        if task.kind != "generation":  # a distribution per token would fill the disk
            predictions[f"predictions_{index}"] = decoded
            predictions[f"truth_{index}"] = run.fold.truth
    if assignment.checkpoint is not None and predictions:
        assignment.checkpoint.mkdir(parents=True, exist_ok=True)
        np.savez(assignment.checkpoint / "validation.npz", **predictions)  # type: ignore[arg-type]
    names = per_fold[0] if per_fold else {}
    return {name: _mean([fold[name] for fold in per_fold if name in fold]) for name in names}


def _keep(assignment: Assignment, runs: list[_Run]) -> None:
    if assignment.checkpoint is None:
        return
    assignment.checkpoint.mkdir(parents=True, exist_ok=True)
    for index, run in enumerate(runs):
        run.learner.save(assignment.checkpoint / f"fold_{index}")


def _mean(values: list[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def _thin(curve: list[dict[str, float]]) -> list[dict[str, float]]:
    """At most about `MAX_CURVE_ROWS` rows; the first and the last and those that reached a rung included."""
    if len(curve) <= MAX_CURVE_ROWS:
        return curve
    spread = np.linspace(0, len(curve) - 1, MAX_CURVE_ROWS).round().astype(int)
    rungs = [number for number, reached in enumerate(crossings(row["share"] for row in curve)) if reached]
    return [curve[i] for i in sorted({*spread.tolist(), *rungs})]


def _gpu_peak(device: str) -> int | None:
    if device != "cuda":
        return None
    import torch

    peak = int(torch.cuda.max_memory_allocated())
    torch.cuda.reset_peak_memory_stats()
    return peak
