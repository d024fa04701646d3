"""Plan mode: the ten tools with the expensive part replaced by canned results; arguments and errors stay real."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evals.worlds import canned_profile, finish_canned
from tools.contract import TOOLS, Tool, ToolArgs, ToolContext, ToolResult
from tools.core.config import ValidationSpec
from tools.core.errors import TaskError
from tools.core.records import ExperimentPlan, Limits


def canned_tools() -> list[Tool[Any]]:
    """Every registered tool; those that train or run models answer at once."""
    return [CannedTool(tool, _CANNED[tool.name]) if tool.name in _CANNED else tool for tool in TOOLS]


class CannedTool(Tool[Any]):
    """Another tool's name, arguments and question, with an answer that costs nothing."""

    def __init__(self, tool: Tool[Any], answer: Callable[[Any, ToolContext], ToolResult]) -> None:
        self._tool = tool
        self._answer = answer
        self.name = tool.name
        self.Args = tool.Args
        self.examples = tool.examples  # type: ignore[misc]
        self.__doc__ = tool.__doc__

    def run(self, args: ToolArgs, context: ToolContext) -> ToolResult:
        """Answer from the history, without models."""
        return self._answer(args, context)

    def confirm(self, args: ToolArgs, context: ToolContext) -> str | None:
        """The real tool's question."""
        return self._tool.confirm(args, context)


def _train(args: Any, context: ToolContext) -> ToolResult:
    given = args.model_dump()
    base = context.resolve_experiment(given["experiment"]) if "experiment" in given else None
    source = base.plan.dataset if base else context.resolve_dataset(given.get("dataset"))
    time_s = given.get("time_s") if given.get("time_s") is not None else 60.0
    if time_s <= 0:
        raise TaskError("The time limit must be more than 0 seconds.", hint="Give it at least 5 seconds.")
    limits = Limits(
        time_s=time_s,
        **{name: given.get(name) for name in ("max_model_size", "max_latency_ms", "min_accuracy", "max_memory")},
    )
    target = given.get("target")
    columns = [column.name for column in canned_profile(source).columns]
    if target and columns and target not in columns:
        raise TaskError(f"There is no column '{target}'.", hint=f"The columns are: {', '.join(columns)}.")
    validation = ValidationSpec(method=given.get("validation") or "holdout", folds=given.get("folds") or 5)
    plan = ExperimentPlan(
        dataset=source,
        target=target,
        task=given.get("task"),
        limits=limits,
        validation=validation,
        session=context.session,
    )
    name = next((name for name, path in context.datasets.items() if path == source), source)
    record = finish_canned(context.store, context.store.create(plan, name))
    metric = str(record.metric)
    score, family = record.test[metric], record.best.family if record.best else "no model"
    return ToolResult(
        summary=f"Experiment {record.id}: {family} on {record.dataset}, {metric} {score:.3f} on the test rows.",
        data={
            "experiment": record.id, "status": record.status, "metric": record.metric, "test": dict(record.test),
            "constraints": [check.model_dump() for check in record.constraints], "trials": record.trials,
        },
        experiment=record.id,
        dataset=name,
        next_step="Look at where it errs.",
    )  # fmt: skip


def _evaluate(args: Any, context: ToolContext) -> ToolResult:
    record = context.resolve_experiment(args.experiment)
    metric = record.metric or "accuracy"
    score = record.test.get(metric, 0.0)
    return ToolResult(
        summary=f"Experiment {record.id} on {record.dataset}: {metric} {score:.3f} on the test rows.",
        data={"experiment": record.id, "report": args.report, "metric": metric, "test": dict(record.test)},
        experiment=record.id,
    )


def _check(args: Any, context: ToolContext) -> ToolResult:
    record = context.resolve_experiment(args.experiment)
    size = record.best.model_size if record.best else None
    return ToolResult(
        summary=f"Experiment {record.id} takes {size} bytes and answers in 0.21 ms.",
        data={"experiment": record.id, "model_size": size, "latency_ms": 0.21},
        experiment=record.id,
    )


def _convert(args: Any, context: ToolContext) -> ToolResult:
    record = context.resolve_experiment(args.experiment)
    return ToolResult(
        summary=f"Experiment {record.id} is now {args.precision}: 42 kB became 13 kB, accuracy fell by 0.002.",
        data={"experiment": record.id, "precision": args.precision, "size_before": 42_000, "size_after": 13_000},
        experiment=record.id,
    )


def _predict(args: Any, context: ToolContext) -> ToolResult:
    record = context.resolve_experiment(args.experiment)
    if not args.inputs:
        context.resolve_dataset(args.dataset)
    return ToolResult(
        summary=f"Experiment {record.id} predicted 3 rows.",
        data={"experiment": record.id, "rows": 3, "first": ["setosa", "virginica", "setosa"]},
        experiment=record.id,
    )


_CANNED: dict[str, Callable[[Any, ToolContext], ToolResult]] = {
    "AutoMLWorkflow": _train,
    "ArchitectureSearch": _train,
    "HyperparameterOptimizer": _train,
    "ModelEvaluator": _evaluate,
    "ResourceConstraintChecker": _check,
    "ModelConverter": _convert,
    "Predictor": _predict,
}
