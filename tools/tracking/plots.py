"""Plots as data, from the store alone; drawing them is the page's business.

A plot is {"kind": line|scatter|bar|heatmap, "title", "x": axis title, "y": axis title, "series": [{"name", "x": [...],
"y": [...]}]}; points may carry "text", a series may have "style": "points"|"step"; a heat map has "labels" and "matrix"
(rows: truth, columns: prediction) in place of series.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tools.core.errors import ExperimentError, TaskError
from tools.core.records import ExperimentRecord, TrialRecord
from tools.tracking.front import front, latency, measured, size
from tools.tracking.judgements import kept
from tools.tracking.queries import direction_of, find
from tools.tracking.store import Store

Plot = dict[str, Any]


def plot(store: Store, experiment: int, name: str) -> Plot:
    """A plot of one experiment.

    Args:
        store: The history.
        experiment: Its number.
        name: One of `PLOTS`; `compare:5,7` compares with those experiments, `compare` with all on the same data.

    Raises:
        TaskError: there is no such plot.
        ExperimentError: there is no such experiment, or nothing to draw yet.
    """
    kind, _, rest = name.partition(":")
    if kind not in PLOTS:
        raise TaskError(f"There is no plot called '{name}'.", hint=f"Choose one of: {', '.join(PLOTS)}.")
    record = store.get(experiment)
    if kind == "compare":
        return _compare(store, record, rest)
    return PLOTS[kind](store, record)


def available(store: Store, record: ExperimentRecord) -> list[str]:
    """Names of the plots that can be drawn now."""
    names = []
    for name in PLOTS:
        try:
            plot(store, record.id, name)
        except ExperimentError:
            continue
        names.append(name)
    return names


def _history(store: Store, record: ExperimentRecord) -> Plot:
    """The score of every trial, and the best so far."""
    scored = [trial for trial in store.trials(record.id) if trial.score is not None]
    if not scored:
        raise _nothing(record, "no trial has a score")
    maximize = record.direction == "maximize"
    best_line, best_value = [], None
    for trial in scored:
        score = float(trial.score or 0.0)
        better = best_value is None or (score > best_value if maximize else score < best_value)
        best_value = score if better or best_value is None else best_value
        best_line.append(best_value)
    numbers = [trial.number for trial in scored]
    series = [
        {
            "name": "trials", "x": numbers, "y": [trial.score for trial in scored], "style": "points",
            "text": [f"{trial.model_architecture} ({trial.status})" for trial in scored],
        },
        {"name": "best so far", "x": numbers, "y": best_line, "style": "step"},
    ]  # fmt: skip
    return _plot("line", f"Search of experiment {record.id}", "trial", _metric(record, "validation"), series)


def _learning_curve(store: Store, record: ExperimentRecord) -> Plot:
    """Training loss and score of the best trial by epoch; a model that is solved at once has no curve to show."""
    trials = [trial for trial in store.trials(record.id) if trial.curve]
    if not trials:
        raise _nothing(record, "no trial has a curve")
    stepwise = [trial for trial in trials if len(trial.curve) > 1]
    if not stepwise and record.status != "running":
        search = _history(store, record)
        return {**search, "title": f"{search['title']} (its models are solved at once: no learning curve)"}
    trial = _best_trial(record, stepwise or trials)
    names = [name for name in trial.curve[-1] if name not in ("epoch", "step", "time_s", "share")]
    series = []
    for name in names:
        points = [
            (row.get("epoch", float(number)), row[name]) for number, row in enumerate(trial.curve, 1) if name in row
        ]
        series.append({"name": name, "x": [x for x, _ in points], "y": [y for _, y in points]})
    title = f"Learning curve of trial {trial.number} of experiment {record.id} ({trial.model_architecture})"
    if record.best is not None and trial.number != record.best.trial:
        title += f"; trial {record.best.trial} ({record.best.family}), which was delivered, has none"
    return _plot("line", title, "epoch", "value", series)


def _pareto(store: Store, record: ExperimentRecord) -> Plot:
    """Quality against size, or latency where that was searched for; and the trials that no other beats in both."""
    goals = record.plan.goals
    cost, name, unit = size, "size", "model size in bytes"
    if "latency" in goals and "size" not in goals:
        cost, name, unit = latency, "latency", "milliseconds for one row"
    trials = measured(store.trials(record.id), cost)
    if not trials:
        raise _nothing(record, f"no trial has both a score and a {name}")
    best = front(trials, record.direction, cost)
    series = [
        {
            "name": "trials", "x": [cost(trial) for trial in trials], "y": [trial.score for trial in trials],
            "style": "points", "text": [f"trial {trial.number}: {trial.model_architecture}" for trial in trials],
        },
        {"name": f"best for its {name}", "x": [cost(trial) for trial in best],
         "y": [trial.score for trial in best], "style": "step"},
    ]  # fmt: skip
    title = f"Quality and {name} in experiment {record.id}"
    return {**_plot("scatter", title, unit, _metric(record, "validation"), series), "x_log": True}


def _kept_plot(report: str) -> Callable[[Store, ExperimentRecord], Plot]:
    def draw(store: Store, record: ExperimentRecord) -> Plot:
        content = kept(store, record.id, report)
        if content is None or not isinstance(content.get("plot"), dict):
            raise ExperimentError(
                f"The {report} of experiment {record.id} has not been computed yet.",
                hint=f"Ask for the {report} report of experiment {record.id} first.",
            )
        found: Plot = content["plot"]
        return found

    return draw


def _compare(store: Store, record: ExperimentRecord, others: str = "") -> Plot:
    """The test metric of this experiment beside others."""
    metric = record.metric
    if metric is None or metric not in record.test:
        raise _nothing(record, "it has no test result")
    if others:
        wanted = [int(part) for part in others.replace(",", " ").split() if part.isdigit()]
        records = [store.get(number) for number in dict.fromkeys([record.id, *wanted])]
    else:
        records = find(store.list(), dataset=record.dataset, metric=metric)
    records = sorted((other for other in records if metric in other.test), key=lambda other: other.id)
    names = [f"{other.id}: {other.best.family if other.best else other.dataset}" for other in records]
    series: list[dict[str, Any]] = [
        {"name": "test", "x": names, "y": [other.test[metric] for other in records]},
        {"name": "baseline", "x": names, "y": [other.baseline.get(metric) for other in records]},
    ]
    better = "more is better" if direction_of(metric, record) == "maximize" else "less is better"
    return _plot("bar", f"Test {metric} of experiments ({better})", "experiment", metric, series)


PLOTS: dict[str, Callable[[Store, ExperimentRecord], Plot]] = {
    "history": _history,
    "learning_curve": _learning_curve,
    "pareto": _pareto,
    "importance": _kept_plot("importance"),
    "confusion": _kept_plot("confusion"),
    "curves": _kept_plot("curves"),
    "calibration": _kept_plot("calibration"),
    "compare": _compare,
}


def _best_trial(record: ExperimentRecord, trials: list[TrialRecord]) -> TrialRecord:
    """The delivered trial, else the one with the best score, else the last."""
    if record.best is not None:
        for trial in trials:
            if trial.number == record.best.trial:
                return trial
    sign = 1 if record.direction == "maximize" else -1
    scored = [trial for trial in trials if trial.score is not None]
    return max(scored, key=lambda trial: sign * (trial.score or 0.0)) if scored else trials[-1]


def _metric(record: ExperimentRecord, split: str) -> str:
    return f"{record.metric or 'score'} ({split})"


def _nothing(record: ExperimentRecord, why: str) -> ExperimentError:
    hint = "Wait until a trial has ended." if record.status == "running" else "Choose a completed experiment."
    return ExperimentError(f"There is nothing to draw for experiment {record.id}: {why}.", hint=hint)


def _plot(kind: str, title: str, x: str, y: str, series: list[dict[str, Any]]) -> Plot:
    return {"kind": kind, "title": title, "x": x, "y": y, "series": series}
