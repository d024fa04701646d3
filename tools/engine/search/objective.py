"""What the search maximises: quality, latency and size, each brought to about 0..1, weighted.

quality   maximised metrics as they are (accuracy, AUC, F1, R²; R² not below -1); minimised ones as the share of the
          trivial baseline's error that is gone: 1 - value / baseline (not below -1).
latency   1 - log(ms / 0.01) / log(1000 / 0.01): 1 at 10 µs, 0 at 1 s, each tenfold counts the same.
size      1 - log(bytes / 10^3) / log(10^9 / 10^3): 1 at 1 kB, 0 at 1 GB.

objective = w1 * primary + w2 * secondary, weights as asked, else 0.7 and 0.3 (accuracy joins size or latency alone with
0.3). Accuracy alone counts fully.
A model below `min_accuracy` loses `SHORTFALL` times what it lacks, so that it never wins against one that reaches it
by being small.

The strategies `multi_objective` and `evolutionary` steer by the goals apart instead of by their sum: what is worth
trying next is what may be better than every finished trial in one of them. What is delivered, the sum decides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

from tools.core.config import Goal, Objectives, Strategy
from tools.core.metrics import METRIC_NAMES
from tools.core.records import TrialRecord

WEIGHTS = (0.7, 0.3)
FASTEST_MS, SLOWEST_MS = 1e-2, 1e3
SMALLEST, LARGEST = 1e3, 1e9
SHORTFALL = 2.0


@dataclass(frozen=True)
class Objective:
    """The scalar objective of one experiment.

    Attributes:
        goals: Goal -> weight; the weights sum to 1.
        metric: Name of the metric behind accuracy.
        baseline: The metric's value of the trivial baseline.
        min_accuracy: See the module.
        apart: Goals that the sampler sees one by one; none where it sees their sum.
    """

    goals: dict[Goal, float]
    metric: str
    baseline: float
    min_accuracy: float | None = None
    apart: tuple[Goal, ...] = ()

    @property
    def needs_measuring(self) -> bool:
        """Whether size or latency take part."""
        return any(goal != "accuracy" for goal in (*self.goals, *self.apart))

    def quality(self, score: float) -> float:
        """The metric in about 0..1, larger is better; NaN stays NaN."""
        if METRIC_NAMES[self.metric].direction == "maximize":
            return max(score, -1.0) if not math.isnan(score) else score
        scale = self.baseline if self.baseline > 0 and math.isfinite(self.baseline) else 1.0
        return max(1.0 - score / scale, -1.0) if not math.isnan(score) else score

    def reached(self, goal: Goal, score: float, size_bytes: int | None, latency_ms: float | None) -> float:
        """How far one goal is reached, in about 0..1; what was not measured counts as the middle of its range."""
        if goal == "accuracy":
            return self.quality(score)
        if goal == "latency":
            return 0.5 if latency_ms is None else _log_share(latency_ms, FASTEST_MS, SLOWEST_MS)
        return 0.5 if size_bytes is None else _log_share(size_bytes, SMALLEST, LARGEST)

    def told(self, record: TrialRecord) -> tuple[float, ...]:
        """What the sampler hears of a finished trial: the objective, or every goal of `apart`."""
        if not self.apart:
            return (math.nan if record.objective is None else record.objective,)
        score = math.nan if record.score is None else record.score
        size, latency = record.model_size, record.resources.inference_latency
        return tuple(self.reached(goal, score, size, latency) for goal in self.apart)

    def value(
        self, score: float, size_bytes: int | None, latency_ms: float | None, accuracy: float | None = None
    ) -> float:
        """The objective of a model; what was not measured counts as the middle of its range.

        Args:
            score: Value of the metric.
            size_bytes: Of the exported model.
            latency_ms: For one row.
            accuracy: What `min_accuracy` is about where the metric is another one.
        """
        reach = partial(self.reached, score=score, size_bytes=size_bytes, latency_ms=latency_ms)
        total = sum(weight * reach(goal) for goal, weight in self.goals.items())
        reached = score if METRIC_NAMES[self.metric].direction == "maximize" else None
        reached = accuracy if accuracy is not None else reached
        if self.min_accuracy is not None and reached is not None:
            total -= SHORTFALL * max(0.0, self.min_accuracy - reached)
        return total


def make_objective(
    objectives: Objectives,
    metric: str,
    baseline: float,
    min_accuracy: float | None,
    strategy: Strategy = "bayesian",
) -> Objective:
    """The objective a plan asks for (see the module for the rules)."""
    wanted = objectives.goals(strategy)
    if objectives.secondary is None and objectives.primary == "accuracy":
        goals: dict[Goal, float] = {"accuracy": 1.0}
    else:
        goals = dict(zip(wanted, objectives.weights or WEIGHTS, strict=True))
    several = len(wanted) > 1 and strategy in ("multi_objective", "evolutionary")
    return Objective(goals, metric, baseline, min_accuracy, wanted if several else ())


def _log_share(value: float, best: float, worst: float) -> float:
    share = 1.0 - math.log(max(value, best) / best) / math.log(worst / best)
    return max(share, -1.0)
