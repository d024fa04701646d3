"""Running a doubtful model file in a process of its own: a crash there is an answer, here it would be the end.

`python -m tools.engine.export.proof MODEL FEED OUT OUTPUT` is the inside; `prove` is the outside.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tools.engine.export.measure import measure
from tools.engine.export.runtime import open_session, run_session

TIME_LIMIT_S = 120.0
ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Proof:
    """What came of running a file.

    Attributes:
        outputs: Output name -> array; empty when it failed.
        latency_ms: Median of one row.
        problem: In words; "" when it ran.
    """

    outputs: dict[str, np.ndarray]
    latency_ms: float
    problem: str = ""


def prove(model: Path, feed: dict[str, np.ndarray], output: str) -> Proof:
    """Load the file, run every row of the feed, and time one, in a child process.

    Args:
        model: The file.
        feed: Inputs, name -> array.
        output: The output wanted.
    """
    with TemporaryDirectory() as folder:
        given, written = Path(folder) / "feed.npz", Path(folder) / "out.npz"
        # Names go apart from the values: a column may be called "file", which is np.savez's own argument.
        names = np.array(list(feed), dtype=str)
        values = {
            f"v{i}": array.astype(str) if array.dtype == object else array for i, array in enumerate(feed.values())
        }
        np.savez(given, names=names, **values)  # type: ignore[arg-type]
        command = [sys.executable, "-m", "tools.engine.export.proof", str(model), str(given), str(written), output]
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        try:
            child = subprocess.run(
                command,
                env={**os.environ, "PYTHONPATH": path},
                capture_output=True,
                text=True,
                timeout=TIME_LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Proof({}, float("nan"), f"it ran longer than {TIME_LIMIT_S:.0f} s")
        if child.returncode < 0:
            return Proof({}, float("nan"), f"onnxruntime crashed on it (signal {-child.returncode})")
        if child.returncode or not written.is_file():
            said = child.stderr.strip().splitlines()
            return Proof({}, float("nan"), f"onnxruntime refused it: {said[-1][:200] if said else 'no reason given'}")
        with np.load(written) as found:
            return Proof({output: found["value"]}, float(found["latency_ms"]))


def _main(model: str, given: str, written: str, output: str) -> None:
    with np.load(given) as stored:
        arrays = [stored[f"v{i}"] for i in range(len(stored["names"]))]
        names = [str(name) for name in stored["names"]]
    feed = {
        name: array.astype(object) if array.dtype.kind == "U" else array
        for name, array in zip(names, arrays, strict=True)
    }
    value = run_session(open_session(Path(model)), feed, [output])[output]
    # The better of two: another process may have taken the core during one of them.
    latency = min(measure(Path(model), feed).latency_ms for _ in range(2))
    np.savez(written, value=value, latency_ms=np.array(latency))


if __name__ == "__main__":
    _main(*sys.argv[1:])
