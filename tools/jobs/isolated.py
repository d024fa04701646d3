"""Work that may crash its process is done in one of its own: `python -m tools.jobs.isolated` (JSON in, JSON out)."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from tools.core.errors import AutoMLError, ResourceError, from_dict
from tools.core.records import ExperimentRecord
from tools.jobs import processes
from tools.tracking.files import dump, read_json


def convert(
    record: ExperimentRecord, format: str, precision: str, max_accuracy_drop: float, out: Path
) -> dict[str, Any]:
    """`tools.engine.export.convert.convert` in a process of its own.

    Raises:
        AutoMLError: what the conversion says, or that it crashed.
    """
    task = {
        "work": "convert",
        "record": record.model_dump(mode="json"),
        "format": format,
        "precision": precision,
        "max_accuracy_drop": max_accuracy_drop,
        "out": str(out),
    }
    return _run(task, "The conversion", timeout_s=600)


def probe(model: Path, inputs: list[dict[str, Any]]) -> dict[str, Any]:
    """Size, speed and memory of a model file, measured in a process that does nothing else; see `tools.jobs.probe`.

    Raises:
        AutoMLError: the model cannot be run.
    """
    return _run({"work": "probe", "model": str(model), "inputs": inputs}, "The measurement", timeout_s=120)


def _run(task: dict[str, Any], title: str, timeout_s: float) -> dict[str, Any]:
    module = "tools.jobs.probe" if task["work"] == "probe" else "tools.jobs.isolated"
    with TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        command = processes.python("-m", module, str(answer))
        try:
            ended = subprocess.run(command, input=dump(task), capture_output=True, timeout=timeout_s, check=False)
        except subprocess.TimeoutExpired:
            raise ResourceError(f"{title} took longer than {timeout_s:.0f} s.", hint="Try a smaller model.") from None
        said = read_json(answer)
    if said is None:
        how = _how(ended.returncode)
        raise ResourceError(
            f"{title} ended without a result ({how}).",
            details={"log": ended.stderr.decode(errors="replace")[-2000:]},
            hint="Try another precision, or a machine with more memory.",
        )
    if "error" in said:
        raise from_dict(said["error"])
    result: dict[str, Any] = said["result"]
    return result


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"stopped by {signal.Signals(-code).name}"
    except ValueError:
        return f"stopped by signal {-code}"


def _converted(task: dict[str, Any]) -> dict[str, Any]:
    from tools.engine.export.convert import convert as work

    record = ExperimentRecord.model_validate(task["record"])
    return work(record, task["format"], task["precision"], task["max_accuracy_drop"], Path(task["out"]))


_WORK: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {"convert": _converted}


def main() -> None:
    """Do the work told on standard input; write the answer to the file that is the only argument."""
    task = json.load(sys.stdin)
    try:
        answer: dict[str, Any] = {"result": _WORK[task["work"]](task)}
    except AutoMLError as error:
        answer = {"error": error.as_dict()}
    Path(sys.argv[1]).write_bytes(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY))


if __name__ == "__main__":
    main()
