"""Experiments and plots of the history in words."""

from __future__ import annotations

from typing import Any

from tools._training import short
from tools.contract import ToolContext
from tools.core.metrics import METRIC_NAMES
from tools.core.records import ExperimentRecord
from tools.tracking.comparable import incomparable
from tools.tracking.judgements import keep, kept
from tools.tracking.plots import plot
from tools.tracking.queries import best, row
from tools.tracking.wording import metric_title, number

MOST_DIFFERENCES = 6
PLOT_WORDS = {
    "history": "search history",
    "pareto": "Pareto front",
    "compare": "comparison",
    "confusion": "confusion matrix",
}
"""Plots as one asks for them, where that is not their name."""


def drawn_plot(record: ExperimentRecord, name: str, context: ToolContext) -> dict[str, Any]:
    """The plot; a judgement that was not made yet is made now."""
    judged = name in ("importance", "confusion", "curves", "calibration") and record.bundle is not None
    if judged and kept(context.store, record.id, name) is None:
        from tools.engine.export.judge import judge

        keep(context.store, record.id, name, judge(record, name, None))
    return plot(context.store, record.id, name)


def plot_axes(drawn: dict[str, Any]) -> str:
    """What is drawn over what."""
    names = [_plain(str(series.get("name", ""))) for series in drawn.get("series", [])][:3]
    what = " and ".join(name for name in names if name) if drawn["y"] == "value" else str(drawn["y"])
    return f"{what or drawn['y']} by {drawn['x']}"


def plot_reading(drawn: dict[str, Any]) -> str:
    """The last value of each series, for those who cannot see the plot."""
    said = []
    for series in drawn.get("series", [])[:3]:
        values = [value for value in series["y"] if isinstance(value, (int, float))]
        if values and drawn["kind"] == "line":
            said.append(f"{_plain(series['name'])} ends at {number(values[-1])}")
    text = ", ".join(said)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _plain(name: str) -> str:
    return "training loss" if name == "train_loss" else metric_title(name)


def experiment_brief(record: ExperimentRecord, metric: str | None) -> dict[str, Any]:
    """One experiment for a program, in about 120 characters."""
    line = row(record)
    name = metric or record.metric
    return {
        "experiment": record.id, "dataset": record.dataset[:30], "status": record.status, "family": line["family"],
        "metric": name, "test": short(record.test.get(name or "")), "model_size": line["model_size"],
    }  # fmt: skip


def experiment_line(record: ExperimentRecord, metric: str | None) -> str:
    """One experiment for a person, in one short sentence."""
    name = metric or record.metric or ""
    said = f"{metric_title(name)} {number(record.test[name])}" if name in record.test else record.status
    family = f", {record.best.family}" if record.best else ""
    tags = f" [{', '.join(record.tags)}]" if record.tags else ""
    return f"{record.id}: {record.dataset}{family}, {said}{tags}."


def verdict(records: list[ExperimentRecord], metric: str | None) -> str:
    """Which of the experiments is best, or why that cannot be said; empty when they share no metric."""
    apart = incomparable(records, metric)
    if apart:
        return apart
    found = best(records, None, metric)
    if found is None:
        return ""
    name = metric or found.metric or ""
    equal = [str(record.id) for record in records if record.test.get(name) == found.test.get(name)]
    if len(equal) > 1:
        return f"By {metric_title(name)}, experiments {' and '.join(equal)} are equally good."
    return f"By {metric_title(name)}, experiment {found.id} is best."


def comparison(
    records: list[ExperimentRecord], metric: str | None, differences: dict[str, list[Any]]
) -> tuple[str, dict[str, Any]]:
    """Experiments side by side: in words, and as data of about 1 kB.

    Args:
        records: Those compared.
        metric: What counts; by default each experiment's own metric.
        differences: Setting -> its values, as `queries.compare` gives them.
    """
    shown = dict(list(differences.items())[:MOST_DIFFERENCES])
    differ = "; ".join(f"{name}: {' / '.join(short_text(v) for v in values)}" for name, values in shown.items())
    sentences = [
        *(experiment_line(record, metric) for record in records),
        verdict(records, metric),
        f"They differ in {differ}." if differ else "Their settings are the same.",
    ]
    return " ".join(sentence for sentence in sentences if sentence), {
        "experiments": [experiment_brief(record, metric) for record in records[:4]],
        "differences": {name: [short_text(value) for value in values[:4]] for name, values in shown.items()},
    }


def short_text(value: Any) -> str:
    """A setting's value, cut to what fits into a sentence."""
    if isinstance(value, float):
        return number(value)
    return "-" if value is None else str(value)[:24]


def count_words(n: int) -> str:
    """A number of experiments."""
    return f"{n} experiment{'' if n == 1 else 's'}"


def plot_title(name: str) -> str:
    """The name of a plot for people."""
    return name.replace("_", " ").capitalize()


def standing(metric: str, value: float, baseline: float) -> str:
    """A value against the trivial guess, judged by the share of the way to perfection it has gone.

    >>> standing("accuracy", 0.972, 0.389)
    'far better than a trivial guess, which gives accuracy 0.389'
    >>> standing("rmse", 70.0, 75.0).split(",")[0], standing("r2", -0.1, 0.0).split(",")[0]
    ('a little better than a trivial guess', 'no better than a trivial guess')
    """
    perfect = 1.0 if METRIC_NAMES[metric].direction == "maximize" or metric == "perplexity" else 0.0
    way = (value - baseline) / (perfect - baseline) if perfect != baseline else 0.0
    words = "no" if way <= 0 else "a little" if way < 0.25 else "clearly" if way < 0.6 else "far"
    return f"{words} better than a trivial guess, which gives {metric_title(metric)} {number(baseline)}"
