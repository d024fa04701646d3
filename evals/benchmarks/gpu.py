"""One search per kind of data on a GPU and, beside it, on one CPU core: `python -m evals.benchmarks.gpu --budget 30`.

The engine alone is run (no language model, no history, no page), with the neural families of each kind of data, the
same seed and the same seconds. Per run: trials per minute of searching, the score on the test rows, and of the GPU the
mean utilisation and the largest memory, read from `nvidia-smi` twice a second.

`--prepare` only writes the data into the work folder, for a machine that cannot fetch it. Results: a table on stdout,
and `gpu.json` in the work folder.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ONE_CORE = "one CPU core"
FOLDER = "gpu"
PICTURES = 20_000


@dataclass(frozen=True)
class Work:
    """A data set's file, and the families that are searched on it."""

    file: str
    families: tuple[str, ...]


WORKS = {
    "tabular": Work("diamonds.csv", ("mlp", "realmlp", "tabm", "tabular_resnet", "ft_transformer")),
    "image": Work("clothing.npz", ("cnn", "cnn_cells")),
    "text": Work("tweets.csv", ("text_cnn", "text_gru", "text_transformer")),
    "generation": Work("shakespeare.txt", ("char_gru", "char_gpt")),
}


class Counting:
    """A sink that keeps the trials and the last of every field."""

    def __init__(self) -> None:
        self.trials: list[Any] = []
        self.fields: dict[str, Any] = {}

    def progress(self, phase: Any, metrics: Any) -> None:
        """Not needed."""

    def step(self, step: Any) -> None:
        """Not needed."""

    def trial(self, trial: Any) -> None:
        """Keep it."""
        self.trials.append(trial)

    def message(self, text: str) -> None:
        """For whoever watches."""
        print(text, file=sys.stderr)

    def update(self, **fields: Any) -> None:
        """Keep them."""
        self.fields |= fields

    def cancelled(self) -> bool:
        """Never."""
        return False


def main() -> None:
    """Read the flags and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prepare", action="store_true", help="write the data and stop")
    parser.add_argument("--budget", type=float, default=30.0, help="seconds for each run")
    parser.add_argument("--only", nargs="*", choices=list(WORKS), default=list(WORKS))
    parser.add_argument("--on", nargs="*", choices=("gpu", "core"), default=["gpu", "core"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=Path(".automl/bench"))
    parser.add_argument("--inside", choices=list(WORKS), help=argparse.SUPPRESS)
    given = parser.parse_args()
    folder: Path = given.work.absolute() / FOLDER
    if given.prepare:
        prepare(given.work.absolute(), given.only)
    elif given.inside:
        print(json.dumps(search(given.inside, folder, given.budget, given.seed)))
    else:
        rows = []
        for name in given.only:
            rows += measure(name, given.on, given.work.absolute(), given.budget, given.seed)
        (given.work / "gpu.json").write_text(json.dumps({"budget_s": given.budget, "rows": rows}, indent=1))
        show(rows)


def prepare(work: Path, names: list[str]) -> None:
    """Write the data of these kinds into the work folder, from the packages that ship it."""
    from evals.benchmarks import generation, image, pictures, tables, texts

    packages, folder = work / "packages", work / FOLDER
    for each in (packages, folder):
        each.mkdir(parents=True, exist_ok=True)
    tables.install_packages(packages)
    for name in names:
        target = folder / WORKS[name].file
        if name == "tabular":
            tables.TABLES["diamonds"].read(packages).to_csv(target, index=False)
        elif name == "image":
            images, labels = pictures.SETS["clothing"].read(packages)
            image.save(target, (images[:PICTURES], labels[:PICTURES]))
        elif name == "text":
            texts.SETS["tweets"].read(packages).to_csv(target, index=False)
        else:
            target.write_text(generation.corpus(work).read_text(encoding="utf-8"), encoding="utf-8")


def measure(name: str, places: list[str], work: Path, budget: float, seed: int) -> list[dict[str, Any]]:
    """Search on the GPU and on one core at the same time; a row for each."""
    cores = sorted(os.sched_getaffinity(0))
    base = [sys.executable, "-m", "evals.benchmarks.gpu", "--inside", name, "--work", str(work)]
    base += ["--budget", str(budget), "--seed", str(seed)]
    runs = {}
    for place in places:
        own = cores[:1] if place == "core" else cores[1:] or cores
        hidden = {"CUDA_VISIBLE_DEVICES": ""} if place == "core" else {}
        command = ["taskset", "-c", ",".join(map(str, own)), *base]
        runs[place] = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **hidden})
    readings = watch(runs["gpu"]) if "gpu" in runs else []
    rows = []
    for place, run in runs.items():
        out, _ = run.communicate()
        if run.returncode:
            raise SystemExit(f"The run of {name} on {place} failed.")
        row = json.loads(out.splitlines()[-1])
        if place == "gpu" and readings:
            row["utilisation"] = statistics.mean(reading[0] for reading in readings)
            row["memory_mib"] = max(reading[1] for reading in readings)
        rows.append(row)
    return rows


def watch(run: subprocess.Popen[str]) -> list[tuple[float, float]]:
    """(utilisation in %, memory in MiB) of the first GPU, twice a second until the run ends."""
    query = ["nvidia-smi", "--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits", "-i", "0"]
    readings = []
    while run.poll() is None:
        try:
            line = subprocess.run(query, capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError):
            break
        used, memory = line.split(",")
        readings.append((float(used), float(memory)))
        time.sleep(0.5)
    return readings


def search(name: str, folder: Path, budget: float, seed: int) -> dict[str, Any]:
    """Run the engine in this process (and its workers); what it found."""
    import torch

    from tools.core.config import SearchSpec
    from tools.core.records import ExperimentPlan, Limits
    from tools.engine.experiment import run_experiment

    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else ONE_CORE
    sink, work = Counting(), WORKS[name]
    plan = ExperimentPlan(
        dataset=str(folder / work.file), families=work.families, limits=Limits(time_s=budget),
        search=SearchSpec(max_trials=100_000), seed=seed, ensemble=False,
    )  # fmt: skip
    started = time.time()
    run_experiment(plan, folder / "runs" / f"{name}-{os.getpid()}", sink, started)
    done = [trial for trial in sink.trials if trial.status in ("completed", "pruned")]
    failed = [f"{trial.status}: {trial.error.message}" for trial in sink.trials if trial.error is not None]
    return {
        "data": name, "device": device, "trials": len(done), "failed": failed,
        "trials_per_minute": 60 * len(done) / max(sink.fields["phases"].get("search", 0.0), 1e-9),
        "metric": sink.fields["metric"], "test": (sink.fields.get("test") or {}).get(sink.fields["metric"]),
        "best": str(sink.fields["best"].model_architecture) if sink.fields.get("best") else "",
        "trial_gpu_bytes": max((trial.resources.gpu_memory or 0 for trial in done), default=0),
        "wall_s": round(time.time() - started, 2),
    }  # fmt: skip


def show(rows: list[dict[str, Any]]) -> None:
    """One line per run."""
    print(f"{'data':12}{'device':24}{'trials/min':>11}{'score':>9}  {'best':18}{'GPU %':>6}{'GPU MiB':>9}")
    for row in rows:
        used = f"{row['utilisation']:6.0f}{row['memory_mib']:9.0f}" if "utilisation" in row else ""
        score = "" if row["test"] is None else f"{row['test']:.4f}"
        begun = f"{row['data']:12}{row['device'][:23]:24}{row['trials_per_minute']:11.1f}"
        print(f"{begun}{score:>9}  {row['best'][:17]:18}{used}")


if __name__ == "__main__":
    main()
