"""Trials per CPU-second at equal work: `python -m evals.benchmarks.training_speed`.

The same network (three layers of 256 units, SiLU, dropout), on the same 10 000 x 50 table, for the same 20 epochs in
batches of 256, with learning rate and dropout proposed by Optuna's TPE, trained

    process_per_trial   by a loop over a DataLoader, each trial in a fresh process: a sweep of a user's script
    loop                by the same loop, trial after trial in one process
    lightning           by Lightning's Trainer in one process (where it is installed)
    engine              by this project's engine: two workers that stay, whole-tensor batches
    engine_halving      by the same with trials that fall behind given up early (its score is to be compared, too)

Rounds of all variants are interleaved, and CPU-seconds counted instead of seconds, so that a busy machine disturbs all
alike. Results: a table on stdout, and `training_speed.json` in the work folder.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table as Grid

EPOCHS, BATCH, WIDTH, LAYERS, ROWS, COLUMNS = 20, 256, 256, 3, 10_000, 50
SCORED = 2_000
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
"""Spinning threads would make the loops several times slower on a busy machine; that is not what is measured here."""
Proposal = dict[str, float]


def main() -> None:
    """Read the flags and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=6, help="trials of every variant in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--work", type=Path, default=Path(".automl/bench"))
    parser.add_argument("--inside", choices=list(VARIANTS), help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.inside:  # one round of one variant, in a process of its own: its CPU time and its children's count
        scores = VARIANTS[given.inside](given.trials, given.seed)
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        extra = sum(score[1] for score in scores)
        cpu_s = sum(one.ru_utime + one.ru_stime for one in used) + extra
        print(json.dumps({"cpu_s": cpu_s, "scores": [score[0] for score in scores]}))
        return
    chosen = [name for name in given.only if name != "lightning" or importlib.util.find_spec("lightning")]
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in chosen}
    for number in range(given.rounds):
        for name in chosen:
            command = [sys.executable, "-m", "evals.benchmarks.training_speed", "--inside", name]
            command += ["--trials", str(given.trials), "--seed", str(number)]
            began = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, **ONE_THREAD})
            results[name].append(json.loads(done.stdout.splitlines()[-1]) | {"wall_s": time.perf_counter() - began})
    given.work.mkdir(parents=True, exist_ok=True)
    (given.work / "training_speed.json").write_text(json.dumps({"trials": given.trials, "results": results}, indent=1))
    show(results, given.trials)


def show(results: dict[str, list[dict[str, Any]]], trials: int) -> None:
    """One row per variant: medians over the rounds, and the ratio to the first variant."""
    grid = Grid("variant", "CPU-s per trial", "times as fast", "s per trial", "best accuracy")
    base: float | None = None
    for name, rounds in results.items():
        cpu_s = statistics.median(one["cpu_s"] for one in rounds) / trials
        base = base if base is not None else cpu_s
        wall_s = statistics.median(one["wall_s"] for one in rounds) / trials
        best = statistics.median(max(one["scores"]) for one in rounds)
        grid.add_row(name, f"{cpu_s:.2f}", f"{base / cpu_s:.2f}", f"{wall_s:.2f}", f"{best:.4f}")
    Console().print(grid)


def data() -> tuple[np.ndarray, np.ndarray]:
    """A table with two classes that a network can tell apart, some labels wrong: float32 [n, 50], int64 [n]."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS + SCORED, COLUMNS)).astype(np.float32)
    hidden = np.tanh(x @ rng.normal(size=(COLUMNS, 16)) / 3)
    y = (hidden @ rng.normal(size=16) + 0.3 * rng.normal(size=len(x)) > 0).astype(np.int64)
    return x, y


def search(trials: int, seed: int, train: Callable[[Proposal], tuple[float, float]]) -> list[tuple[float, float]]:
    """Ask and tell as a user would; returns (score, CPU-seconds not seen from here) of every trial."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    found = []
    for _ in range(trials):
        trial = study.ask()
        proposal = {
            "lr": trial.suggest_float("lr", 3e-4, 1e-2, log=True),
            "dropout": trial.suggest_float("dropout", 0.0, 0.5),
        }
        found.append(train(proposal))
        study.tell(trial, found[-1][0])
    return found


def network(dropout: float) -> Any:
    """The network as a user writes it."""
    from torch import nn

    layers: list[Any] = []
    for number in range(LAYERS):
        layers += [nn.Linear(COLUMNS if number == 0 else WIDTH, WIDTH), nn.SiLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.Linear(WIDTH, 2))


