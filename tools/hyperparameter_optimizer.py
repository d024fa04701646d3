"""HyperparameterOptimizer: better settings for a model whose structure stays."""

from __future__ import annotations

from pydantic import Field

from tools._custom import own_file
from tools._models import without_model
from tools._planning import limits_of
from tools._search_args import Limited
from tools._training import train
from tools.contract import TOOLS, Tool, ToolContext, ToolResult
from tools.core.config import SearchSpec, Strategy
from tools.core.records import Limits, Proposal


class HyperparameterArgs(Limited):
    """What to tune and how."""

    experiment: int | None = Field(
        default=None,
        description="experiment whose model is tuned; omitted: the conversation's current one, else the newest",
    )
    strategy: Strategy | None = Field(default=None, description="search strategy (default bayesian)")
    max_trials: int | None = Field(
        default=None, ge=1, description="at most so many configurations (default: time decides)"
    )
    patience: int | None = Field(default=None, ge=1, description="stop after so many trials without improvement")
    seed: int | None = Field(
        default=None, ge=0, description="seed of every random choice (default: that of the experiment)"
    )
    request: str = Field(default="", description="the user's wish in their own words, kept in the history")


@TOOLS.register
class HyperparameterOptimizer(Tool[HyperparameterArgs]):
    """Tune the training settings of an existing experiment's model; its family and structure stay as they are.

    Use it when the user wants to tune, optimise or improve hyper-parameters (learning rate, regularisation, batch size)
    of a model that exists. The settings it has are tried first, so the result of the search is not worse on validation
    data. Limits of the experiment stay unless given anew. Makes a new experiment. Steps: model analysis, training
    optimisation, search strategy, validation.
    """

    name = "HyperparameterOptimizer"
    Args = HyperparameterArgs
    examples = (
        "Tune the hyperparameters of experiment 2",
        "Optimise the learning rate for a minute",
        "Improve this model with 15 more trials",
        "Fine-tune the settings with random search",
        "Tune it further, stop after 5 trials without improvement",
        "Can you squeeze more accuracy out of the same architecture?",
    )

    def run(self, args: HyperparameterArgs, context: ToolContext) -> ToolResult:
        """Plan, submit, follow, tell.

        Raises:
            ExperimentError: the experiment has no model to tune.
        """
        base = context.resolve_experiment(args.experiment)
        if base.best is None:
            raise without_model(base, "to tune")
        notices: list[str] = []
        given = {"strategy": args.strategy, "max_trials": args.max_trials, "early_stopping_patience": args.patience}
        start = Proposal(
            family=base.best.family, params=base.best.hyperparameters, reason=f"the settings of experiment {base.id}"
        )
        inherited = base.plan.limits.model_copy(update={"time_s": Limits().time_s})
        plan = base.plan.model_copy(
            update={
                "kind": "hyperparameter_search",
                "request": args.request or context.request,
                "target": base.profile.target if base.profile is not None else base.plan.target,
                "task": base.task or base.plan.task,
                "metric": base.metric or base.plan.metric,
                "limits": limits_of(args, inherited, notices),
                "search": SearchSpec.read({name: value for name, value in given.items() if value is not None}),
                "families": (own_file(base.plan.families, base.best.family) or base.best.family,),
                "fixed_params": {},  # the job fixes the structure: only the family knows what belongs to it
                "proposals": (start,),
                "base_experiment": base.id,
                "seed": args.seed if args.seed is not None else base.plan.seed,
                "session": context.session,
            }
        )
        return train(plan, notices, context)
