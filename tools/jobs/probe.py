"""What it takes to run a model file: `python -m tools.jobs.probe ANSWER`, the task as JSON on standard input.

It imports nothing but onnxruntime and numpy until the memory is read, so that the number is that of a small program
which serves the model, and not that of this one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

RUNS = 20


def main() -> None:
    """Load and run the model; write {"result": {size_bytes, latency_ms, process_memory, model_memory}} (bytes, ms)."""
    task = json.load(sys.stdin)
    import onnxruntime

    feed = {entry["name"]: typical(entry) for entry in task["inputs"]}
    before = _peak()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(task["model"], options, providers=["CPUExecutionProvider"])
    for _ in range(RUNS):
        session.run(None, feed)
    after = _peak()
    from tools.engine.export.measure import measure

    measured = measure(Path(task["model"]), feed)
    result = {
        "size_bytes": measured.size_bytes,
        "latency_ms": measured.latency_ms,
        "process_memory": after,
        "model_memory": after - before,
    }
    Path(sys.argv[1]).write_text(json.dumps({"result": result}))


def typical(entry: dict[str, Any]) -> Any:
    """One row of an input that a bundle's metadata describes."""
    import numpy as np

    shape = [1, *(int(size) if size else 64 for size in entry["shape"][1:])]
    if entry["kind"] == "number":
        return np.full(shape, entry.get("typical", 0.0), dtype=np.float32)
    if entry["kind"] == "category":
        return np.full(shape, str(entry.get("typical", "")), dtype=object)
    if entry["kind"] == "pixels":
        return np.zeros(shape, dtype=np.uint8)
    return np.ones(shape, dtype=np.int64)


def _peak() -> int:
    """Most memory this program has held, bytes.

    Not `getrusage`: its maximum begins with the size of the program that started this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    import psutil

    return int(psutil.Process().memory_info().rss)


if __name__ == "__main__":
    main()
