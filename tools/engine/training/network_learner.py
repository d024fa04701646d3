"""What all learners around a torch network share: building, preparing data, scoring, predicting, saving."""

from __future__ import annotations

import copy
import math
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tools.core.errors import OptimizationError
from tools.engine.data.dataset import DataSpec, Encoded
from tools.engine.training.flat import FlatParameters
from tools.engine.training.learner import FitContext, Learner, Report
from tools.engine.training.losses import Loss
from tools.engine.training.memory import memory_guard
from tools.engine.training.network import Network, build_seeded, count_parameters
from tools.engine.training.precision import full_precision
from tools.engine.training.selection import Best

Fitted = dict[str, np.ndarray]
"""Statistics of the training rows that a network's preprocessing needs."""

_PREPARED_CHUNKS = 16


class NetworkLearner(Learner):
    """A `Network` in training; how it is trained is up to the subclass.

    Everything the training depends on lives in the object, so a learner that is paused between reports, or saved and
    loaded, goes on exactly as if it had not been.

    Args:
        make: Builds the network from the fitted statistics.
        fitted: Statistics of the training rows.
        loss: The task's loss without smoothing, used to choose among equal scores.
        spec: Shapes of the data.
        train: Training rows; None for a learner that is only measured or loaded.
        validation: Rows that are scored.
        context: Seed, device, score, deadline.
        channels_last: Memory order of images and kernels.
    """

    def __init__(
        self,
        make: Callable[[Fitted], Network],
        fitted: Fitted,
        loss: Loss,
        spec: DataSpec,
        train: Encoded | None,
        validation: Encoded | None,
        context: FitContext,
        channels_last: bool = False,
    ) -> None:
        self._make, self._fitted, self.spec, self.context = make, fitted, spec, context
        self._plain_loss, self._channels_last = loss, channels_last
        self._train, self._validation = train, validation
        self._evaluation: list[Tensor] = []
        self._best = Best(context.maximize)
        self._n_reports = 0
        self._trained_s = self._score_s = 0.0
        self._finished = False
        self._last_score = math.nan
        with memory_guard():
            self._build()

    @abstractmethod
    def _build(self) -> None:
        """Make `self.network`, `self._flat` and what updates them; called again by `load`."""

    @abstractmethod
    def _advance(self) -> Report:
        """Train up to the next report."""

    @abstractmethod
    def _state(self) -> dict[str, Any]:
        """The trainer's own state: plain values and tensors."""

    @abstractmethod
    def _load_state(self, state: dict[str, Any]) -> None:
        """The inverse of `_state`."""

    def _make_network(self) -> None:
        network = build_seeded(lambda: self._make(self._fitted), self.context.seed)
        self.network = network.to(self.context.device)
        self._flat = FlatParameters(self.network, self._channels_last)

    def _training_data(self) -> list[Tensor]:
        """Prepared training inputs and, last, the target, on the device; prepares the validation rows as well."""
        if self._train is None:
            raise OptimizationError(
                "This model was made without training rows.", hint="Make it with training rows to train it."
            )
        if self._validation is not None and self.context.score is not None:
            self._evaluation = self._prepared(self._validation.inputs)
        return [*self._prepared(self._train.inputs), self._target(self._train)]

    def _target(self, encoded: Encoded) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(encoded.target)).to(self.context.device)

    def _prepared(self, arrays: dict[str, np.ndarray]) -> list[Tensor]:
        self.network.eval()
        with full_precision(self.context.device):
            parts = [self.network.prepare(*inputs) for inputs in self._chunks(arrays, _PREPARED_CHUNKS)]
        prepared = [torch.cat(tensors) for tensors in zip(*parts, strict=True)]
        if self._channels_last:
            return [t.contiguous(memory_format=torch.channels_last) if t.dim() == 4 else t for t in prepared]
        return prepared

    def _chunks(self, arrays: dict[str, np.ndarray], times: int = 1) -> Iterator[list[Tensor]]:
        inputs = [torch.from_numpy(np.ascontiguousarray(arrays[name])) for name in self.input_names]
        size = self.network.chunk_rows * times
        for start in range(0, max(1, len(inputs[0])), size):
            yield [tensor[start : start + size].to(self.context.device) for tensor in inputs]

    def reports(self) -> Iterator[Report]:
        """Train; yield after every step (see `Learner.reports`)."""
        while not self._finished:
            with memory_guard():
                report = self._advance()
            yield report

    def _report(self, loss: float, epoch: float, share: float) -> Report:
        return Report(self._n_reports, loss, self._last_score, self._trained_s, self._finished, epoch, share)

    def _check(self, loss: float) -> float:
        if not math.isfinite(loss):
            raise OptimizationError(
                f"The training loss is not finite ({loss}) at report {self._n_reports + 1}.",
                hint="Use a smaller learning rate, or look for extreme values in the data.",
            )
        return loss

    def _evaluate(self, epoch: float) -> None:
        """Score the validation rows and keep the weights when they are the best so far."""
        if self.context.score is None or self._validation is None:
            self._best.latest(self._n_reports, epoch)
            return
        started = time.perf_counter()
        raw = self._scores(self._evaluation)
        self._last_score = float(self.context.score(raw.cpu().numpy()))
        tie = math.nan
        if raw.numel() <= 2_000_000:
            tie = float(self._plain_loss(raw, self._target(self._validation)))
        self._best.offer(self._last_score, tie, self._n_reports, epoch, self._flat.snapshot)
        self._score_s = time.perf_counter() - started

    def _scores(self, prepared: list[Tensor]) -> Tensor:
        self.network.eval()
        size = self.network.chunk_rows
        with full_precision(self.context.device):
            parts = [
                self.network.body(*(tensor[start : start + size] for tensor in prepared))
                for start in range(0, max(1, len(prepared[0])), size)
            ]
        return torch.cat(parts)

    def _out_of_time(self) -> bool:
        """Whether the deadline comes before the next scoring would end."""
        return time.time() + 1.5 * self._score_s >= self.context.deadline

    def restore_best(self) -> int:
        """Go back to the best step (see `Learner.restore_best`)."""
        if self._best.weights is not None:
            self._flat.restore(self._best.weights)
        return self._best.step or self._n_reports

    def predict(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        """Raw scores float32 (see `Learner.predict`)."""
        self.network.eval()
        with memory_guard(), full_precision(self.context.device):
            parts = [self.network(*chunk).cpu() for chunk in self._chunks(inputs)]
        scores: np.ndarray = torch.cat(parts).numpy()
        return scores

    @property
    def n_parameters(self) -> int:
        """Number of trained numbers."""
        return count_parameters(self.network)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the encoded inputs."""
        return self.network.input_names

    def module(self) -> nn.Module:
        """The network in eval mode, on the CPU (a copy when it is trained elsewhere)."""
        if self.context.device == "cpu":
            return self.network.eval()
        return copy.deepcopy(self.network).to("cpu").eval()

    def save(self, path: Path, resumable: bool = False) -> None:
        """Write the weights; if `resumable` also the best ones so far and everything needed to go on training."""
        state = {
            "fitted": {name: torch.as_tensor(value) for name, value in self._fitted.items()},
            "weights": self._flat.snapshot(),
            "counts": [self._n_reports, self._trained_s, self._score_s, self._finished, self._last_score],
        }
        if resumable:
            state |= {"best": self._best.state(), "trainer": self._state()}
        torch.save(state, path)

    def load(self, path: Path) -> None:
        """Read what `save` wrote; training can go on when this learner has training rows."""
        state = torch.load(path, map_location="cpu", weights_only=True)
        self._fitted = {name: value.numpy() for name, value in state["fitted"].items()}
        with memory_guard():
            self._build()
            self._flat.restore(state["weights"])
            self._n_reports, self._trained_s, self._score_s, self._finished, self._last_score = state["counts"]
            if "trainer" in state:
                self._best.load_state(state["best"])
                self._load_state(state["trainer"])
