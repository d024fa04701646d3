"""Numbers and results of an experiment in words; the same in tools, reports and plots."""

from __future__ import annotations

from collections.abc import Sequence

from tools.core.metrics import metric_info
from tools.core.records import ConstraintCheck, ExperimentRecord, TrialRecord
from tools.core.units import format_duration, format_size

LIMIT_NAMES = {
    "max_model_size": "size",
    "max_latency_ms": "time per row",
    "min_accuracy": "accuracy",
    "max_memory": "memory",
    "max_gpu_memory": "GPU memory",
    "max_disk": "disk space",
    "time_s": "time",
}
STATUS_WORDS = {
    "running": "is still running",
    "completed": "is completed",
    "failed": "failed",
    "cancelled": "was cancelled",
    "interrupted": "was interrupted",
}
"""What became of an experiment, to follow its name."""
_BYTES = frozenset({"max_model_size", "max_memory", "max_gpu_memory", "max_disk"})


def number(value: float | None) -> str:
    """A metric's value.

    >>> number(0.97222), number(1234.56), number(1.0), number(None)
    ('0.972', '1235', '1', '-')
    """
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def metric_title(name: str | None) -> str:
    """A metric for people, fit for the middle of a sentence.

    >>> metric_title("balanced_accuracy"), metric_title("r2")
    ('balanced accuracy', 'R²')
    """
    info = metric_info(name or "")
    title = info.title if info is not None else str(name or "score")
    title = title.replace(",", "")  # it stands in lists
    return title if len(title) < 3 or title[:2].isupper() else title[0].lower() + title[1:]


def quantity(name: str, value: float | None) -> str:
    """The value of a limit with its unit.

    >>> quantity("max_model_size", 31400), quantity("max_latency_ms", 0.0512), quantity("min_accuracy", 0.95)
    ('31.4 kB', '0.0512 ms', '0.95')
    """
    if value is None:
        return "not measured"
    if name in _BYTES:
        return format_size(value)
    if name == "max_latency_ms":
        return f"{value:.3g} ms"
    return format_duration(value) if name == "time_s" else number(value)


def check_sentence(check: ConstraintCheck) -> str:
    """One limit in words.

    >>> check_sentence(ConstraintCheck(name="max_model_size", asked=200000, measured=31400, met=True))
    'size 31.4 kB (at most 200 kB): met'
    """
    bound = "at least" if check.name.startswith("min_") else "at most"
    verdict = "met" if check.met else "NOT met"
    name = LIMIT_NAMES.get(check.name, check.name)
    return f"{name} {quantity(check.name, check.measured)} ({bound} {quantity(check.name, check.asked)}): {verdict}"


def rows(n: int) -> str:
    """A number of rows.

    >>> rows(1), rows(1200)
    ('1 row', '1,200 rows')
    """
    return f"{n:,} row{'' if n == 1 else 's'}"


def joined(names: Sequence[str]) -> str:
    """Names in a sentence.

    >>> joined(["a"]), joined(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def predicted(record: ExperimentRecord) -> str:
    """The column an experiment predicts; empty where there is none (a text generator)."""
    return (record.profile.target if record.profile is not None else record.plan.target) or ""


def result_sentence(record: ExperimentRecord) -> str:
    """The result on test data with what it is to be compared with."""
    metric = record.metric
    if metric is None or metric not in record.test:
        return "There is no test result."
    text = f"Test {metric_title(metric)} {number(record.test[metric])}"
    aside = []
    if metric in record.confidence:
        low, high = record.confidence[metric]
        aside.append(f"95 % interval {number(low)} to {number(high)}")
    if metric in record.baseline:
        aside.append(f"a trivial guess gives {number(record.baseline[metric])}")
    return text + (f" ({'; '.join(aside)})." if aside else ".")


def model_sentence(record: ExperimentRecord) -> str:
    """The delivered model: kind, size, speed."""
    best = record.best
    if best is None:
        return "There is no model."
    parts = [best.model_architecture or best.family]
    if best.n_parameters is not None:
        parts.append(f"{best.n_parameters:,} parameters")
    if best.model_size is not None:
        parts.append(format_size(best.model_size))
    if best.resources.inference_latency is not None:
        parts.append(f"{best.resources.inference_latency:.3g} ms per row")
    return f"Model: {', '.join(parts)}."


def limits_sentence(record: ExperimentRecord) -> str:
    """Which limits hold; empty when none was asked."""
    if not record.constraints:
        return ""
    broken = [check for check in record.constraints if not check.met]
    details = "; ".join(check_sentence(check) for check in record.constraints)
    if not broken:
        return f"All limits are met: {details}."
    return f"{len(broken)} of {len(record.constraints)} limits not met: {details}."


def front_sentence(record: ExperimentRecord, trials: Sequence[TrialRecord]) -> str:
    """Other trials by quality and size; empty where there are none."""
    if not trials:
        return ""
    each = [
        f"{trial.model_architecture} with {number(trial.score)} in {format_size(trial.model_size or 0)}"
        for trial in trials
    ]
    name = metric_title(record.metric)
    return f"Other trials, best for their size by validation {name}: {joined(each)}."
