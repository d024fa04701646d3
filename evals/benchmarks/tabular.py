"""Tables, side by side with other AutoML systems: `python -m evals.benchmarks.tabular --budget 60`.

For every table this project runs first; its own stratified 80/20 split (`splits.npz` of the run folder) is then given
to every peer, so that all train on the same rows and are scored on the same untouched rows. Peers run in environments
of their own.
Results: a table on stdout, and `tabular.json` in the work folder after every row (a broken-off run loses nothing).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table as Grid

from evals.benchmarks.ours import OURS, Row, run_ours
from evals.benchmarks.tables import TABLES, Table, install_packages
from tools.core.units import format_size

PEERS = {
    "hist_gradient_boosting": None,
    "random_forest": None,
    "flaml": ("flaml[automl]",),
    "autogluon_medium": ("autogluon.tabular[lightgbm,catboost,xgboost]",),
    "autogluon_best": ("autogluon.tabular[lightgbm,catboost,xgboost]",),
}
"""Peer -> what its environment needs; None: scikit-learn alone, which is here."""


def main() -> None:
    """Read the flags and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=float, default=60.0, help="seconds for every system on every table")
    parser.add_argument("--tables", nargs="*", default=sorted(TABLES), choices=sorted(TABLES))
    parser.add_argument("--peers", nargs="*", default=list(PEERS), choices=list(PEERS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--splits", type=int, default=1, help="different splits of each table, each with a new history")
    parser.add_argument("--work", type=Path, default=Path(".automl/bench"), help="packages, environments, results")
    given = parser.parse_args()
    work: Path = given.work.absolute()
    install_packages(work / "packages")
    interpreters = {peer: _environment(peer, work) for peer in given.peers}
    rows: list[Row] = []
    for table, seed in product((TABLES[name] for name in given.tables), range(given.seed, given.seed + given.splits)):
        file, ours = _run_ours(table, work, given.budget, seed)
        now = [ours]
        for peer, python in interpreters.items():
            now.append(_run_peer(peer, python, table, file, work, given.budget))
        rows += [{**row, "seed": seed} for row in now]
        (work / "tabular.json").write_text(json.dumps({"budget_s": given.budget, "rows": rows}, indent=1))
        show(rows[-len(now) :])
    show(rows)


def _environment(peer: str, work: Path) -> Path:
    needs = PEERS[peer]
    if needs is None:
        return Path(sys.executable)
    python = work / "environments" / peer.split("_")[0] / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(python.parent.parent)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *needs], check=True)
    return python


def _run_ours(table: Table, work: Path, budget: float, seed: int) -> tuple[Path, Row]:
    """Run this project through its command line; returns the folder of the split and the row."""
    folder = work / "tables" / f"{table.name}-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    frame = table.read(work / "packages")
    frame = frame[frame[table.target].notna()].reset_index(drop=True)
    frame.to_csv(folder / "all.csv", index=False)
    words = ("--target", table.target, "--task", table.kind, "--metric", table.metric)
    run = run_ours(table.name, folder / "all.csv", folder, budget, seed, *words)
    for part in ("train", "test"):
        frame.iloc[run.splits[part]].to_csv(folder / f"{part}.csv", index=False)
    one, thousand = _our_latency(run.bundle, folder / "test.csv")
    return folder, {
        "table": table.name, "system": OURS, "score": run.result["test"][table.metric], "wall_s": run.wall_s,
        "over_budget": run.result["wall_s"] / budget - 1, "latency_1_ms": one, "latency_1000_ms": thousand, **run.row,
    }  # fmt: skip


def _our_latency(bundle: Path, file: Path) -> tuple[float, float]:
    from evals.benchmarks.peer import median_ms
    from tools.engine.data.read import load
    from tools.engine.export.bundle import Bundle

    opened = Bundle.open(bundle)
    dataset = load(str(file))
    rows = np.arange(dataset.n_rows)
    many = np.resize(rows, 1000)
    feeds = [opened.feed(dataset, index) for index in (rows[:1], many)]
    one, thousand = (median_ms(partial(opened.session.run, None, feed)) for feed in feeds)
    return one, thousand


def _run_peer(peer: str, python: Path, table: Table, folder: Path, work: Path, budget: float) -> Row:
    script = Path(__file__).with_name("peer.py")
    scratch = work / "scratch" / f"{peer}-{table.name}-{int(time.time())}"
    command = [str(python), str(script), peer, str(folder / "train.csv"), str(folder / "test.csv"), table.target]
    begun = time.time()
    done = subprocess.run(
        [*command, table.kind, str(budget), str(scratch)], capture_output=True, text=True, check=False, cwd=work
    )
    row: Row = {"table": table.name, "system": peer, "wall_s": time.time() - begun}
    if done.returncode != 0:
        return {**row, "score": None, "error": done.stderr.strip().splitlines()[-1:]}
    result = json.loads(done.stdout.strip().splitlines()[-1])
    return {**row, **result, "over_budget": result["fit_s"] / budget - 1}


def mean_ranks(rows: list[Row]) -> dict[str, float]:
    """Mean rank of every system over the tables and splits (1 is best; ties share; a failure is last)."""
    frame = pd.DataFrame(rows).pivot(index=["table", "seed"], columns="system", values="score").astype(float)
    ranks = frame.rank(axis=1, ascending=False, na_option="bottom")
    return {str(name): round(float(value), 2) for name, value in ranks.mean().sort_values().items()}


def show(rows: list[Row]) -> None:
    """Print a row per table and system, and the mean ranks."""
    grid = Grid("table", "system", "score", "fit s", "size", "1 row ms", "1000 rows ms")
    for row in rows:
        if row.get("score") is None:
            grid.add_row(row["table"], row["system"], f"failed: {row.get('error')}")
            continue
        seconds = row.get("fit_s", row["wall_s"])
        grid.add_row(
            row["table"], row["system"], f"{row['score']:.4f}", f"{seconds:.0f}", format_size(row["size"]),
            f"{row['latency_1_ms']:.3f}", f"{row['latency_1000_ms']:.2f}",
        )  # fmt: skip
    console = Console(width=120)
    console.print(grid)
    if len({row["system"] for row in rows}) > 1:
        console.print("mean rank:", mean_ranks(rows))
        console.print(pd.DataFrame(rows).pivot_table("score", "table", "system", ["mean", "std"]).round(4).to_string())
        ours = [row["latency_1_ms"] for row in rows if row["system"] == OURS]
        console.print(f"median latency of one row, this project: {statistics.median(ours):.3f} ms")


if __name__ == "__main__":
    main()
