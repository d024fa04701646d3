"""Measure configurations on development tables and choose the portfolio: `python -m evals.portfolio`.

Every family's defaults, and variations of them drawn at random, are trained on the search's own division of each table
(none of them is in the benchmark). Then the portfolio is built greedily: the next entry is the one that lowers the mean
normalised regret most for its processor time.
Measurements go to `portfolio.jsonl` in the work folder as they come, so a broken-off run goes on where it was; the
choice is written to `tools/engine/search/portfolio.json`.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evals.benchmarks.tables import DEVELOPMENT, Table, install_packages
from tools.engine.search.portfolio import FILE, Entry
from tools.engine.search.space import Space

VARIATIONS = {"forest": 3, "boosting": 8, "realmlp": 6, "tabm": 3}
"""How many variations of a family's first default are tried; only its defaults where it is not named."""
DEADLINE_S = 60.0
MOST_ENTRIES = 12
LEAST_GAIN = 0.002
OF_THE_TABLE = frozenset({"batch_size", "categories"})
"""Parameters that follow from a table's size or columns: variations leave them as the defaults have them."""
Row = dict[str, Any]


def main() -> None:
    """Read the flags, measure what is missing, choose."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path(".automl/bench"), help="packages and measurements")
    parser.add_argument("--tables", nargs="*", default=list(DEVELOPMENT), choices=list(DEVELOPMENT))
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--choose-only", action="store_true", help="from the measurements there are")
    given = parser.parse_args()
    work: Path = given.work.absolute()
    install_packages(work / "packages")
    if not given.choose_only:
        with multiprocessing.get_context("spawn").Pool(given.processes, maxtasksperchild=1) as pool:
            list(pool.imap_unordered(_measure_table, [(name, work) for name in given.tables]))
    rows = _read(work / "portfolio.jsonl")
    entries = {f"tabular-{kind}": choose([row for row in rows if row["kind"] == kind]) for kind in kinds(rows)}
    tables = sorted({row["table"] for row in rows})
    found = {key: [asdict(entry) for entry in chosen] for key, chosen in entries.items()}
    written = {"made_by": "python -m evals.portfolio", "tables": tables, "entries": found}
    FILE.write_text(json.dumps(written, indent=1) + "\n")
    print(FILE.read_text())


def kinds(rows: Iterable[Row]) -> list[str]:
    """Kinds of task among the measurements."""
    return sorted({row["kind"] for row in rows})


def choose(rows: list[Row]) -> list[Entry]:
    """Greedy choice: each next entry has the largest fall of mean regret per second of mean training time.

    Regret is normalised per table: 0 for the best configuration measured there, 1 for the median one.
    """
    regret: dict[str, dict[str, float]] = defaultdict(dict)
    seconds: dict[str, list[float]] = defaultdict(list)
    for _, group in pd.DataFrame(rows).groupby("table"):
        best, median = group["score"].max(), group["score"].median()
        for row in group.to_dict("records"):
            lag = (best - row["score"]) / max(best - median, 1e-9)
            regret[row["entry"]][row["table"]] = 1.0 if math.isnan(lag) else min(1.0, lag)
            seconds[row["entry"]].append(row["cpu_s"])
    tables = sorted({row["table"] for row in rows})
    left = {entry: np.array([known.get(table, 1.0) for table in tables]) for entry, known in regret.items()}
    chosen: list[str] = []
    reached = np.ones(len(tables))
    while left and len(chosen) < MOST_ENTRIES:
        gains = {entry: float((reached - np.minimum(reached, lags)).mean()) for entry, lags in left.items()}
        worth = {entry: gain / (0.5 + np.mean(seconds[entry])) for entry, gain in gains.items() if gain >= LEAST_GAIN}
        if not worth:
            break
        entry = max(worth, key=lambda name: worth[name])
        reached = np.minimum(reached, left.pop(entry))
        chosen.append(entry)
        print(f"{len(chosen):2d} regret {reached.mean():.3f} {np.mean(seconds[entry]):5.1f} s  {entry}")
    return [Entry(**json.loads(entry)) for entry in chosen]


def _measure_table(job: tuple[str, Path]) -> None:
    """Train every candidate on one table and write down what each reached."""
    import torch

    from tools.core.config import ValidationSpec
    from tools.core.records import ExperimentPlan
    from tools.engine.execution.messages import Assignment, Finished
    from tools.engine.execution.trial import Control
    from tools.engine.execution.worker import Trainer, WorkerSetup
    from tools.engine.search.prepare import maximizes, prepare, read_source
    from tools.engine.search.setup import choose_space

    name, work = job
    torch.set_num_threads(1)
    table = DEVELOPMENT[name]
    folder = work / "portfolio" / name
    plan = ExperimentPlan(
        dataset=str(_write(table, work, folder)), target=table.target, task=table.kind, metric=table.metric,
        validation=ValidationSpec(),
    )  # fmt: skip
    prepared = prepare(read_source(plan), folder / "cache")
    space = choose_space(plan, prepared)
    trainer = Trainer(WorkerSetup())
    known = {row["entry"] for row in _read(work / "portfolio.jsonl") if row["table"] == name}
    for number, entry in enumerate(candidates(space)):
        params, key = entry.within(space), json.dumps(asdict(entry), sort_keys=True)
        if params is None or key in known:
            continue
        ended: list[Any] = []
        assignment = Assignment(
            trial=number, family=entry.family, params=params, folds=prepared.files[:1], metric=table.metric,
            maximize=maximizes(prepared.source.task), seed=0, deadline=time.time() + DEADLINE_S,
        )  # fmt: skip
        trainer.run(assignment, Control(), ended.append)
        if isinstance(ended[-1], Finished):
            scored = {"score": ended[-1].score, "cpu_s": ended[-1].usage.cpu_s}
            row = {"table": name, "kind": table.kind, "entry": key, **scored}
            with (work / "portfolio.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


def candidates(space: Space) -> list[Entry]:
    """Defaults of every family, then variations of the first one: half of its parameters are drawn at random.

    The same variations come out for every table.
    """
    found = [Entry(name, index) for name in space.families for index in range(len(space.defaults(name)))]
    for name, count in VARIATIONS.items():
        known = space.dimensions(name)
        dimensions = [known[key] for key in sorted(known.keys() - OF_THE_TABLE)]
        rng = np.random.default_rng(0)
        for _ in range(count):
            drawn = {dimension.name: (rng.random(), dimension.at(rng.random())) for dimension in dimensions}
            found.append(Entry(name, 0, {key: value for key, (coin, value) in drawn.items() if coin < 0.5}))
    return found


def _write(table: Table, work: Path, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    frame = table.read(work / "packages")
    frame = frame[frame[table.target].notna()]
    frame.to_csv(folder / "all.csv", index=False)
    return folder / "all.csv"


def _read(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


if __name__ == "__main__":
    main()
