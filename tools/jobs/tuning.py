"""Tuning an experiment: its family and structure stay, its settings vary."""

from __future__ import annotations

from tools.core.records import ExperimentPlan


def with_fixed_structure(plan: ExperimentPlan) -> ExperimentPlan:
    """Fix the structure of the model that a hyper-parameter search starts from.

    What belongs to the structure only the family knows, and families load torch: hence here, in the job's process,
    and not where the plan is made.

    Args:
        plan: For a hyper-parameter search, its first proposal is the model to tune.
    """
    if plan.kind != "hyperparameter_search" or plan.fixed_params or not plan.proposals:
        return plan
    from tools.engine.execution.custom import find_family

    base = plan.proposals[0]
    structure = find_family(base.family, plan.families).structure
    fixed = {f"{base.family}.{name}": value for name, value in base.params.items() if name in structure}
    return plan.model_copy(update={"fixed_params": fixed})
