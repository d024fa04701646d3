"""The planner as a language model backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from agent.lm.backend import BACKENDS, Backend

if TYPE_CHECKING:
    import dspy

MODEL = "embedded/planner"


@BACKENDS.register
class Planner(Backend):
    """Needs no key, no network, no GPU; answers in milliseconds and always the same."""

    name = "planner"
    title = "the built-in planner"
    specific: ClassVar[bool] = True

    def accepts(self, model: str) -> bool:
        """`planner`, or its full name."""
        return model in (self.name, MODEL)

    def build(self, model: str) -> dspy.LM:
        """A `dspy.LM` over the engine."""
        import dspy

        from agent.lm.planner.engine import AsyncPlannerEngine, PlannerEngine

        return dspy.LM(MODEL, engine=PlannerEngine(), async_engine=AsyncPlannerEngine(), cache=False, num_retries=0)

    def status(self, model: str) -> dict[str, Any]:
        """Always ready."""
        return {
            "model": self.name,
            "backend": self.name,
            "ok": True,
            "message": "Built-in planner (not a language model): it knows the plain ways of asking.",
            "hint": "Connect a language model for free conversation: set AUTOML_LM, for instance openai/gpt-4o-mini.",
        }
