"""What all learners that grow trees share: reports, patience, deadline, saving, the graph."""

from __future__ import annotations

import json
import math
import time
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tools.core.errors import OptimizationError
from tools.engine.data.dataset import DataSpec, Encoded
from tools.engine.training.learner import FitContext, Learner, Report
from tools.engine.training.selection import Best
from tools.engine.training.table_features import TableFeatures
from tools.engine.training.tree_graph import GraphParts, tree_graph
from tools.engine.training.trees import Trees, random_trees

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True)
class Growth:
    """How long trees are added.

    Attributes:
        rounds: Most rounds (a round is one tree, or one per class).
        per_report: Rounds between two reports.
        patience: Rounds without a better score after which growing ends; 0 never.
        trees_per_round: Trees in a round.
        leaves: Most leaves of a tree.
        width: Numbers in a leaf.
    """

    rounds: int
    per_report: int
    patience: int
    trees_per_round: int
    leaves: int
    width: int = 1

    @property
    def n_parameters(self) -> int:
        """Thresholds and leaf values of a model of full size."""
        return self.rounds * self.trees_per_round * (self.leaves - 1 + self.leaves * self.width)


class TreeLearner(Learner):
    """Trees that are added in rounds. One "epoch" is one round.

    Growing is repeatable, so a learner that is loaded in order to go on grows its rounds once more.

    Args:
        features: From encoded inputs to what trees split.
        growth: How many rounds, and how they are reported.
        spec: Shapes of the data.
        train: Training rows; None for a learner that is only measured or loaded.
        validation: Rows that are scored.
        context: Seed, score, deadline.
    """

    def __init__(
        self,
        features: TableFeatures,
        growth: Growth,
        spec: DataSpec,
        train: Encoded | None,
        validation: Encoded | None,
        context: FitContext,
    ) -> None:
        self.features, self.growth, self.spec, self.context = features, growth, spec, context
        self._train, self._validation = train, validation
        self._best = Best(context.maximize)
        self._rounds = 0
        self._kept: int | None = None
        self._n_reports = 0
        self._trained_s = self._score_s = 0.0
        self._finished = self._stuck = False
        self._last_score = math.nan
        self._loaded: Trees | None = None
        self._replay = 0
        self._wide: np.ndarray | None = None
        self._sums: np.ndarray | None = None

    @abstractmethod
    def _open(self, wide: np.ndarray, target: np.ndarray) -> None:
        """Get ready to grow on the wide matrix float32 [n, n_features] and the target (as in `Encoded`)."""

    @abstractmethod
    def _grow(self) -> bool:
        """Add one round; True when no tree can be added any more."""

    @abstractmethod
    def _loss(self) -> float:
        """Training loss now."""

    @abstractmethod
    def _added(self, wide: np.ndarray, first: int, n_rounds: int) -> np.ndarray:
        """Sums of the leaf values of some rounds, float64 [n, n_sums]."""

    @abstractmethod
    def _trees(self, n_rounds: int) -> Trees:
        """The first rounds as flat trees; only called on a learner that has grown."""

    @abstractmethod
    def _scores(self, sums: np.ndarray, n_rounds: int) -> np.ndarray:
        """Sums [n, n_sums] of so many rounds -> raw scores float32 [n, n_outputs]."""

    @abstractmethod
    def _head(self, parts: GraphParts, sums: str, n_rounds: int) -> str:
        """The same as nodes of a graph."""

    @property
    def _n_sums(self) -> int:
        """Columns of the sums."""
        return self.growth.trees_per_round if self.growth.width == 1 else self.growth.width

    def reports(self) -> Iterator[Report]:
        """Grow; yield after every few rounds (see `Learner.reports`)."""
        while not self._finished:
            yield self._advance()

    def _advance(self) -> Report:
        started = time.perf_counter()
        self._prepare()
        limit = self.context.max_epochs or self.growth.rounds
        first = self._rounds
        # The first report comes after one round: it is the first model there is.
        goal = min(limit, first + (self.growth.per_report if first else 1))
        timed_out = False
        while self._rounds < goal and not self._stuck and not timed_out:
            self._stuck = self._grow()
            self._rounds += 0 if self._stuck and self._rounds else 1
            timed_out = time.time() + 1.5 * self._score_s >= self.context.deadline
        loss = self._loss()
        if not math.isfinite(loss):
            raise OptimizationError(
                f"The training loss is not finite ({loss}) after {self._rounds} rounds.",
                hint="Use a smaller learning rate, or look for extreme values in the data.",
            )
        self._n_reports += 1
        self._kept = None
        self._evaluate(first)
        patience = self.growth.patience
        tired = bool(patience and self.context.score) and self._rounds - self._best.epoch >= patience
        self._finished = timed_out or tired or self._stuck or self._rounds >= limit
        self._trained_s += time.perf_counter() - started
        return Report(
            step=self._n_reports,
            train_loss=loss,
            score=self._last_score,
            time_s=self._trained_s,
            final=self._finished,
            epoch=float(self._rounds),
            share=self._rounds / limit,
        )

    def _prepare(self) -> None:
        """Make the data ready at the first call; after a load, grow again what had been grown."""
        if self._wide is not None:
            return
        if self._train is None:
            raise OptimizationError(
                "This model was made without training rows.", hint="Make it with training rows to train it."
            )
        if self._validation is not None and self.context.score is not None:
            self._validation_wide = self.features.wide(self.features.narrow(self._validation.inputs))
            self._sums = np.zeros((len(self._validation), self._n_sums))
        self._wide = self.features.wide(self.features.narrow(self._train.inputs))
        self._open(self._wide, self._train.target)
        self._loaded = None
        self._rounds = 0
        while self._rounds < self._replay:
            # In the same portions as before, so that the sums are equal to the last bit.
            first = self._rounds
            for _ in range(min(self._replay - first, self.growth.per_report if first else 1)):
                self._grow()
                self._rounds += 1
            self._add_up(first)

    def _add_up(self, first: int) -> np.ndarray | None:
        """Scores of the validation rows, from what they were after `first` rounds."""
        if self._sums is None:
            return None
        if self._rounds > first:
            self._sums += self._added(self._validation_wide, first, self._rounds - first)
        return self._scores(self._sums, self._rounds)

    def _evaluate(self, first: int) -> None:
        started = time.perf_counter()
        raw = self._add_up(first)
        if raw is None or self.context.score is None or self._validation is None:
            self._best.latest(self._n_reports, float(self._rounds))
            return
        self._last_score = float(self.context.score(raw))
        tie = _plain_loss(raw, self._validation.target, self.spec.task.kind)
        self._best.offer(self._last_score, tie, self._n_reports, float(self._rounds), list)
        self._score_s = time.perf_counter() - started

    def restore_best(self) -> int:
        """Use the rounds up to the best step only (see `Learner.restore_best`)."""
        self._kept = round(self._best.epoch) or None
        return self._best.step or self._n_reports

    @property
    def _used(self) -> int:
        """Rounds that predictions are made of."""
        return self._rounds if self._kept is None else min(self._kept, self._rounds)

    def flat(self) -> Trees:
        """The trees that predictions are made of; random ones of full size before training."""
        if self._loaded is not None:
            return self._loaded.first(self._used * self.growth.trees_per_round)
        if self._rounds:
            return self._trees(self._used)
        growth = self.growth
        n_trees, seed = growth.rounds * growth.trees_per_round, self.context.seed
        return random_trees(n_trees, growth.leaves, self.features, self._n_sums, growth.width, seed)

    def predict(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        """Raw scores float32 (see `Learner.predict`)."""
        narrow = self.features.narrow(inputs)
        if self._loaded is None and self._rounds:
            sums = self._added(self.features.wide(narrow), 0, self._used)
        else:
            sums = self.flat().sums(narrow)
        return self._scores(sums, self._used or self.growth.rounds)

    @property
    def n_parameters(self) -> int:
        """Thresholds and leaf values; before training those of a model of full size."""
        return self.flat().n_parameters if self._rounds else self.growth.n_parameters

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the encoded inputs that have columns."""
        parts = (("num", self.spec.n_numeric), ("cat", len(self.spec.cardinalities)))
        return tuple(name for name, width in parts if width)

    def onnx_core(self) -> onnx.ModelProto:
        """The graph from encoded inputs to `scores`."""
        n_rounds = self._used or self.growth.rounds
        return tree_graph(
            self.flat(), self.features, self.input_names, lambda parts, sums: self._head(parts, sums, n_rounds)
        )

    def save(self, path: Path, resumable: bool = False) -> None:
        """Write the trees in use and what is needed to grow the others again."""
        best = self._best.state()
        state = {
            "key": best["key"],
            "best": [best["step"], best["epoch"], best["weights"] is not None],
            "counts": [self._n_reports, self._trained_s, self._score_s, self._finished, self._stuck, self._last_score],
            "rounds": [self._rounds, self._used],
        }
        arrays = {**self.flat().arrays(), **self.features.arrays()} if self._rounds else self.features.arrays()
        with path.open("wb") as file:
            np.savez(file, state=np.array(json.dumps(state)), **arrays)  # type: ignore[arg-type]

    def load(self, path: Path) -> None:
        """Read what `save` wrote; growing can go on when this learner has training rows."""
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        state = json.loads(str(arrays["state"]))
        self.features = TableFeatures.from_arrays(arrays)
        step, epoch, scored = state["best"]
        self._best.load_state({"key": state["key"], "step": step, "epoch": epoch, "weights": [] if scored else None})
        counts = state["counts"]
        self._n_reports, self._trained_s, self._score_s, self._finished, self._stuck, self._last_score = counts
        self._rounds, self._kept = state["rounds"]
        self._replay = self._rounds
        self._loaded = Trees.from_arrays(arrays) if self._rounds else None
        self._wide = self._sums = None


def _plain_loss(raw: np.ndarray, target: np.ndarray, kind: str) -> float:
    """Mean loss of raw scores [n, k], used to choose among equal scores."""
    raw = raw.astype(np.float64)
    if kind == "regression":
        return float(np.mean((raw - target) ** 2))
    if target.ndim == 2:  # several labels
        return float(np.mean(np.logaddexp(0.0, raw) - target * raw))
    raised = raw - raw.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(raised).sum(axis=1)) - raised[np.arange(len(raw)), target]))
