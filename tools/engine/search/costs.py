"""How a configuration's cost is measured: the untrained model is exported and run beside the data's preprocessing."""

from __future__ import annotations

import logging

from tools.core.errors import AutoMLError, ResourceError
from tools.engine.data.modality import Encoder
from tools.engine.export.graph import core_graph
from tools.engine.export.measure import Measurement, measure
from tools.engine.export.runtime import missing_packages
from tools.engine.families.family import Params
from tools.engine.search.feasibility import Cost, MeasureCost
from tools.engine.search.prepare import Prepared
from tools.engine.search.space import Space
from tools.engine.training.learner import FitContext

log = logging.getLogger(__name__)
EXTRA_BYTES = 2_000  # outputs, names and metadata of the finished file


def make_measure(space: Space, encoder: Encoder, prepared: Prepared) -> MeasureCost:
    """The function that measures an untrained model: core and preprocessing, bytes and ms for one row.

    The preprocessing is the same for every model, so it is measured once, when first needed.
    """
    around: list[Measurement] = []

    def cost(family: str, params: Params) -> Cost:
        check_exporter()
        if not around:
            around.append(_preprocessing(encoder, prepared))
        learner = space.families[family].learner(params, space.spec, None, None, FitContext())
        core = measure(core_graph(learner, prepared.example), prepared.example)
        return Cost(core.size_bytes + around[0].size_bytes + EXTRA_BYTES, core.latency_ms + around[0].latency_ms)

    return cost


def check_exporter() -> None:
    """See that models can be exported here.

    Raises:
        ResourceError: packages are missing; with their names.
    """
    missing = missing_packages()
    if missing:
        raise ResourceError(
            f"The size and latency of a model cannot be measured without the packages {', '.join(missing)}.",
            hint=f"Run: pip install {' '.join(missing)}",
        )


def _preprocessing(encoder: Encoder, prepared: Prepared) -> Measurement:
    try:
        graph = encoder.graph()
    except AutoMLError as error:
        log.warning("The preprocessing could not be measured: %s", error)
        graph = None
    if graph is None:
        return Measurement(0, 0.0)
    raw = encoder.raw_inputs(prepared.source.dataset, prepared.full.rows[:1])
    return measure(graph, raw)
