"""Task analysis: a typed DSPy prediction by the language models, or by the planner from the profile alone."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tools.core.config import AutoMLConfig, AutoMLRequest
from tools.core.records import AutoMLRecommendations, DatasetProfile, TaskRequirements

if TYPE_CHECKING:
    import dspy

logger = logging.getLogger(__name__)

_MOST_COLUMNS = 40


async def analyse(
    config: AutoMLConfig,
    request: AutoMLRequest,
    profile: DatasetProfile,
    families: tuple[str, ...],
    lms: list[dspy.LM],
    notify: Callable[[str], None] = lambda text: None,
) -> tuple[TaskRequirements, AutoMLRecommendations]:
    """Ask the chain of models; the planner at its end always answers.

    Args:
        config: The frame: time and memory.
        request: The wish.
        profile: What the data looks like.
        families: Families that may be recommended.
        lms: The chain.
        notify: Told when another model takes over.
    """
    import dspy

    from agent.lm.chain import Chain
    from agent.signatures import AnalyseTask

    predict = dspy.Predict(AnalyseTask)
    inputs = {
        "request": json.dumps(_wish(config, request)),
        "profile": json.dumps(_short(profile), ensure_ascii=False),
        "families": list(families),
    }

    async def ask(lm: dspy.LM) -> dspy.Prediction:
        with dspy.context(lm=lm, adapter=dspy.ChatAdapter()):
            return await predict.acall(**inputs)

    found = await Chain(lms).run(ask, notify)
    return found.requirements, found.recommendations


def _wish(config: AutoMLConfig, request: AutoMLRequest) -> dict[str, Any]:
    objectives = request.optimization.objectives or config.optimization_objectives
    facts = {
        "words": request.task,
        "task": config.task_type,
        "time_s": config.time_constraint,
        "max_memory": config.resource_constraints.max_memory,
        "max_gpu_memory": config.resource_constraints.max_gpu_memory,
        "max_model_size": request.constraints.max_model_size,
        "max_latency_ms": request.constraints.max_inference_time,
        "min_accuracy": request.constraints.min_accuracy,
        "validation": request.validation.model_dump(),
        "objectives": objectives.model_dump(exclude_none=True),
    }
    return {name: value for name, value in facts.items() if value is not None}


def _short(profile: DatasetProfile) -> dict[str, Any]:
    """The profile without examples and beyond the first columns: enough to reason, small enough for a prompt."""
    facts = profile.model_dump(mode="json", exclude={"columns", "source", "fingerprint"}, exclude_none=True)
    facts["columns"] = [
        {"name": column.name, "kind": column.kind, "missing": column.missing, "unique": column.unique}
        for column in profile.columns[:_MOST_COLUMNS]
    ]
    return facts
