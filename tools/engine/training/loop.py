"""The training loop: in-memory batches, one fused update, pausable and repeatable to the bit."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from tools.engine.data.dataset import DataSpec, Encoded
from tools.engine.training.adamw import FlatAdamW
from tools.engine.training.batches import Batches
from tools.engine.training.dropout import CudaMasks, MaskPool, connect
from tools.engine.training.learner import FitContext, Report
from tools.engine.training.losses import loss_for
from tools.engine.training.network import Network
from tools.engine.training.network_learner import Fitted, NetworkLearner
from tools.engine.training.precision import has_bf16, training_precision
from tools.engine.training.recipe import Recipe
from tools.engine.training.replay import Replay
from tools.engine.training.schedule import factor
from tools.engine.training.work import Cadence

_PARTS = (1, 4, 16)
"""In how many parts a batch is trained at each level of thrift."""
_LEAST_PART = 8
"""Rows that a part has at least."""
_SOON, _SURPLUS = 0.2, 1.05
"""The share of the time that passes before the clock counts, and by how much it must be ahead of the steps."""


class TorchLearner(NetworkLearner):
    """Trains a `Network` with AdamW in shuffled batches.

    Args:
        make: Builds the network from the fitted statistics.
        fitted: Statistics of the training rows.
        recipe: Training settings.
        spec: Shapes of the data.
        train: Training rows; None for a learner that is only measured or loaded.
        validation: Rows that are scored.
        context: Seed, device, score, deadline.
    """

    def __init__(
        self,
        make: Callable[[Fitted], Network],
        fitted: Fitted,
        recipe: Recipe,
        spec: DataSpec,
        train: Encoded | None,
        validation: Encoded | None,
        context: FitContext,
    ) -> None:
        self.recipe = replace(recipe, bf16=recipe.bf16 or (context.thrift > 1 and has_bf16(context.device)))
        self._parts = _PARTS[context.thrift]
        self._loss = loss_for(spec.task, recipe.label_smoothing, recipe.regression_loss)
        self._generator = torch.Generator().manual_seed(context.seed)
        self._step = 0
        self._batches: Batches | None = None
        plain = loss_for(spec.task, 0.0, recipe.regression_loss)
        super().__init__(make, fitted, plain, spec, train, validation, context, recipe.channels_last)

    def _build(self) -> None:
        self._make_network()
        self._optimizer = FlatAdamW(self._flat, self.recipe.weight_decay, self.recipe.betas)
        self._cuda_generator: torch.Generator | None = None
        self._replay: Replay | None = None
        if self.context.device == "cuda":
            self._cuda_generator = torch.Generator("cuda").manual_seed(self.context.seed)
            connect(self.network, CudaMasks(self._cuda_generator))
            self._replay = Replay(self._cuda_generator)
        else:
            connect(self.network, MaskPool(self.context.seed, self._generator))
        self._batches = None

    def _open(self) -> Batches:
        """The batches; at the first call the data is prepared and put on the device."""
        if self._batches is None:
            tensors = self._training_data()
            self._batches = Batches(tensors, self.recipe.batch_size, self._generator)
            n_validation = len(self._evaluation[0]) if self._evaluation else 0
            self._cadence = Cadence.plan(self.network, tensors[:-1], self._batches.per_epoch, n_validation)
        return self._batches

    def _advance(self) -> Report:
        """Train up to the next report."""
        started = time.perf_counter()
        batches = self._open()
        total = (self.context.max_epochs or self.recipe.epochs) * batches.per_epoch
        goal = min(total, self._cadence.next_report(self._step))
        self.network.train()
        losses: list[Tensor] = []
        timed_out = False
        with training_precision(self.context.device, self.recipe.bf16):
            while self._step < goal and not timed_out:
                elapsed = self._trained_s + time.perf_counter() - started
                losses.append(self._train_step(batches, self._progress(total, elapsed)))
                self._step += 1
                timed_out = self._out_of_time()
        # Read once per report and not once per step: on a GPU reading waits for the device.
        loss = self._check(float(torch.stack(losses).mean()) if losses else math.inf)
        self._n_reports += 1
        epoch = self._step / batches.per_epoch
        self._finished = timed_out or self._step >= total
        if self._finished or self._n_reports == 1 or self._cadence.is_scored(self._step):
            self._evaluate(epoch)
        if self.recipe.patience and self.context.score and epoch - self._best.epoch >= self.recipe.patience:
            self._finished = True
        self._trained_s += time.perf_counter() - started
        return self._report(loss, epoch, self._progress(total, self._trained_s))

    def _progress(self, total: int, elapsed: float) -> float:
        """Share of the training that has passed: by steps or, when the deadline comes first, by time.

        So a training that is cut short by its deadline has had its small learning rates too. One that is not must not
        depend on the clock, so the speed is only believed once some of the time has passed.
        """
        by_steps = self._step / total
        if self.context.deadline == math.inf:
            return by_steps
        left = max(0.0, self.context.deadline - time.time())
        passed = elapsed / max(elapsed + left, 1e-9)
        return max(by_steps, passed) if passed > max(_SOON, _SURPLUS * by_steps) else by_steps

    def _train_step(self, batches: Batches, progress: float) -> Tensor:
        *inputs, target = batches.next()
        if self.recipe.augment is not None:
            inputs[0] = self.recipe.augment(inputs[0], self._generator)
        rate = self.recipe.lr * factor(self.recipe.schedule, progress, self.recipe.warmup)
        if self._replay is None:
            return self._update(inputs, target, rate)
        return self._replay(self._update, inputs, target, rate)

    def _update(self, inputs: list[Tensor], target: Tensor, rate: float | Tensor) -> Tensor:
        """One update of the weights; returns the loss. Nothing in it may wait for the device."""
        self._flat.clear()
        n_parts = min(self._parts, max(1, len(target) // _LEAST_PART))
        if n_parts == 1:
            loss = self._gradient(inputs, target, 1.0)
        else:
            parts = list(zip(*(tensor.chunk(n_parts) for tensor in [*inputs, target]), strict=True))
            losses = [self._gradient([*part[:-1]], part[-1], len(part[-1]) / len(target)) for part in parts]
            loss = torch.stack(losses).sum()
        if self.recipe.clip:
            self._flat.clip(self.recipe.clip)
        self._optimizer.step(rate)
        return loss

    def _gradient(self, inputs: list[Tensor], target: Tensor, share: float) -> Tensor:
        """Add the gradient of some rows, which are this share of the batch; returns their part of its loss."""
        scores = self.network.training_scores(*inputs).float()
        if len(scores) != len(target):
            target = target.repeat(len(scores) // len(target), *[1] * (target.dim() - 1))
        loss = self._loss(scores, target) * share
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def _state(self) -> dict[str, Any]:
        return {
            "step": self._step,
            "optimizer": self._optimizer.state(),
            "generator": self._generator.get_state(),
            "cuda_generator": None if self._cuda_generator is None else self._cuda_generator.get_state(),
            "batches": None if self._batches is None else self._batches.state(),
        }

    def _load_state(self, state: dict[str, Any]) -> None:
        self._step = state["step"]
        self._optimizer.load_state(state["optimizer"])
        self._generator.set_state(state["generator"])
        if self._cuda_generator is not None and state["cuda_generator"] is not None:
            self._cuda_generator.set_state(state["cuda_generator"])
        if self._train is not None and state["batches"] is not None:
            self._open().load_state(state["batches"])
