"""What a caller asks for: `AutoMLConfig` (the installation's frame) and `AutoMLRequest` (one wish).

Sizes are bytes, times are seconds unless the name says `_ms` or the field's description says ms.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from tools.core.frozen import Frozen

TaskType = Literal["classification", "regression", "generation", "custom"]
TaskKind = Literal["classification", "regression", "generation", "custom", "multitask"]
"""What a task turns out to be; several targets in one model are `multitask`."""
Goal = Literal["accuracy", "latency", "size"]
Strategy = Literal["bayesian", "random", "grid", "evolutionary", "multi_objective"]
ValidationMethod = Literal["holdout", "cross_validation"]
GIB = 2**30


class ResourceConstraints(Frozen):
    """What the whole job may use, in bytes."""

    max_memory: int = Field(default=8 * GIB, gt=0)
    max_gpu_memory: int | None = Field(default=None, gt=0)
    max_disk_space: int = Field(default=20 * GIB, gt=0)


class Objectives(Frozen):
    """What to optimise; `weights` belong to (primary, secondary) and are scaled to a sum of 1."""

    primary: Goal = "accuracy"
    secondary: Goal | None = None
    weights: tuple[float, float] | None = None

    @model_validator(mode="before")
    @classmethod
    def _scale(cls, data: Any) -> Any:
        if not isinstance(data, dict) or data.get("weights") is None:
            return data
        try:
            weights = [float(value) for value in data["weights"]]
        except (TypeError, ValueError):
            weights = []
        if len(weights) != 2 or min(weights) < 0 or not 0 < sum(weights) < math.inf:
            raise ValueError("weights are two numbers that are not negative and not both zero, for instance [0.7, 0.3]")
        return {**data, "weights": tuple(value / sum(weights) for value in weights)}

    @model_validator(mode="after")
    def _differ(self) -> Objectives:
        if self.secondary is not None and self.secondary == self.primary:
            raise ValueError("primary and secondary must differ")
        if self.weights is not None and self.secondary is None:
            raise ValueError("weights need a secondary objective as well")
        return self

    def goals(self, strategy: Strategy) -> tuple[Goal, ...]:
        """All that is weighed, the first goal first.

        Size or latency alone would be won by a model that knows nothing, so accuracy joins them. A multi-objective
        search for accuracy alone looks at latency as well.
        """
        if self.secondary is not None:
            return (self.primary, self.secondary)
        if self.primary != "accuracy":
            return (self.primary, "accuracy")
        return ("accuracy", "latency") if strategy == "multi_objective" else ("accuracy",)


class ExperimentTracking(Frozen):
    """Whether and where runs are kept."""

    enabled: bool = True
    backend: Literal["local", "remote"] = "local"
    metrics: tuple[str, ...] = ()


class AutoMLConfig(Frozen):
    """The frame all requests of one agent live in."""

    task_type: TaskType = "classification"
    time_constraint: float = Field(
        default=300.0, gt=0, allow_inf_nan=False, description="wall-clock seconds for the whole job"
    )
    resource_constraints: ResourceConstraints = ResourceConstraints()
    optimization_objectives: Objectives = Objectives()
    experiment_tracking: ExperimentTracking = ExperimentTracking()


class DataSource(Frozen):
    """Where the data is.

    `source` is a file, a folder, or the name of a built-in sample; `target` the column to predict, or several
    separated by commas (`None`: found from the data); `ignore` columns that no model may use.
    """

    source: str = Field(min_length=1)
    target: str | None = None
    ignore: tuple[str, ...] = ()


def _as_source(value: Any) -> Any:
    return {"source": value} if isinstance(value, str) else value


class ValidationSpec(Frozen):
    """How candidates are judged during the search; the test split is apart from both.

    `group` and `time` name columns that bind the test split too: the rows of a group stay together; the latest rows are
    the test and the next-latest the validation.
    """

    method: ValidationMethod = "holdout"
    folds: int = Field(default=5, ge=2, le=20)
    group: str | None = None
    time: str | None = None

    @model_validator(mode="after")
    def _one_column(self) -> ValidationSpec:
        if self.group is not None and self.time is not None:
            raise ValueError("a split is made by groups or by time: name one of the two columns")
        return self


class ModelConstraints(Frozen):
    """Limits on the finished model; `max_inference_time` is ms for one row."""

    max_model_size: int | None = Field(default=None, gt=0)
    max_inference_time: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    min_accuracy: float | None = Field(default=None, ge=0, le=1)


class SearchSpec(Frozen):
    """How to search; without `max_trials` the time alone ends it."""

    strategy: Strategy = "bayesian"
    max_trials: int | None = Field(default=None, ge=1)
    early_stopping_patience: int | None = Field(
        default=None, ge=1, description="trials without improvement after which the search ends"
    )
    portfolio: bool = Field(default=True, description="begin with configurations known to do well, not with drawn ones")
    pruning: bool = Field(default=True, description="give trials up that are behind others of their family")

    @property
    def title(self) -> str:
        """The strategy as a sentence begins with it."""
        return self.strategy.replace("_", "-").capitalize()


class Optimization(Frozen):
    """Objectives (default: those of the config) and search."""

    objectives: Objectives | None = None
    search: SearchSpec = SearchSpec()


class AutoMLRequest(Frozen):
    """One wish: a task in words, its data, and the limits."""

    task: str = Field(min_length=1)
    data: Annotated[DataSource, BeforeValidator(_as_source)]
    validation: ValidationSpec = ValidationSpec()
    constraints: ModelConstraints = ModelConstraints()
    optimization: Optimization = Optimization()
