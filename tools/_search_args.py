"""The arguments that the three training tools share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from tools.contract import ToolArgs
from tools.core.config import Goal, Strategy, TaskType, ValidationMethod
from tools.core.units import parse_duration, parse_size


def _reader(parse: Callable[[str | float], float]) -> BeforeValidator:
    """Also takes the words people use, for instance "200 kB" or "5 min"; the schema asks for numbers."""

    def read(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return parse(value)
        except ValueError as error:
            raise ValueError(str(error).rstrip(".")) from None  # it becomes a part of a sentence

    return BeforeValidator(read)


Size = Annotated[int | None, Field(gt=0), _reader(parse_size)]


class FinishedLimits(ToolArgs):
    """Limits on a finished model."""

    max_model_size: Size = Field(
        default=None, description="largest size of the exported model, bytes (200 kB = 200000)"
    )
    max_latency_ms: float | None = Field(default=None, gt=0, description="longest time to predict one row, ms")
    min_accuracy: float | None = Field(
        default=None, ge=0, le=1, description="smallest acceptable accuracy on test data, 0 to 1 (R² for regression)"
    )
    max_memory: Size = Field(default=None, description="most memory (RAM), bytes")


class Limited(FinishedLimits):
    """All limits of a job."""

    time_s: Annotated[float | None, _reader(parse_duration)] = Field(
        default=None, description="wall-clock budget of the whole job in seconds, export included (default 60)"
    )
    max_gpu_memory: Size = Field(default=None, description="most GPU memory, bytes")
    max_disk: Size = Field(default=None, description="most disk space of the run, bytes")


class SearchArgs(Limited):
    """What to search, how, and within which limits."""

    dataset: str | None = Field(
        default=None, description="attached file or sample name; omitted: the conversation's current dataset"
    )
    target: str | None = Field(default=None, description="column to predict, or several by commas; omitted: found")
    task: TaskType | None = Field(default=None, description="kind of task; omitted: found from the data")
    request: str = Field(default="", description="the user's wish in their own words, kept in the history")
    validation: ValidationMethod | None = Field(
        default=None, description="how candidates are judged: holdout (default) or cross_validation"
    )
    folds: int | None = Field(default=None, ge=2, le=20, description="number of folds for cross_validation (default 5)")
    group_column: str | None = Field(
        default=None, description="column whose equal values stay in one part of the split, for instance a patient"
    )
    time_column: str | None = Field(
        default=None, description="column of dates or numbers: the latest rows are the test, earlier ones the training"
    )
    ignore_columns: list[str] | None = Field(
        default=None, description="columns that the model must not use, for instance one that is known only afterwards"
    )
    metric: str | None = Field(
        default=None,
        description="metric to improve: accuracy, balanced_accuracy, f1_macro, f1_micro, roc_auc, log_loss, r2, rmse, "
        "mae, bits_per_char, perplexity; omitted: the usual one of the task",
    )
    primary: Goal | None = Field(default=None, description="what counts first (default accuracy)")
    secondary: Goal | None = Field(default=None, description="what counts second, if anything")
    weights: list[float] | None = Field(
        default=None,
        min_length=2,
        max_length=2,
        description="weights of primary and secondary, for instance [0.7, 0.3]",
    )
    strategy: Strategy | None = Field(default=None, description="search strategy (default bayesian)")
    max_trials: int | None = Field(
        default=None, ge=1, description="at most so many configurations (default: time decides)"
    )
    patience: int | None = Field(default=None, ge=1, description="stop after so many trials without improvement")
    ensemble: bool | None = Field(
        default=None, description="false: one model only; otherwise several are averaged where that is better"
    )
    transfer: bool | None = Field(
        default=None, description="try first what worked best in earlier experiments of the history"
    )
    families: list[str] | None = Field(
        default=None,
        description="model families to search, for instance mlp, linear, cnn, text_bag, text_cnn, char_gpt; "
        "a path ending in .py is a model of the user's own; omitted: all that fit the data",
    )
    seed: int | None = Field(default=None, ge=0, description="seed of every random choice (default 0)")
    reproduce: int | None = Field(
        default=None, description="run this experiment again with the same data, settings and seed; others override"
    )


Report = Literal["metrics", "confusion", "curves", "calibration", "importance", "errors"]
