"""The visible steps of an experiment: what each found, in one sentence and a few facts."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tools.core.records import ExperimentPlan, Kind, TaskRequirements, TrialRecord
from tools.core.units import format_size
from tools.engine.search.budget import Budget
from tools.engine.search.ends import Reason
from tools.engine.search.feasibility import Feasibility
from tools.engine.search.objective import Objective
from tools.engine.search.prepare import Prepared, Source
from tools.engine.search.space import Space
from tools.engine.search.study import Queued, Study
from tools.engine.search.team import Team

LOOK_SHARE = 0.1
QUICK_BUDGET_S = 12.0
ENDS: dict[Reason, str] = {
    "time": "the time was over",
    "max_trials": "the number of trials was reached",
    "patience": "no trial improved any more",
    "space": "the whole grid was tried",
    "disk": "the disk space allowed was nearly used up",
    "cancelled": "it was cancelled",
}
Step = tuple[str, dict[str, Any]]
_OF_ARCHITECTURE = ("task analysis", "search space", "model architect", "evaluation")
_OF_TUNING = {
    "model architect": "model analysis",
    "search space": "training optimisation",
    "search strategy": "search strategy",
    "validation": "validation",
}


def shown_name(kind: Kind, step: str) -> str | None:
    """What a step is called in a tool's own terms; None when the tool does not show it. A workflow shows all."""
    if kind == "architecture_search":
        return step if step in _OF_ARCHITECTURE else None
    if kind == "hyperparameter_search":
        return _OF_TUNING.get(step)
    return step


def task_analysis(plan: ExperimentPlan, source: Source) -> Step:
    """What is asked for and what the data allows."""
    task, splits, limits = source.task, source.splits, plan.limits
    requirements = TaskRequirements(
        data={
            "modality": source.dataset.modality,
            "target": task.target,
            "rows": source.dataset.n_rows,
            "problems": list(source.profile.warnings)[:5],
        },
        model={
            "task": task.kind,
            "classes": len(task.classes),
            "max_model_size": limits.max_model_size,
            "max_latency_ms": limits.max_latency_ms,
        },
        training={
            "time_s": limits.time_s,
            "validation": plan.validation.method,
            "folds": len(splits.folds) // splits.repeats,
            "repeats": splits.repeats,
            "rows_train": len(splits.train),
            "rows_test": len(splits.test),
        },
        evaluation={"metric": task.metric, "min_accuracy": limits.min_accuracy},
    )
    what = " and ".join(f"{part.kind} of '{part.target}'" for part in task.parts or (task,) if part.target)
    what = what or task.kind
    summary = f"{what[0].upper()}{what[1:]} on {source.dataset.n_rows} examples, judged by {task.metric}."
    return summary, requirements.model_dump(mode="json")


def search_space(space: Space) -> Step:
    """Which families take part, and how many parameters each has."""
    sizes = {name: len(space.dimensions(name)) for name in space.families}
    named = ", ".join(f"{name} ({size} parameters)" for name, size in sizes.items())
    return f"Searching {named}.", {"families": sizes, "fixed": space.fixed}


def architect(feasibility: Feasibility, first: list[Queued], budget: Budget) -> list[Queued]:
    """Measure the best default of each family; with limits, see that something that fits is among the first.

    Looking has a share of the time. What it did not come to stays as it is: the search looks at every configuration
    before it trains it.

    Returns:
        The configurations to try first.

    Raises:
        ResourceError: nothing can meet the limits.
    """
    if not feasibility.limited and budget.left() < QUICK_BUDGET_S:
        return first
    begun = time.time()
    share = LOOK_SHARE * max(budget.search_left(), 0.0)
    leading = {item.family: item for item in reversed(first)}  # each family's first
    for item in _while_time([item for item in first if leading[item.family] is item], begun + share):
        feasibility.fits(item.family, item.params)
    if not feasibility.limited:
        return first
    if any(feasibility.fits(item.family, item.params) for item in _while_time(first, begun + share)):
        return first
    fitting, unseen = _shrunk(feasibility, first, begun + 2 * share)
    if not fitting:
        smallest = feasibility.smallest(begun + 4 * share)
        fitting = [Queued(family, params, "the smallest that fits the limits") for family, params in smallest]
    return [*fitting, *unseen]


