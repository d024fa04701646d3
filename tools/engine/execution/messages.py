"""What the parent and its workers say to each other: frozen records over a pipe.

parent -> worker    Assignment, Stop
worker -> parent    Ready, then per trial: Progress*, then Finished or Failed
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tools.engine.data.dataset import DataSpec

FailureReason = Literal["crashed", "killed", "out of memory", "hung", "not finite"]
"""`killed`: by a signal from outside (or its own fault, as a segmentation violation); the same may work next time."""
Ending = Literal["completed", "stopped", "deadline"]


@dataclass(frozen=True)
class FoldFiles:
    """One fold (or the whole training data, for a refit) as arrays on disk.

    Attributes:
        folder: Holds `train.*.npy`, and `validation.*.npy` with `truth.npy` where there is a validation part.
        spec: Shapes after encoding with this fold's encoder.
        target_state: `TargetEncoder.state()` of this fold.
        has_validation: False for a refit.
    """

    folder: Path
    spec: DataSpec
    target_state: dict[str, Any]
    has_validation: bool


@dataclass(frozen=True)
class Assignment:
    """Train one configuration.

    Attributes:
        trial: Number of the trial; every answer carries it.
        family: Registered name.
        params: Of the family, without prefix.
        folds: Trained side by side; the score is their mean.
        metric: Name of the metric that scores.
        maximize: Whether a larger score is better.
        seed: Owns every random choice.
        deadline: `time.time()` at which training stops and the best state so far is returned.
        checkpoint: Folder for `fold_0`, `fold_1` … and `validation.npz`; None: keep nothing.
        max_epochs: Overrides the family's bound, one number per fold (a refit); empty: the family's own.
        kill_at: `time.time()` at which the worker is killed; None: a while after the deadline.
        thrift: See `FitContext`.
    """

    trial: int
    family: str
    params: dict[str, Any]
    folds: tuple[FoldFiles, ...]
    metric: str
    maximize: bool
    seed: int
    deadline: float
    checkpoint: Path | None = None
    max_epochs: tuple[int, ...] = ()
    kill_at: float | None = None
    thrift: int = 0


@dataclass(frozen=True)
class Stop:
    """End the trial after its current step; `keep` says whether its best state is still wanted."""

    trial: int
    keep: bool


@dataclass(frozen=True)
class Ready:
    """The worker has started."""

    pid: int


@dataclass(frozen=True)
class Progress:
    """State after one round of steps (one step of every fold).

    Attributes:
        score: The best so far, meaned over folds.
        rung: The rung (see `rungs`) that this step was the first to reach; 0 when it reached none.
        final: Nothing is left to train.
    """

    trial: int
    step: int
    train_loss: float
    score: float
    time_s: float
    rung: int = 0
    final: bool = False


@dataclass(frozen=True)
class Usage:
    """What the worker measured of itself: bytes and seconds."""

    peak_memory: int = 0
    cpu_s: float = 0.0
    gpu_memory: int | None = None


@dataclass(frozen=True)
class Finished:
    """A trial ended with a usable model.

    Attributes:
        score: Mean over folds of the metric at each fold's best step.
        metrics: All metrics that fit the task, meaned over folds; empty for a refit or a stop without `keep`.
        best_epochs: Per fold, the passes over the data after which its best state was reached.
        curve: Rows of `TrialRecord.curve`, at most about 200.
        ending: "stopped" when the parent asked, "deadline" when time ran out.
        time_s: Seconds in all; `closing_s` of them after training, to restore, score and save.
    """

    trial: int
    score: float
    metrics: dict[str, float]
    n_parameters: int
    best_epochs: tuple[float, ...]
    curve: tuple[dict[str, float], ...]
    ending: Ending
    time_s: float
    closing_s: float = 0.0
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True)
class Failed:
    """A trial ended without a model; `message` is one sentence."""

    trial: int
    reason: FailureReason
    message: str
    usage: Usage = field(default_factory=Usage)


Event = Progress | Finished | Failed
