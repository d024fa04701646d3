"""What is remembered and shown: plans, trials, experiments, events. Frozen; JSON round-trips exactly.

Sizes are bytes, times s unless the name ends in `_ms`, timestamps are UTC in ISO 8601.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import Field, model_validator

from tools.core.config import Goal, Objectives, SearchSpec, TaskKind, ValidationSpec
from tools.core.frozen import Frozen

Status = Literal["running", "completed", "failed", "interrupted", "cancelled"]
TrialStatus = Literal["running", "completed", "failed", "pruned", "infeasible"]
Kind = Literal["workflow", "architecture_search", "hyperparameter_search"]
Modality = Literal["tabular", "image", "text", "corpus"]
Direction = Literal["maximize", "minimize"]
Phase = Literal["start", "data", "analysis", "search", "refit", "export", "verify", "done"]


def now() -> str:
    """The time in UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Limits(Frozen):
    """Every limit of one job. `None`: no limit asked."""

    time_s: float = Field(default=60.0, gt=0, allow_inf_nan=False)
    max_model_size: int | None = Field(default=None, gt=0)
    max_latency_ms: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    min_accuracy: float | None = Field(default=None, ge=0, le=1)
    max_memory: int | None = Field(default=None, gt=0)
    max_gpu_memory: int | None = Field(default=None, gt=0)
    max_disk: int | None = Field(default=None, gt=0)


class Origin(Frozen):
    """What the data was like on which a configuration won: enough to tell whether other data is similar."""

    modality: Modality
    task: str
    rows: int
    columns: int = 0
    classes: int = 0
    fingerprint: str | None = None

    @classmethod
    def of(cls, profile: DatasetProfile, task: str) -> Origin:
        """What a profile says about where a configuration comes from."""
        return cls(
            modality=profile.modality,
            task=task,
            rows=profile.n_rows,
            columns=len(profile.columns),
            classes=len(profile.classes),
            fingerprint=profile.fingerprint,
        )


class Proposal(Frozen):
    """A configuration someone (a specialist, a language model, an old experiment) suggests trying first."""

    family: str
    params: dict[str, Any] = {}
    reason: str = ""
    origin: Origin | None = Field(default=None, description="of one from an earlier experiment: tried on similar data")


class ExperimentPlan(Frozen):
    """Everything that defines one experiment: frozen in `job.json`, enough to run it again."""

    kind: Kind = "workflow"
    request: str = ""
    dataset: str = Field(min_length=1, description="a path or the name of a built-in sample")
    target: str | None = None
    ignore: tuple[str, ...] = Field(default=(), description="columns that no model may use")
    task: TaskKind | None = None
    metric: str | None = None
    validation: ValidationSpec = ValidationSpec()
    objectives: Objectives = Objectives()
    limits: Limits = Limits()
    search: SearchSpec = SearchSpec()
    families: tuple[str, ...] = Field(default=(), description="empty: all that fit the data")
    fixed_params: dict[str, Any] = Field(default={}, description="parameters the search must not change")
    proposals: tuple[Proposal, ...] = ()
    base_experiment: int | None = None
    fingerprint: str | None = Field(default=None, description="of the data that a run again must find unchanged")
    ensemble: bool = Field(default=True, description="deliver several models averaged where that is better")
    seed: int = 0
    session: str | None = None

    @property
    def goals(self) -> tuple[Goal, ...]:
        """What the search weighs."""
        return self.objectives.goals(self.search.strategy)


class Resources(Frozen):
    """What one trial or experiment used."""

    peak_memory: int = 0
    training_time: float = 0.0
    inference_latency: float | None = Field(default=None, description="ms for one row")
    cpu_s: float | None = None
    gpu_memory: int | None = None


class ErrorInfo(Frozen):
    """An error as it is kept: type, message, hint."""

    type: str
    message: str
    hint: str = ""


class ExperimentMetrics(Frozen):
    """One evaluated model: what it is, how good, at what cost."""

    model_architecture: str
    hyperparameters: dict[str, Any] = {}
    metrics: dict[str, float] = {}
    resources: Resources = Resources()
    status: Status | TrialStatus = "running"
    error: ErrorInfo | None = None


class TrialRecord(ExperimentMetrics):
    """One trial of a search: a line of `trials.jsonl`.

    `score` is the value of the experiment's metric on validation data; `objective` what the search maximises.
    `curve` holds one row per report: {"epoch", "train_loss", "<metric>", "time_s", "share"}.
    """

    number: int
    score: float | None = None
    objective: float | None = None
    model_size: int | None = Field(default=None, description="bytes of the exported model")
    n_parameters: int | None = None
    curve: tuple[dict[str, float], ...] = ()
    reason: str = Field(default="", description="why it was tried, skipped or stopped")
    thrift: int = Field(default=0, description="how memory was saved: 1 batches in parts, 2 also bfloat16")


class ConstraintCheck(Frozen):
    """One limit: what was asked, what was measured on the finished thing, and whether it holds."""

    name: str
    asked: float
    measured: float | None
    met: bool


class StepRecord(Frozen):
    """One visible step of a tool, for instance "search space": what came out, and how long it took."""

    name: str
    summary: str
    seconds: float = 0.0
    details: dict[str, Any] = {}