def _shrunk(feasibility: Feasibility, first: list[Queued], until: float) -> tuple[list[Queued], list[Queued]]:
    """Configurations shrunk until they fit, and those that there was no time to look at."""
    found: list[Queued] = []
    looked = 0
    for item in _while_time(first, until):
        looked += 1
        params = feasibility.shrink(item.family, item.params)
        if params is not None:
            found.append(Queued(item.family, params, f"{item.why}, shrunk to fit the limits"))
    return found, first[looked:]


def _while_time(items: Iterable[Queued], until: float) -> Iterator[Queued]:
    """The first of them in any case, the others while there is time."""
    for place, item in enumerate(items):
        if place and time.time() > until:
            return
        yield item


def architect_summary(feasibility: Feasibility, first: list[Queued]) -> Step:
    """What the first configurations cost."""
    details: dict[str, Any] = {"configurations": len(first)}
    parts = []
    for item in first:
        cost = feasibility.known_cost(item.family, item.params)
        if cost is not None and item.family not in details:
            details[item.family] = {"size_bytes": cost.size_bytes, "latency_ms": round(cost.latency_ms, 4)}
            parts.append(f"{item.family} {format_size(cost.size_bytes)}, {cost.latency_ms:.2g} ms per row")
    said = f" Measured: {'; '.join(parts)}." if parts else ""
    return f"{len(first)} configurations to start with.{said}", details


def search_strategy(plan: ExperimentPlan, objective: Objective, workers: int, first: int, study: Study) -> Step:
    """How the search goes about it."""
    goals = ", ".join(f"{goal} {weight:.0%}" for goal, weight in objective.goals.items())
    where = f"{workers} workers" if workers else "this process"
    if objective.apart:
        goals = f"{' and '.join(objective.apart)} weighed apart; the delivered model by {goals}"
    details = {
        "strategy": plan.search.strategy,
        "max_trials": plan.search.max_trials,
        "patience": plan.search.early_stopping_patience,
        "goals": {str(goal): weight for goal, weight in objective.goals.items()},
        "apart": list(objective.apart),
        "workers": workers,
        "finished_before": len(study.records),
    }
    return (
        f"{plan.search.title} search in {where} after {first} given configurations; {goals}.",
        details,
    )


def evaluation(study: Study, reason: Reason, metric: str) -> Step:
    """What the search found."""
    counts = Counter(record.status for record in study.records)
    best = study.finished[0] if study.finished else None
    found = (
        f" Best {metric} {best.score:.4g} with {best.model_architecture}." if best and best.score is not None else ""
    )
    said = ", ".join(f"{count} {status}" for status, count in counts.items()) or "none"
    return f"Trials: {said}; {ENDS[reason]}.{found}", {"counts": dict(counts), "ended": reason}


def validation(team: Team, how: str, prepared: Prepared) -> Step:
    """What is delivered."""
    best, splits = team.best, prepared.source.splits
    folds = len(splits.folds) // splits.repeats
    checked = f"{folds}-fold cross-validation" if folds > 1 else "hold-out validation"
    if splits.repeats > 1:
        checked += f", {splits.repeats} times over"
    if team.finalists:
        checked += f" and, among {team.finalists} leaders, by cross-validation"
    what = f"trial {best.number} ({best.model_architecture})"
    if len(team.members) > 1:
        what = f"an {team.name} around {what}"
    return (
        f"Delivering {what}, chosen by {checked}, trained on {how}.",
        {
            "trial": best.number,
            "trained_on": how,
            "training_time_s": best.resources.training_time,
            "metrics": best.metrics,
            "members": {str(member.record.number): round(member.weight, 3) for member in team.members},
            "whole": team.metrics,
        },
    )


def missing_trials(path: Path, records: list[TrialRecord]) -> list[TrialRecord]:
    """Trials of the journal that `trials.jsonl` lacks."""
    import json

    known: set[int] = set()
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                known.add(int(json.loads(line)["number"]))
            except (ValueError, KeyError, TypeError):
                continue  # a line that a kill cut short
    return [record for record in records if record.number not in known]


def clean(folder: Path) -> None:
    """Remove what can be made again from the data and the leaders' checkpoints: encoded arrays, finals and refits."""
    for name in ("cache", "checkpoints/finals", "checkpoints/refit"):
        shutil.rmtree(folder / name, ignore_errors=True)
