"""Tools that keep the contract's names and arguments and do nothing but report, for tests of the conversation."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Literal

from tools.contract import Artifact, Tool, ToolArgs, ToolContext, ToolResult
from tools.core.errors import ExperimentError, ResourceError, TaskError
from tools.core.records import AutoMLMetrics, ExperimentPlan, ExperimentRecord, JobEvent, now


class FakeStore:
    """Just enough of the history for a conversation."""

    def __init__(self, records: list[ExperimentRecord] | None = None) -> None:
        self.records = {record.id: record for record in records or []}

    def list(self) -> list[ExperimentRecord]:
        return [self.records[key] for key in sorted(self.records)]

    def has(self, experiment: int) -> bool:
        return experiment in self.records

    def get(self, experiment: int) -> ExperimentRecord:
        if experiment not in self.records:
            raise ExperimentError(f"There is no experiment {experiment}.", hint="List the experiments.")
        return self.records[experiment]


def record(number: int, dataset: str, status: str = "completed") -> ExperimentRecord:
    return ExperimentRecord.model_validate({
        "id": number, "created_at": now(), "dataset": dataset, "status": status, "metric": "accuracy",
        "task": "classification", "test": {"accuracy": 0.9 + number / 100},
        "best": {"model_architecture": "mlp", "model_size": 40_000}, "plan": ExperimentPlan(dataset=dataset),
    })  # fmt: skip


def context(home: Path, *records: ExperimentRecord) -> ToolContext:
    return ToolContext(home=home, store=FakeStore(list(records)), jobs=None)  # type: ignore[arg-type]


class Limits(ToolArgs):
    time_s: float | None = None
    max_model_size: int | None = None
    max_latency_ms: float | None = None
    min_accuracy: float | None = None
    max_memory: int | None = None
    max_gpu_memory: int | None = None
    max_disk: int | None = None


class SearchArgs(Limits):
    dataset: str | None = None
    target: str | None = None
    task: Literal["classification", "regression", "generation", "custom"] | None = None
    validation: Literal["holdout", "cross_validation"] | None = None
    folds: int | None = None
    metric: str | None = None
    primary: Literal["accuracy", "latency", "size"] | None = None
    secondary: Literal["accuracy", "latency", "size"] | None = None
    weights: tuple[float, float] | None = None
    strategy: Literal["bayesian", "random", "grid", "evolutionary"] | None = None
    max_trials: int | None = None
    patience: int | None = None
    families: list[str] = []
    seed: int | None = None


class TuneArgs(Limits):
    experiment: int | None = None
    strategy: Literal["bayesian", "random", "grid", "evolutionary"] | None = None
    max_trials: int | None = None
    patience: int | None = None


class TrackerArgs(ToolArgs):
    action: Literal["list", "show", "best", "compare", "plot", "tag", "note", "export", "delete"] = "list"
    experiments: list[int] = []
    dataset: str | None = None
    status: str | None = None
    metric: str | None = None
    min_value: float | None = None
    plot: str | None = None
    tag: str | None = None
    note: str | None = None


class EvaluateArgs(ToolArgs):
    experiment: int | None = None
    dataset: str | None = None
    report: Literal["metrics", "confusion", "curves", "calibration", "importance", "errors"] = "metrics"


class CheckArgs(Limits):
    experiment: int | None = None


class ConvertArgs(ToolArgs):
    experiment: int | None = None
    format: Literal["onnx"] = "onnx"
    precision: Literal["fp32", "fp16", "int8", "auto"] | None = None
    max_accuracy_drop: float | None = None


class PredictArgs(ToolArgs):
    experiment: int | None = None
    dataset: str | None = None
    inputs: list[Any] | None = None
    max_new_tokens: int | None = None


class JobArgs(ToolArgs):
    action: Literal["status", "list", "cancel", "resume"] = "status"
    job: int | None = None


class InspectArgs(ToolArgs):
    dataset: str | None = None


class Fake(Tool[Any]):
    """Reports what it was asked."""

    says = "Done."

    def __init__(self) -> None:
        self.calls: list[ToolArgs] = []

    def run(self, args: Any, context: ToolContext) -> ToolResult:
        self.calls.append(args)
        return ToolResult(summary=self.says, data={"asked": args.model_dump(exclude_unset=True, mode="json")})


class FakeInspector(Fake):
    """Describe a dataset."""

    name, Args = "DatasetInspector", InspectArgs

    def run(self, args: Any, context: ToolContext) -> ToolResult:
        self.calls.append(args)
        return ToolResult(
            summary=f"{args.dataset} has 120 rows.", dataset=args.dataset, next_step="Train a model on it."
        )


class FakeWorkflow(Fake):
    """Train a model end to end."""

    name, Args = "AutoMLWorkflow", SearchArgs
    wait_s = 0.0

    def run(self, args: Any, context: ToolContext) -> ToolResult:
        self.calls.append(args)
        if args.dataset == "broken.csv":
            raise TaskError("broken.csv has one class only.", hint="Add rows of another class.")
        if args.max_model_size is not None and args.max_model_size < 2_000:
            raise ResourceError("No model is that small.", hint="Allow at least 4 kB.")
        if args.dataset == "bug.csv":
            raise KeyError("secret path /etc/passwd")
        for number in range(3):
            metrics = AutoMLMetrics(current_trial=number, progress=number / 3)
            context.emit(JobEvent(time=now(), kind="progress", metrics=metrics))
        until = time.monotonic() + self.wait_s
        while time.monotonic() < until:
            if context.detached.is_set():
                return ToolResult(summary="The training goes on.", status="running", experiment=1)
            if context.stopped.is_set():
                raise ExperimentError("Experiment 1 was cancelled.", hint="Resume it at any time.")
            time.sleep(0.01)
        plot = Artifact(kind="plot", ref="plot:1:history", title="Search history")
        return ToolResult(
            summary="Experiment 1 reached accuracy 0.972 on the test rows; 31.4 kB of 200 kB allowed.",
            data={"test": {"accuracy": 0.972}}, experiment=1, dataset=args.dataset, artifacts=(plot,),
            next_step="Ask how good it is.", options=("How good is it?",),
        )  # fmt: skip


class FakeArchitectures(FakeWorkflow):
    """Search architectures."""

    name = "ArchitectureSearch"


class FakeTuner(Fake):
    """Tune settings."""

    name, Args = "HyperparameterOptimizer", TuneArgs


class FakeTracker(Fake):
    """Keep the history."""

    name, Args = "ExperimentTracker", TrackerArgs

    def confirm(self, args: Any, context: ToolContext) -> str | None:
        return f"Delete experiment {args.experiments[0]} for good?" if args.action == "delete" else None


class FakeEvaluator(Fake):
    """Judge a model."""

    name, Args, says = "ModelEvaluator", EvaluateArgs, "Accuracy is 0.972 on the test rows."


class FakeChecker(Fake):
    """Check limits."""

    name, Args = "ResourceConstraintChecker", CheckArgs


class FakeConverter(Fake):
    """Convert a model."""

    name, Args = "ModelConverter", ConvertArgs


class FakePredictor(Fake):
    """Use a model."""

    name, Args = "Predictor", PredictArgs


class FakeJobs(Fake):
    """Watch and stop jobs."""

    name, Args = "JobControl", JobArgs

    def confirm(self, args: Any, context: ToolContext) -> str | None:
        return "Really cancel the running job?" if args.action == "cancel" else None


def fake_tools() -> dict[str, Fake]:
    kinds = (
        FakeInspector, FakeWorkflow, FakeArchitectures, FakeTuner, FakeTracker, FakeEvaluator, FakeChecker,
        FakeConverter, FakePredictor, FakeJobs,
    )  # fmt: skip
    return {kind.name: kind() for kind in kinds}
