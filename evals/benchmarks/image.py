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
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table as Grid

from evals.benchmarks.pictures import SETS, Pictures, PictureSet
from tools.core.units import format_size

OURS = "automl_agent"
FROM_NOTHING = "automl_agent_without_transfer"
BASELINES = ("logistic", "plain_cnn")
MOST_TESTED = 5000
Row = dict[str, Any]


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
    rows: list[Row] = []
    for system in (OURS, FROM_NOTHING):
        if system in systems and (system == OURS or item.few):
            row, split = _run_ours(system, folder, test, work, budget, seed)
            rows.append({"set": item.name, **row})
            if test is None:
                save(folder / "train.npz", _rows(pictures, split["train"]))
                save(folder / "test.npz", _rows(pictures, split["test"]))
    if test is not None:
        save(folder / "train.npz", train)
        save(folder / "test.npz", test)
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


def _run_ours(
    system: str, folder: Path, test: Pictures | None, work: Path, budget: float, seed: int
) -> tuple[Row, dict[str, np.ndarray]]:
    command = [
        sys.executable, "-m", "ui.cli", "--home", str(work / "home"), "run", "--dataset", str(folder / "all.npz"),
        "--metric", "accuracy", "--time", str(budget), "--seed", str(seed), "--json",
    ]  # fmt: skip
    if system == FROM_NOTHING:
        command += ["--families", "cnn,cnn_cells,mlp,linear"]
    result = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    if result.get("error"):
        raise SystemExit(f"{folder.name}: {result['error']['message']}")
    accuracy = result["test"]["accuracy"] if test is None else _accuracy(Path(result["bundle"]), folder, test)
    row = {
        "system": system, "accuracy": accuracy, "fit_s": result["wall_s"], "size": Path(result["onnx"]).stat().st_size,
        "what": _model(Path(result["bundle"])), "trials": result["trials"],
    }  # fmt: skip
    return row, dict(np.load(Path(result["bundle"]).parent / "splits.npz"))


def _model(bundle: Path) -> str:
    """What was delivered, in the words of the bundle's own record."""
    from tools.engine.export.bundle import Bundle

    return str(Bundle.open(bundle).metadata["record"]["best"]["model_architecture"])


def _accuracy(bundle: Path, folder: Path, test: Pictures) -> float:
    from tools.engine.export.bundle import Bundle
    from tools.engine.export.predictor import predict_source

    save(folder / "test.npz", test)
    predicted = predict_source(Bundle.open(bundle), str(folder / "test.npz"))["prediction"]
    return float((predicted.astype(str).to_numpy() == test[1].astype(str)).mean())


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
