"""A family that does what its parameters say: learn, crash, hang, eat memory. For tests of search and execution."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from torch import nn

from tools.core.errors import OptimizationError
from tools.engine.data.dataset import Dataset, DataSpec, Encoded, TaskSpec
from tools.engine.data.target import TargetEncoder
from tools.engine.execution.cache import Fold
from tools.engine.families.family import Family, Params, Suggest
from tools.engine.training.learner import FitContext, Learner, Report

TASK = TaskSpec(kind="classification", target="y", metric="accuracy", n_outputs=2, classes=("a", "b"))
MODES = ["good", "crash", "kill", "hang", "memory", "nan", "bug"]


class FakeLearner(Learner):
    """Right on a share of rows that grows with every step up to `quality`; `mode` says how it fails instead."""

    def __init__(
        self, params: Params, spec: DataSpec, train: Encoded | None, validation: Encoded | None, context: FitContext
    ) -> None:
        self.params, self.spec, self.validation, self.context = params, spec, validation, context
        self.share = self.best_share = 0.0
        self.best_step = 0

    def reports(self) -> Iterator[Report]:
        started, mode = time.perf_counter(), self.params.get("mode", "good")
        epochs = self.context.max_epochs or int(self.params.get("epochs", 5))
        for step in range(1, epochs + 1):
            time.sleep(float(self.params.get("step_s", 0.0)))
            if mode == "jitter":
                time.sleep(os.urandom(1)[0] / 255 * 0.01)
            if mode == "crash":
                os._exit(3)
            if mode == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if mode == "hang":
                time.sleep(600)
            if mode == "memory" and self.context.thrift < 1:
                torch.zeros(10**11)
            if mode == "wide" and int(self.params.get("width", 8)) > 40:
                torch.zeros(10**11)
            if mode == "nan":
                raise OptimizationError("The loss is not finite.")
            if mode == "bug":
                raise KeyError("missing")
            self.share = float(self.params.get("quality", 0.8)) * (1 - 0.5**step)
            self.best_share, self.best_step = self.share, step
            late = time.time() >= self.context.deadline
            score = float("nan")
            if self.context.score is not None and self.validation is not None:
                score = self.context.score(self.predict(self.validation.inputs))
            yield Report(
                step=step,
                train_loss=1.0 / step,
                score=score,
                time_s=time.perf_counter() - started,
                final=late or step == epochs,
                epoch=step,
                share=step / epochs,
            )
            if late:
                return

    def restore_best(self) -> int:
        self.share = self.best_share
        return self.best_step

    def predict(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        x = inputs["num"][:, 0]
        right = np.arange(len(x)) < self.share * len(x)
        positive = np.where(right, x > 0, x <= 0)
        return np.stack([np.where(positive, -3.0, 3.0), np.where(positive, 3.0, -3.0)], 1).astype(np.float32)

    @property
    def n_parameters(self) -> int:
        return 10 * int(self.params.get("width", 8))

    def save(self, path: Path, resumable: bool = False) -> None:
        path.write_text(str(self.best_share))

    def load(self, path: Path) -> None:
        self.share = self.best_share = float(path.read_text())

    def module(self) -> nn.Module:
        return nn.Sequential(
            nn.Linear(1, int(self.params.get("width", 8))), nn.Linear(int(self.params.get("width", 8)), 2)
        )

    @property
    def input_names(self) -> tuple[str, ...]:
        return ("num",)


class FakeFamily(Family):
    """Its space has a structure (width, deep) and training settings."""

    title: ClassVar[str] = "Fake"
    modality = "tabular"
    kinds: ClassVar[frozenset[str]] = frozenset({"classification"})
    structure: ClassVar[frozenset[str]] = frozenset({"width", "deep", "layers"})
    source: ClassVar[str] = "tests"

    def __init__(self, name: str = "fake", **overrides: Any) -> None:
        self.name = name
        self.overrides = overrides

    def suggest(self, trial: Suggest, spec: DataSpec) -> Params:
        params: Params = {
            "quality": trial.suggest_float("quality", 0.1, 1.0),
            "width": trial.suggest_int("width", 4, 4096, log=True),
            "batch_size": trial.suggest_categorical("batch_size", [16, 32, 64, 128]),
            "deep": trial.suggest_categorical("deep", [False, True]),
        }
        if params["deep"]:
            params["layers"] = trial.suggest_int("layers", 2, 4)
        return {**params, **self.overrides}

    def defaults(self, spec: DataSpec) -> list[Params]:
        base = {"quality": 0.8, "width": 64, "batch_size": 64, "deep": False}
        return [{**base, **self.overrides}, {**base, "deep": True, "layers": 2, **self.overrides}]

    def learner(
        self, params: Params, spec: DataSpec, train: Encoded | None, validation: Encoded | None, context: FitContext
    ) -> Learner:
        return FakeLearner(params, spec, train, validation, context)


def find_fake(name: str) -> Family:
    """What a worker asks for a family."""
    return FakeFamily(name)


def make_fold(n: int = 200, seed: int = 0) -> Fold:
    """A small table whose sign of the only column is the class."""
    x = np.random.default_rng(seed).normal(size=n).astype(np.float32)
    frame = pd.DataFrame({"x": x, "y": np.where(x > 0, "b", "a")})
    dataset = Dataset("toy", "toy", "0" * 16, "tabular", frame, target="y")
    target = TargetEncoder()
    rows = np.arange(n)
    target.fit(dataset, rows, TASK)
    encoded = Encoded({"num": x[:, None]}, target.encode(dataset, rows))
    spec = DataSpec("tabular", TASK, n_train=n // 2, n_numeric=1)
    truth = target.truth(dataset, rows[n // 2 :])
    return Fold(spec, target, encoded.rows(rows[: n // 2]), encoded.rows(rows[n // 2 :]), truth)
