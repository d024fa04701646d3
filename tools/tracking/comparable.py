"""Whether the numbers of several experiments say something about one another."""

from __future__ import annotations

from collections.abc import Sequence

from tools.core.records import ExperimentRecord
from tools.tracking.wording import joined, metric_title, predicted


def incomparable(records: Sequence[ExperimentRecord], metric: str | None = None) -> str:
    """Why the test results of these experiments cannot be compared, in one sentence; empty when they can.

    Args:
        records: Those without a test result do not count.
        metric: What is compared; by default each experiment's own metric.
    """
    judged = [record for record in records if record.test]
    datasets = list(dict.fromkeys(record.dataset for record in judged))
    if len(datasets) > 1:
        return f"They are about different data ({joined(datasets)}), so their numbers cannot be compared."
    prints = {record.profile.fingerprint for record in judged if record.profile is not None}
    if len(prints) > 1:
        return f"The data {datasets[0]} changed between them, so their numbers cannot be compared."
    targets = list(dict.fromkeys(name for record in judged if (name := predicted(record))))
    if len(targets) > 1:
        return f"They predict different columns ({joined(targets)}), so their numbers cannot be compared."
    metrics = list(dict.fromkeys(metric_title(record.metric) for record in judged))
    if metric is None and len(metrics) > 1:
        return f"They are judged by different metrics ({joined(metrics)}), so name one metric to compare them by."
    return ""


def other_data(chosen: ExperimentRecord, records: Sequence[ExperimentRecord]) -> str:
    """What the best experiment of a mixed history says nothing about, in one sentence; empty when there is nothing."""
    others = sorted({record.dataset for record in records if record.test} - {chosen.dataset})
    if not others:
        return ""
    shown = [*others[:3], *([f"{len(others) - 3} more"] if len(others) > 3 else [])]
    return (
        f"Experiments on {joined(shown)} are about other data, and numbers on different data cannot be compared: name "
        "a dataset to see its best one."
    )
