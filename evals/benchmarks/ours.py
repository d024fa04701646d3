"""This project's side of a benchmark: its command line, run as a user runs it, and what that delivered."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

OURS = "automl_agent"
FROM_NOTHING = "automl_agent_without_transfer"
Row = dict[str, Any]


@dataclass(frozen=True)
class Delivered:
    """What a run printed, and how long it took from outside, s."""

    result: dict[str, Any]
    wall_s: float

    @property
    def bundle(self) -> Path:
        """The bundle's folder."""
        return Path(self.result["bundle"])

    @property
    def splits(self) -> dict[str, np.ndarray]:
        """The rows of every part, by name."""
        return dict(np.load(self.bundle.parent / "splits.npz"))

    @property
    def row(self) -> Row:
        """What every table of results tells of it."""
        from tools.engine.export.bundle import Bundle

        best = Bundle.open(self.bundle).metadata["record"]["best"]
        return {
            "fit_s": self.result["wall_s"], "size": Path(self.result["onnx"]).stat().st_size,
            "what": str(best["model_architecture"]), "trials": self.result["trials"],
        }  # fmt: skip

    def accuracy(self, file: Path, truth: pd.Series | np.ndarray) -> float:
        """Accuracy of the delivered model on the examples of another file."""
        from tools.engine.export.bundle import Bundle
        from tools.engine.export.predictor import predict_source

        predicted = predict_source(Bundle.open(self.bundle), str(file))["prediction"].astype(str).to_numpy()
        return float((predicted == np.asarray(truth).astype(str)).mean())


def run_ours(name: str, dataset: Path, work: Path, budget: float, seed: int, *words: str) -> Delivered:
    """Run `automl-agent run`, with its history below `work`.

    Args:
        name: Of the set, for messages.
        dataset: The file.
        work: Where everything of the benchmark lies.
        budget: Seconds.
        seed: For every random choice.
        words: Further arguments.

    Raises:
        SystemExit: it delivered nothing.
    """
    command = [
        sys.executable, "-m", "ui.cli", "--home", str(work / "home"), "run", "--dataset", str(dataset),
        "--time", str(budget), "--seed", str(seed), "--json", *words,
    ]  # fmt: skip
    begun = time.time()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wall_s = time.time() - begun
    result = json.loads(done.stdout)
    if result.get("error"):
        raise SystemExit(f"{name}: {result['error']['message']}")
    return Delivered(result, wall_s)
