"""Running ONNX graphs on the CPU: one place that knows how sessions are opened, fed and how they fail."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from typing import TypeAlias

    import onnx

    Model: TypeAlias = onnx.ModelProto | bytes | Path

PAST, PRESENT = "past", "present"
"""How the names of a text generator's memory begin, fed and given back; see `memory`."""
CHUNK_ROWS = 256
"""Rows fed at once: bounds the memory of wide activations and costs nothing in speed."""


@functools.cache
def missing_packages() -> tuple[str, ...]:
    """What exporting and running graphs needs and is not installed: a bare GPU machine may only search and train."""
    needed = ("onnx", "onnxruntime", "onnxscript")
    return tuple(name for name in needed if importlib.util.find_spec(name) is None)


@functools.cache
def runtime_errors() -> tuple[type[Exception], ...]:
    """Every exception class that onnxruntime raises (they share no base but `Exception`)."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    kinds = [value for value in vars(state).values() if isinstance(value, type) and issubclass(value, Exception)]
    return (*kinds, ValueError, RuntimeError)


def open_session(model: Model, threads: int = 1) -> Any:
    """An onnxruntime session on the CPU.

    Args:
        model: The graph, its bytes, or the path of the file.
        threads: Threads inside one operator; idle ones sleep, so that several sessions can share the cores.

    Raises:
        onnxruntime's own errors (`runtime_errors`): the graph is not valid or holds an unknown operator.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # failures arrive as exceptions; constant-folding remarks help nobody
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(content_of(model), options, providers=["CPUExecutionProvider"])


def content_of(model: Model) -> bytes:
    """The serialised form of a model, however it is given."""
    if isinstance(model, bytes):
        return model
    return model.read_bytes() if isinstance(model, Path) else bytes(model.SerializeToString())


def n_rows(feed: dict[str, np.ndarray]) -> int:
    """Examples in a feed: the length of its first axis."""
    return len(next(iter(feed.values()))) if feed else 0


def take(feed: dict[str, np.ndarray], rows: np.ndarray | slice) -> dict[str, np.ndarray]:
    """The examples of a feed at `rows`."""
    return {name: array[rows] for name, array in feed.items()}


def repeat_to(feed: dict[str, np.ndarray], n: int) -> dict[str, np.ndarray]:
    """Exactly `n` examples of a feed; starts over at the first one when there are fewer."""
    return take(feed, np.arange(n) % max(1, n_rows(feed)))


def answers(session: Any) -> list[str]:
    """Names of a graph's outputs but for what a text generator keeps of its tokens."""
    return [output.name for output in session.get_outputs() if not output.name.startswith(PRESENT)]


def run_session(session: Any, feed: dict[str, np.ndarray], outputs: list[str] | None = None) -> dict[str, np.ndarray]:
    """Run the whole feed, a chunk of rows at a time.

    Args:
        session: From `open_session`.
        feed: Input name -> array with the example as first axis; names the graph does not have are left out.
        outputs: Names wanted; None is all `answers`.

    Returns:
        Output name -> array with the example as first axis.
    """
    names = outputs or answers(session)
    known = {entry.name for entry in (*session.get_inputs(), *session.get_overridable_initializers())}
    feed = {name: array for name, array in feed.items() if name in known}
    starts = range(0, max(n_rows(feed), 1), CHUNK_ROWS)
    parts = [session.run(names, take(feed, slice(start, start + CHUNK_ROWS))) for start in starts]
    return {name: np.concatenate([part[i] for part in parts]) for i, name in enumerate(names)}