class ColumnProfile(Frozen):
    """One column. `kind`: number, category, text, date, boolean, identifier, constant or empty."""

    name: str
    kind: str
    dtype: str
    missing: int
    unique: int
    example: str = ""
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None


class DatasetProfile(Frozen):
    """What a dataset looks like, without the data."""

    name: str
    source: str
    fingerprint: str = Field(description="SHA-256 of the content, hex, first 16 digits")
    modality: Modality
    n_rows: int
    n_bytes: int = 0
    n_columns: int = Field(default=0, description="of the table; `columns` describes the first 2000 and the target")
    columns: tuple[ColumnProfile, ...] = ()
    target: str | None = Field(default=None, description="the target asked for, or the best candidate")
    target_candidates: tuple[str, ...] = ()
    task: TaskKind | None = None
    classes: dict[str, int] = Field(default={}, description="class -> rows, most frequent first, at most 50")
    duplicates: int = 0
    missing: int = 0
    leaks: tuple[str, ...] = Field(default=(), description="columns that alone predict the target almost perfectly")
    warnings: tuple[str, ...] = Field(default=(), description="problems and likely leaks, one sentence each")
    details: dict[str, Any] = Field(default={}, description="what is special to the modality (image shape …)")

    @model_validator(mode="before")
    @classmethod
    def _count_columns(cls, data: Any) -> Any:
        """Profiles that were kept before tables were cut describe all of their columns."""
        if isinstance(data, dict) and "n_columns" not in data:
            return {**data, "n_columns": len(data.get("columns", ()))}
        return data


class BestModel(ExperimentMetrics):
    """The delivered model: `metrics` are the validation metrics of the trial it came from."""

    trial: int = 0
    family: str = ""
    n_parameters: int | None = None
    model_size: int | None = None


class ExperimentRecord(Frozen):
    """One experiment as the history keeps it. Ids count 1, 2, 3 …; the job has the experiment's id."""

    id: int
    kind: Kind = "workflow"
    status: Status = "running"
    created_at: str
    finished_at: str | None = None
    request: str = ""
    session: str | None = None
    dataset: str = Field(description="short name, for instance iris or churn.csv")
    plan: ExperimentPlan
    profile: DatasetProfile | None = None
    task: TaskKind | None = None
    metric: str | None = None
    direction: Direction = "maximize"
    best: BestModel | None = None
    test: dict[str, float] = {}
    validation: dict[str, float] = {}
    baseline: dict[str, float] = {}
    confidence: dict[str, tuple[float, float]] = Field(default={}, description="metric -> 95 % interval on test")
    constraints: tuple[ConstraintCheck, ...] = ()
    trials: int = 0
    trial_counts: dict[str, int] = Field(default={}, description="trial status -> count")
    steps: tuple[StepRecord, ...] = ()
    phases: dict[str, float] = Field(default={}, description="phase -> seconds")
    wall_s: float = 0.0
    resources: Resources = Resources()
    versions: dict[str, str] = {}
    folder: str = Field(default="", description="the run folder")
    bundle: str | None = None
    onnx: str | None = None
    parity: dict[str, float] = Field(default={}, description="batch size -> largest absolute difference")
    warnings: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    error: ErrorInfo | None = None


class AutoMLMetrics(Frozen):
    """One reading of a running job. `progress` is 0..1; `resource_usage` {memory, disk: bytes, time: s}."""

    current_trial: int = 0
    best_metrics: dict[str, float] = {}
    resource_usage: dict[str, float] = {}
    progress: float = Field(default=0.0, ge=0, le=1)
    phase: Phase = "start"
    max_trials: int | None = None
    time_left_s: float | None = None


class JobEvent(Frozen):
    """One line of `events.jsonl`.

    `kind`: "progress" (with `metrics`), "step" (with `step`), "trial" (a trial ended: `trial` without its
    curve), "message" (a sentence for the user), "end" (the job's final status in `message`).
    """

    time: str
    kind: Literal["progress", "step", "trial", "message", "end"]
    message: str = ""
    metrics: AutoMLMetrics | None = None
    step: StepRecord | None = None
    trial: TrialRecord | None = None


class JobRecord(Frozen):
    """A job as JobControl shows it; `id` is the experiment's id."""

    id: int
    status: Status
    kind: Kind
    dataset: str
    pid: int | None = None
    created_at: str
    finished_at: str | None = None
    metrics: AutoMLMetrics | None = None
    folder: str = ""
    error: ErrorInfo | None = None


class TaskRequirements(Frozen):
    """What the words and the data ask for (task analysis)."""

    data: dict[str, Any] = Field(default={}, description="modality, target, rows, problems")
    model: dict[str, Any] = Field(default={}, description="task, size and latency limits")
    training: dict[str, Any] = Field(default={}, description="time, memory, validation")
    evaluation: dict[str, Any] = Field(default={}, description="metric, minimum accuracy, objectives")


class AutoMLRecommendations(Frozen):
    """What to try first (measurements decide)."""

    architecture: dict[str, Any] = Field(default={}, description="families in order, parameters to try first")
    preprocessing: dict[str, Any] = {}
    optimization: dict[str, Any] = Field(default={}, description="strategy, trials, patience")
