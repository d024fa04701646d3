"""Plan mode: the ten tools with the expensive part replaced by canned results; arguments and errors stay real.

Tools that train run their own code with jobs that end at once (`evals.stage`); tools that need a model's file, which
canned experiments lack, answer from the history with the checks the real ones make.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from evals.canned_models import check, convert, evaluate, predict
from evals.stage import OUT_OF_MEMORY, StagedJobs
from evals.suite import Behaviour
from tools.contract import TOOLS, Tool, ToolArgs, ToolContext, ToolResult
from tools.core.errors import from_dict

_ANSWERS: dict[str, Callable[[Any, ToolContext], ToolResult]] = {
    "ModelEvaluator": evaluate,
    "ResourceConstraintChecker": check,
    "ModelConverter": convert,
    "Predictor": predict,
}
_TRAIN = frozenset({"AutoMLWorkflow", "ArchitectureSearch", "HyperparameterOptimizer", "JobControl"})


def canned_tools(behaviours: dict[str, Behaviour] | None = None) -> list[Tool[Any]]:
    """Every registered tool, none of which costs anything.

    Args:
        behaviours: Tool -> how it behaves; looked at with every call, so a turn may change it.
    """
    told = {} if behaviours is None else behaviours
    return [CannedTool(tool, told) for tool in TOOLS]


class CannedTool(Tool[Any]):
    """Another tool's name, arguments and question, with an answer that costs nothing."""

    def __init__(self, tool: Tool[Any], behaviours: dict[str, Behaviour]) -> None:
        self._tool = tool
        self._behaviours = behaviours
        self.name = tool.name
        self.Args = tool.Args
        self.examples = tool.examples  # type: ignore[misc]
        self.__doc__ = tool.__doc__

    def run(self, args: ToolArgs, context: ToolContext) -> ToolResult:
        """Answer without models.

        Raises:
            AutoMLError: what the real tool would refuse, or the failure this turn asks for.
        """
        behaviour = self._behaviours.get(self.name)
        if self.name in _TRAIN:
            return self._staged(args, context, behaviour)
        if behaviour == "fails":
            raise from_dict(OUT_OF_MEMORY.model_dump())
        return _ANSWERS.get(self.name, self._tool.run)(args, context)

    def confirm(self, args: ToolArgs, context: ToolContext) -> str | None:
        """The real tool's question."""
        return self._tool.confirm(args, context)

    def _staged(self, args: ToolArgs, context: ToolContext, behaviour: Behaviour | None) -> ToolResult:
        jobs = context.jobs
        assert isinstance(jobs, StagedJobs)
        jobs.behaviour = behaviour
        if behaviour == "goes_on":  # an event of its own: the user has not left the turn
            context = replace(context, detached=threading.Event())
            context.detached.set()
        try:
            return self._tool.run(args, context)
        finally:
            jobs.behaviour = None
