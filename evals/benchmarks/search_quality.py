"""What each part of the search brings: `python -m evals.benchmarks.search_quality --budget 60`.

The same tables are searched with everything, and with one part left out or put in. Printed per variant: the mean over
tables and seeds of the normalised regret of the best validation score after so many seconds (0: the best score that any
variant reached on that table, 1: the trivial baseline), and the mean test score of what was delivered.
Results: a table on stdout, and `search_quality.json` in the work folder after every run.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table as Grid

from evals.benchmarks.tables import TABLES, install_packages
from tools.core.config import SearchSpec
from tools.core.records import AutoMLMetrics, ExperimentPlan, Limits, Origin, Phase, Proposal, StepRecord, TrialRecord

ALL = "everything"
WARM = "with warm start"
VARIANTS: dict[str, dict[str, Any]] = {
    ALL: {},
    "without portfolio": {"search": SearchSpec(portfolio=False)},
    "without pruning": {"search": SearchSpec(pruning=False)},
    "without ensemble": {"ensemble": False},
    "random, without portfolio": {"search": SearchSpec(strategy="random", portfolio=False)},
    WARM: {},
}
SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)
Row = dict[str, Any]


class Watch:
    """A sink that notes when every trial ended; see `RunSink`."""

    def __init__(self, started: float) -> None:
        self._started = started
        self.trials: list[tuple[float, TrialRecord]] = []
        self.fields: dict[str, Any] = {}

    def progress(self, phase: Phase, metrics: AutoMLMetrics) -> None:
        """Not needed here."""

    def step(self, step: StepRecord) -> None:
        """Not needed here."""

    def message(self, text: str) -> None:
        """Not needed here."""

    def trial(self, trial: TrialRecord) -> None:
        """Note a trial with the seconds since the start."""
        self.trials.append((time.time() - self._started, trial))

    def update(self, **fields: Any) -> None:
        """Keep fields of the record."""
        self.fields |= fields

    def cancelled(self) -> bool:
        """Never."""
        return False


def main() -> None:
    """Read the flags and run, variants in turn within a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=float, default=60.0, help="seconds for every run")
    parser.add_argument(
        "--tables", nargs="*", default=["phoneme", "vehicle", "concrete", "wa_churn"], choices=sorted(TABLES)
    )
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path(".automl/bench"), help="packages and results")
    given = parser.parse_args()
    work: Path = given.work.absolute()
    install_packages(work / "packages")
    rows: list[Row] = []
    context = multiprocessing.get_context("spawn")
    order = [name for name in given.variants if name != WARM] + [name for name in given.variants if name == WARM]
    for variant_set in ([name for name in order if name != WARM], [name for name in order if name == WARM]):
        for table in given.tables:
            for seed in range(given.seeds):
                for variant in variant_set:
                    others = [row for row in rows if row["variant"] == ALL and row["table"] != table]
                    proposals = [Proposal.model_validate(row["winner"]) for row in others] if variant == WARM else []
                    with ProcessPoolExecutor(1, context) as pool:  # its process may have children, a Pool's may not
                        run = pool.submit(run_one, table, variant, seed, given.budget, work, proposals)
                        rows.append(run.result())
                    (work / "search_quality.json").write_text(json.dumps({"budget_s": given.budget, "rows": rows}))
                    print(table, variant, seed, rows[-1]["best"], rows[-1]["test"], flush=True)
    show(rows, given.budget)


def run_one(table: str, variant: str, seed: int, budget: float, work: Path, proposals: list[Proposal]) -> Row:
    """Search one table in one way."""
    from tools.engine.experiment import run_experiment

    folder = work / "search_quality" / table
    folder.mkdir(parents=True, exist_ok=True)
    item = TABLES[table]
    frame = item.read(work / "packages")
    frame[frame[item.target].notna()].to_csv(folder / "all.csv", index=False)
    changes = VARIANTS[variant]
    plan = ExperimentPlan(
        dataset=str(folder / "all.csv"), target=item.target, task=item.kind, metric=item.metric, seed=seed,
        limits=Limits(time_s=budget), proposals=tuple(proposals), **changes,
    )  # fmt: skip
    started = time.time()
    sink = Watch(started)
    run_folder = folder / "run"
    shutil.rmtree(run_folder, ignore_errors=True)
    run_experiment(plan, run_folder, sink, started)
    scored = [(at, trial) for at, trial in sink.trials if trial.status == "completed" and trial.score is not None]
    best = max(scored, key=lambda pair: pair[1].score or 0.0)[1]
    origin = Origin.of(sink.fields["profile"], item.kind)
    winner = Proposal(
        family=best.model_architecture, params=best.hyperparameters, reason=f"best on {table}", origin=origin
    )
    return {
        "table": table, "variant": variant, "seed": seed, "winner": winner.model_dump(),
        "scores": [(at, trial.score) for at, trial in scored], "best": best.score, "trials": len(sink.trials),
        "test": sink.fields["test"][item.metric], "baseline": sink.fields["baseline"][item.metric],
    }  # fmt: skip


def regrets(rows: list[Row], budget: float) -> dict[str, list[float]]:
    """Variant -> mean normalised regret after each share of the budget."""
    best: dict[tuple[str, int], float] = defaultdict(lambda: -np.inf)
    for row in rows:
        best[row["table"], row["seed"]] = max(best[row["table"], row["seed"]], row["best"])
    found: dict[str, list[list[float]]] = defaultdict(list)
    for row in rows:
        top, bottom = best[row["table"], row["seed"]], row["baseline"]
        reached = [
            max((score for at, score in row["scores"] if at <= share * budget), default=bottom) for share in SHARES
        ]
        found[row["variant"]].append([(top - score) / (top - bottom) for score in reached])
    return {variant: np.mean(values, axis=0).tolist() for variant, values in found.items()}


def show(rows: list[Row], budget: float) -> None:
    """Print a row per variant."""
    seconds = [f"{share * budget:.0f} s" for share in SHARES]
    grid = Grid("variant", *seconds, "test score", "trials", title="mean normalised regret, %, after so many seconds")
    for variant, values in regrets(rows, budget).items():
        own = [row for row in rows if row["variant"] == variant]
        test, trials = (float(np.mean([row[key] for row in own])) for key in ("test", "trials"))
        grid.add_row(variant, *(f"{100 * value:.2f}" for value in values), f"{test:.4f}", f"{trials:.0f}")
    Console(width=120).print(grid)


if __name__ == "__main__":
    main()