def train_with_loader(proposal: Proposal) -> tuple[float, float]:
    """The loop as a user writes it: DataLoader, AdamW, a cosine schedule."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    x, y = (torch.from_numpy(array) for array in data())
    loader = DataLoader(TensorDataset(x[:ROWS], y[:ROWS]), batch_size=BATCH, shuffle=True)
    model = network(proposal["dropout"])
    optimizer = torch.optim.AdamW(model.parameters(), lr=proposal["lr"], weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS * len(loader))
    for _ in range(EPOCHS):
        model.train()
        for inputs, target in loader:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(inputs), target).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        accuracy = scored(model, x[ROWS:], y[ROWS:])
    return accuracy, 0.0


def scored(model: Any, x: Any, y: Any) -> float:
    """Accuracy on the rows that are scored."""
    import torch

    model.eval()
    with torch.no_grad():
        return float((model(x).argmax(1) == y).float().mean())


def loop(trials: int, seed: int) -> list[tuple[float, float]]:
    """See the module."""
    return search(trials, seed, train_with_loader)


def process_per_trial(trials: int, seed: int) -> list[tuple[float, float]]:
    """See the module."""

    def train(proposal: Proposal) -> tuple[float, float]:
        code = f"from evals.benchmarks.training_speed import train_with_loader as t; print(t({proposal!r})[0])"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        return float(done.stdout), 0.0

    return search(trials, seed, train)


def lightning(trials: int, seed: int) -> list[tuple[float, float]]:
    """See the module."""
    import logging
    import warnings

    import torch
    from lightning import LightningModule, Trainer
    from torch.utils.data import DataLoader, TensorDataset

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    x, y = (torch.from_numpy(array) for array in data())

    class Module(LightningModule):  # type: ignore[misc]
        def __init__(self, proposal: Proposal) -> None:
            super().__init__()
            self.proposal, self.model = proposal, network(proposal["dropout"])

        def training_step(self, batch: Any, _: int) -> Any:
            return torch.nn.functional.cross_entropy(self.model(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.AdamW(self.parameters(), lr=self.proposal["lr"], weight_decay=0.01)
            steps = EPOCHS * -(-ROWS // BATCH)
            schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def train(proposal: Proposal) -> tuple[float, float]:
        module = Module(proposal)
        quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        trainer = Trainer(max_epochs=EPOCHS, accelerator="cpu", enable_model_summary=False, **quiet)
        trainer.fit(module, DataLoader(TensorDataset(x[:ROWS], y[:ROWS]), batch_size=BATCH, shuffle=True))
        return scored(module.model, x[ROWS:], y[ROWS:]), 0.0

    return search(trials, seed, train)


def engine(trials: int, seed: int, halving: bool = False) -> list[tuple[float, float]]:
    """See the module. The parent's CPU time is read by the caller; the workers tell theirs."""
    import optuna

    from tools.engine.data.dataset import DataSpec, Encoded, TaskSpec
    from tools.engine.data.target import TargetEncoder
    from tools.engine.execution.cache import Fold, store
    from tools.engine.execution.messages import Assignment, Failed, Finished, Progress
    from tools.engine.execution.pool import WorkerPool
    from tools.engine.execution.worker import WorkerSetup
    from tools.engine.search.pruning import Halving

    x, y = data()
    task = TaskSpec("classification", "y", "accuracy", 2, (0, 1))
    spec = DataSpec("tabular", task, n_train=ROWS, n_numeric=COLUMNS)
    target = TargetEncoder()
    target.classes = task.classes
    encoded = Encoded({"num": x, "cat": np.zeros((len(x), 0), np.int64)}, y)
    rows = np.arange(len(x))
    fold = Fold(spec, target, encoded.rows(rows[:ROWS]), encoded.rows(rows[ROWS:]), y[ROWS:])
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    found: list[tuple[float, float]] = []
    rungs = Halving()
    fixed = {
        "layers": LAYERS, "width": WIDTH, "activation": "silu", "embedding": "plain", "weight_decay": 0.01,
        "batch_size": BATCH, "schedule": "cosine", "label_smoothing": 0.0,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder, WorkerPool(WorkerSetup(), 2) as pool:
        files = store(Path(folder) / "fold", fold)
        running: dict[int, Any] = {}
        started = 0
        while started < trials or running:
            while started < trials and pool.free:
                trial = study.ask()
                drawn = {
                    "lr": trial.suggest_float("lr", 3e-4, 1e-2, log=True),
                    "dropout": trial.suggest_float("dropout", 0.0, 0.5),
                }
                pool.submit(
                    Assignment(
                        started, "mlp", fixed | drawn, (files,), "accuracy", True, seed=1000 * seed + started,
                        deadline=time.time() + 600, max_epochs=(EPOCHS,),
                    )
                )  # fmt: skip
                running[started] = trial
                started += 1
            for event in pool.poll(0.1):
                if isinstance(event, Progress):
                    if halving and rungs.report(event.trial, "mlp", event.rung, event.score):
                        pool.stop(event.trial, keep=False)
                elif isinstance(event, Finished):
                    study.tell(running.pop(event.trial), event.score)
                    found.append((event.score, event.usage.cpu_s))
                elif isinstance(event, Failed):
                    raise RuntimeError(event.message)
    return found


def engine_halving(trials: int, seed: int) -> list[tuple[float, float]]:
    """See the module."""
    return engine(trials, seed, halving=True)


VARIANTS: dict[str, Callable[[int, int], list[tuple[float, float]]]] = {
    "process_per_trial": process_per_trial,
    "loop": loop,
    "lightning": lightning,
    "engine": engine,
    "engine_halving": engine_halving,
}


if __name__ == "__main__":
    main()
