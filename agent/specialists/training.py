"""The training specialist: search strategy, trials, patience, budget, objectives and limits."""

from __future__ import annotations

from dataclasses import dataclass

from agent.specialists.brief import Brief
from tools.core.config import Objectives, SearchSpec
from tools.core.records import Limits
from tools.core.units import format_duration


@dataclass(frozen=True)
class Training:
    """How the search spends its time."""

    search: SearchSpec
    objectives: Objectives
    limits: Limits
    metric: str | None
    summary: str


class TrainingSpecialist:
    """What the request says stands; recommendations fill only what it leaves open."""

    name = "training"

    def propose(self, brief: Brief) -> Training:
        """Propose strategy and budget."""
        config, request = brief.config, brief.request
        asked = request.optimization.search
        advice = brief.recommendations.optimization
        changes = {}
        if "strategy" not in asked.model_fields_set and advice.get("strategy") in (
            "bayesian",
            "random",
            "evolutionary",
            "multi_objective",
        ):
            changes["strategy"] = advice["strategy"]
        search = asked.model_copy(update=changes)
        objectives = request.optimization.objectives or config.optimization_objectives
        frame = config.resource_constraints
        limits = Limits(
            time_s=config.time_constraint,
            max_model_size=request.constraints.max_model_size,
            max_latency_ms=request.constraints.max_inference_time,
            min_accuracy=request.constraints.min_accuracy,
            max_memory=frame.max_memory,
            max_gpu_memory=frame.max_gpu_memory,
            max_disk=frame.max_disk_space,
        )
        wanted = config.experiment_tracking.metrics
        trials = f"at most {search.max_trials} trials" if search.max_trials else "as many trials as fit"
        goal = objectives.primary + (f", then {objectives.secondary}" if objectives.secondary else "")
        summary = f"{search.title} search for {goal} in {format_duration(limits.time_s)}, {trials}."
        return Training(search, objectives, limits, wanted[0] if wanted else None, summary)
