"""News from a running job in words: the same sentence in the terminal's bar and in the page's steps. Pure."""

from __future__ import annotations

from tools.core.metrics import METRIC_NAMES
from tools.core.records import AutoMLMetrics, Phase
from tools.core.units import format_duration

PHASES: dict[Phase, str] = {
    "start": "Starting",
    "data": "Reading the data",
    "analysis": "Analysing the task",
    "search": "Searching",
    "refit": "Training the final model",
    "export": "Exporting to ONNX",
    "verify": "Checking the exported model",
    "done": "Done",
}


def best_so_far(metrics: AutoMLMetrics) -> str:
    """The best value so far, for instance `accuracy 0.974`; empty when there is none yet.

    >>> best_so_far(AutoMLMetrics(best_metrics={"accuracy": 0.97412}))
    'accuracy 0.974'
    """
    for name, value in metrics.best_metrics.items():
        if name in METRIC_NAMES:
            return f"{name} {format_number(value)}"
    return ""


def describe(metrics: AutoMLMetrics) -> str:
    """One line about a running job.

    >>> describe(AutoMLMetrics(current_trial=7, max_trials=20, phase="search", time_left_s=12,
    ...                        best_metrics={"accuracy": 0.974}))
    'Searching · trial 7 of 20 · best accuracy 0.974 · 12 s left'
    """
    parts = [PHASES[metrics.phase]]
    if metrics.current_trial:
        total = f" of {metrics.max_trials}" if metrics.max_trials else ""
        parts.append(f"trial {metrics.current_trial}{total}")
    best = best_so_far(metrics)
    if best:
        parts.append(f"best {best}")
    if metrics.time_left_s is not None and metrics.phase != "done":
        left = max(0.0, metrics.time_left_s)
        parts.append(f"{format_duration(round(left))} left" if left >= 1 else "finishing")
    return " · ".join(parts)


def format_number(value: float | None) -> str:
    """A metric for people: three decimals below 10, fewer above.

    >>> [format_number(v) for v in (0.97412, 0.00081, 54.123, 2912.7, None)]
    ['0.974', '0.0008', '54.12', '2913', '–']
    """
    if value is None or value != value:
        return "–"
    size = abs(value)
    if size >= 1000:
        return f"{value:.0f}"
    if size >= 10:
        return f"{value:.2f}"
    if 0 < size < 0.001:
        return f"{value:.4f}" if size >= 0.00005 else f"{value:.0e}"
    return f"{value:.3f}"
