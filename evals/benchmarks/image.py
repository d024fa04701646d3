"""Pictures, side by side with simple baselines: `python -m evals.benchmarks.image --budget 120`.

On the large sets this project splits off a fifth as the test; the baselines get the same split. On the `_few` sets it
gets twenty pictures a class and all others are the test: once with every family, pretrained ones included, once with
those that start from nothing.
Results: a table on stdout, and `image.json` in the work folder after every row (a broken-off run loses nothing).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table as Grid

from evals.benchmarks.ours import FROM_NOTHING, OURS, Row, run_ours
from evals.benchmarks.pictures import SETS, Pictures, PictureSet
from tools.core.units import format_size

BASELINES = ("logistic", "plain_cnn")
TRAINED_HERE = "cnn,cnn_cells,mlp,linear"
MOST_TESTED = 5000


def main() -> None:
    """Read the flags and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=float, default=120.0, help="seconds for every system on every set")
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=list(SETS))
    parser.add_argument("--systems", nargs="*", default=[OURS, FROM_NOTHING, *BASELINES])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=Path(".automl/bench"), help="packages, runs, results")
    given = parser.parse_args()
    work: Path = given.work.absolute()
    (work / "packages").mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    for name in given.sets:
        for row in _run_set(SETS[name], work, given.systems, given.budget, given.seed):
            rows.append(row)
            (work / "image.json").write_text(json.dumps({"budget_s": given.budget, "rows": rows}, indent=1))
        show([row for row in rows if row["set"] == name])
    show(rows)


def _run_set(item: PictureSet, work: Path, systems: list[str], budget: float, seed: int) -> list[Row]:
    folder = work / "pictures" / item.name
    folder.mkdir(parents=True, exist_ok=True)
    pictures = item.read(work / "packages")
    train, test = few_of_each(pictures, item.few, seed) if item.few else (pictures, None)
    save(folder / "all.npz", train)
    if test is not None:
        save(folder / "train.npz", train)
        save(folder / "test.npz", test)
    rows: list[Row] = []
    for system in (OURS, FROM_NOTHING):
        if system in systems and (system == OURS or item.few):
            words = ["--metric", "accuracy", *(["--families", TRAINED_HERE] if system == FROM_NOTHING else [])]
            run = run_ours(item.name, folder / "all.npz", work, budget, seed, *words)
            if test is None:
                for part in ("train", "test"):
                    save(folder / f"{part}.npz", _rows(pictures, run.splits[part]))
                accuracy = run.result["test"]["accuracy"]
            else:
                accuracy = run.accuracy(folder / "test.npz", test[1])
            rows.append({"set": item.name, "system": system, "accuracy": accuracy, **run.row})
    for system in BASELINES:
        if system in systems:
            rows.append({"set": item.name, "system": system, **_run_baseline(system, folder, budget)})
    return rows


def few_of_each(pictures: Pictures, n: int, seed: int) -> tuple[Pictures, Pictures]:
    """So many pictures of every class to learn from (and a quarter more for its own test), and others as the test."""
    labels = pictures[1]
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(labels))
    known = np.concatenate([order[labels[order] == label][: n + n // 4] for label in np.unique(labels)])
    others = np.setdiff1d(order, known, assume_unique=True)
    return _rows(pictures, known), _rows(pictures, generator.permutation(others)[:MOST_TESTED])


def save(path: Path, pictures: Pictures) -> None:
    """Write pictures as `.npz`."""
    np.savez(path, images=pictures[0], labels=pictures[1])


def _rows(pictures: Pictures, rows: np.ndarray) -> Pictures:
    return pictures[0][rows], pictures[1][rows]


def _run_baseline(system: str, folder: Path, budget: float) -> Row:
    script = Path(__file__).with_name("image_peer.py")
    files = [str(folder / "train.npz"), str(folder / "test.npz")]
    begun = time.time()
    done = subprocess.run(
        [sys.executable, str(script), system, *files, str(budget)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        return {"accuracy": None, "error": done.stderr.strip().splitlines()[-1:], "fit_s": time.time() - begun}
    row: Row = json.loads(done.stdout.strip().splitlines()[-1])
    return row


def show(rows: list[Row]) -> None:
    """Print a row per set and system."""
    grid = Grid("set", "system", "test accuracy", "fit s", "size", "what")
    for row in rows:
        if row["accuracy"] is None:
            grid.add_row(row["set"], row["system"], f"failed: {row['error']}")
            continue
        size = format_size(row["size"])
        grid.add_row(
            row["set"], row["system"], f"{row['accuracy']:.4f}", f"{row['fit_s']:.0f}", size, row.get("what", "")
        )
    Console(width=140).print(grid)


if __name__ == "__main__":
    main()
