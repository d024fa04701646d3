"""From a tool's arguments to a plan; what cannot work is said before anything starts."""

from __future__ import annotations

import os
import pkgutil
from pathlib import Path
from typing import Any

from tools._custom import kept_files
from tools._data_check import check_data
from tools._search_args import Limited, SearchArgs
from tools.contract import ToolContext
from tools.core.config import Objectives, SearchSpec, ValidationSpec
from tools.core.custom import SUFFIX
from tools.core.errors import ResourceError, TaskError
from tools.core.metrics import METRIC_NAMES
from tools.core.records import ExperimentPlan, Kind, Limits, Origin, Proposal
from tools.tracking.queries import find

MOST_PROPOSALS = 20


def plan_search(args: SearchArgs, kind: Kind, context: ToolContext) -> tuple[ExperimentPlan, list[str]]:
    """The plan of a search.

    Args:
        args: What the caller gave; what was omitted comes from the reproduced experiment, else from the defaults.
        kind: What the plan is for.
        context: Datasets and history.

    Returns:
        The plan, and what the user should know about it (one sentence each).

    Raises:
        AutoMLError: something in it cannot work.
    """
    earlier = context.store.get(args.reproduce) if args.reproduce is not None else None
    base = earlier.plan if earlier is not None else None
    default = base or ExperimentPlan(dataset="-")
    notices: list[str] = []
    check_names(args)
    again = base is not None and args.dataset is None
    dataset = default.dataset if again else context.resolve_dataset(args.dataset)
    validation = _validation(args, default.validation)
    search = _merged(
        default.search,
        {"strategy": args.strategy, "max_trials": args.max_trials, "early_stopping_patience": args.patience},
    )
    objectives = _merged(
        default.objectives, {"primary": args.primary, "secondary": args.secondary, "weights": args.weights}
    )
    proposals = default.proposals
    if args.transfer:
        proposals = transferred(context)
        known = f"What won on the most similar data of {len(proposals)} earlier results is tried first."
        notices.append(known if proposals else "There is no earlier experiment to learn from yet.")
    plan = ExperimentPlan(
        kind=kind if base is None else base.kind,
        request=args.request or context.request,
        dataset=dataset,
        target=args.target if args.target is not None or dataset != default.dataset else default.target,
        ignore=tuple(args.ignore_columns) if args.ignore_columns is not None else default.ignore if again else (),
        task=args.task or default.task,
        metric=args.metric or default.metric,
        ensemble=args.ensemble if args.ensemble is not None else default.ensemble,
        validation=validation,
        objectives=Objectives.read(objectives),
        limits=limits_of(args, default.limits, notices),
        search=SearchSpec.read(search),
        families=kept_files(args.families, context) if args.families else default.families,
        fixed_params=default.fixed_params,
        proposals=proposals,
        base_experiment=args.reproduce,
        fingerprint=earlier.profile.fingerprint if again and earlier is not None and earlier.profile else None,
        seed=args.seed if args.seed is not None else default.seed,
        session=context.session,
    )
    check_data(plan)
    return plan, notices


def limits_of(args: Limited, default: Limits, notices: list[str]) -> Limits:
    """The limits; impossible ones are refused, idle ones are told.

    Raises:
        ResourceError: no time, or a limit that nothing can meet.
    """
    if args.time_s is not None and not args.time_s > 0:
        raise ResourceError(
            f"The time limit is {args.time_s:g} s, and nothing can be trained in no time.",
            hint="Give it at least 10 seconds; 30 are a good start.",
        )
    if args.max_gpu_memory is not None and not has_gpu():
        notices.append("This machine has no GPU, so training runs on the CPU and the GPU memory limit has no effect.")
    given = {name: getattr(args, name) for name in Limits.model_fields}
    return Limits.read(_merged(default, given))


def check_names(args: SearchArgs) -> None:
    """Refuse names of metrics and families that do not exist, before a job starts.

    Raises:
        TaskError: with the names there are.
    """
    check_metric(args.metric)
    if args.task == "custom" and not any(name.endswith(SUFFIX) for name in args.families or ()):
        raise TaskError(
            "A custom task needs a model of your own.", hint="Name its Python file among the families: my_model.py."
        )
    known = family_names()
    for name in args.families or ():
        if name not in known and not name.endswith(SUFFIX):
            raise TaskError(f"There is no model family called '{name}'.", hint=f"Choose among: {', '.join(known)}.")


def check_metric(name: str | None) -> None:
    """Refuse a metric that does not exist.

    Raises:
        TaskError: with the names there are.
    """
    if name is not None and name not in METRIC_NAMES:
        raise TaskError(f"There is no metric called '{name}'.", hint=f"Choose one of: {', '.join(METRIC_NAMES)}.")


def family_names() -> list[str]:
    """Registered families: a file's name is the family's, so torch need not be loaded to know them."""
    import tools.engine.families as package

    found = [module.name for module in pkgutil.iter_modules(package.__path__)]
    return sorted(name for name in found if name != "family" and not name.startswith("_"))


def has_gpu() -> bool:
    """Whether this machine shows a GPU (a look at the devices; the job decides with torch)."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1"):
        return False
    return Path("/dev/nvidiactl").exists() or Path("/dev/kfd").exists() or Path("/dev/dxg").exists()


def transferred(context: ToolContext) -> tuple[Proposal, ...]:
    """The best models of earlier experiments, the newest first; the job chooses those of the most similar data."""
    found: dict[tuple[str, str], Proposal] = {}
    for record in reversed(find(context.store.list(), status="completed")):
        if record.best is None or record.profile is None or record.task is None:
            continue
        key = (record.best.family, repr(sorted(record.best.hyperparameters.items(), key=str)))
        proposal = Proposal(
            family=record.best.family,
            params=record.best.hyperparameters,
            reason=f"best of experiment {record.id}",
            origin=Origin.of(record.profile, record.task),
        )
        found.setdefault(key, proposal)
    return tuple(found.values())[:MOST_PROPOSALS]


def _validation(args: SearchArgs, default: ValidationSpec) -> ValidationSpec:
    method = args.validation or ("cross_validation" if args.folds is not None else None)
    columns = {"group": args.group_column, "time": args.time_column}
    if any(columns.values()):  # one takes the place of the other
        default = default.model_copy(update=dict.fromkeys(columns))
    return ValidationSpec.read(_merged(default, {"method": method, "folds": args.folds, **columns}))


def _merged(default: Objectives | SearchSpec | ValidationSpec | Limits, given: dict[str, Any]) -> dict[str, Any]:
    return {**default.model_dump(), **{name: value for name, value in given.items() if value is not None}}
