"""What a model costs: bytes of its file, and the time of one row on one core."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tools.engine.export.runtime import answers, content_of, open_session, take

if TYPE_CHECKING:
    from tools.engine.export.runtime import Model

WARM_UPS = 3
BUDGET_S = 0.05
MOST_RUNS = 500
FEWEST_RUNS = 5


@dataclass(frozen=True)
class Measurement:
    """What was measured.

    Attributes:
        size_bytes: Bytes of the serialised graph.
        latency_ms: Median time of one row, one thread, after a warm-up, in ms.
    """

    size_bytes: int
    latency_ms: float


def measure(model: Model, feed: dict[str, np.ndarray]) -> Measurement:
    """Measure a graph on the CPU; takes about 50 ms beside loading it.

    The median of single calls is used: a mean is moved by the scheduler, a minimum is seen by nobody.

    Args:
        model: The graph, its bytes, or its path.
        feed: Inputs; only the first row is used.
    """
    content = content_of(model)
    session = open_session(content)
    known = {entry.name for entry in session.get_inputs()}
    row = take({name: array for name, array in feed.items() if name in known}, slice(0, 1))
    names = answers(session)
    for _ in range(WARM_UPS):
        session.run(names, row)
    times: list[float] = []
    end = time.perf_counter() + BUDGET_S
    while len(times) < FEWEST_RUNS or (len(times) < MOST_RUNS and time.perf_counter() < end):
        start = time.perf_counter()
        session.run(names, row)
        times.append(time.perf_counter() - start)
    return Measurement(len(content), float(np.median(times)) * 1e3)
