"""Whether a configuration can meet the size and latency limits, measured before it is trained.

The untrained model is exported and run; its structure alone decides what it costs, so each structure is measured once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np

from tools.core.errors import AutoMLError, ResourceError
from tools.core.records import Limits
from tools.core.units import format_size
from tools.engine.export.parity import BATCHES
from tools.engine.families.family import Params
from tools.engine.search.space import Dimension, Space

SIZE_MARGIN = 0.98  # labels and names in the finished file
LATENCY_MARGIN = 0.85  # a median measured twice differs by some percent
SMALLEST_TRIES = 24
LOW_TRIES = 3
"""Draws at the low end of a family; the later ones are larger, and differ in the choices that have no order."""
HOPELESS = 1.0
"""A limit exceeded by this share at the low end: no other choice makes up for that."""
UNKNOWN_EXPORT_S = 0.3
SHRINK_STEPS = (0.7, 0.4, 0.2, 0.0)


@dataclass(frozen=True)
class Cost:
    """What a structure costs when exported: bytes, and ms for one row."""

    size_bytes: int
    latency_ms: float


MeasureCost = Callable[[str, Params], Cost]


@dataclass
class Feasibility:
    """Judges configurations against the limits, and remembers what it measured.

    Attributes:
        space: What is searched.
        limits: The experiment's limits.
        measure: Exports and measures an untrained model.
        costs: What was measured, by structure.
        measured_s: How long each measurement took, by family.
    """

    space: Space
    limits: Limits
    measure: MeasureCost
    costs: dict[tuple[Any, ...], Cost] = field(default_factory=dict)
    measured_s: dict[str, list[float]] = field(default_factory=dict)

    @property
    def limited(self) -> bool:
        """Whether there is a limit to check at all."""
        return self.limits.max_model_size is not None or self.limits.max_latency_ms is not None

    def cost(self, family: str, params: Params) -> Cost:
        """Size and latency of a structure, measured once.

        Raises:
            AutoMLError: the model cannot be built or exported.
        """
        key = self.space.structure(family, params)
        if key not in self.costs:
            started = time.perf_counter()
            self.costs[key] = self.measure(family, params)
            # The first measurement also loads the exporter and the runtime.
            share = 1.0 if self.measured_s else 0.3
            self.measured_s.setdefault(family, []).append(share * (time.perf_counter() - started))
        return self.costs[key]

    def export_s(self, families: Collection[str] = ()) -> float:
        """Seconds that exporting and measuring one more model of these families (default: of any) may take."""
        known = {name: median(seconds) for name, seconds in self.measured_s.items()}
        named = [known[name] for name in families if name in known]
        return max(named or known.values(), default=UNKNOWN_EXPORT_S)

    def finish_s(self, n_test: int, families: Collection[str] = ()) -> float | None:
        """Seconds that exporting, checking and scoring the delivered model may take; None when nothing was measured.

        Args:
            n_test: Examples the exported file is scored on; alone each takes longer than it will in a batch.
            families: Those the delivered model may be of; default any.
        """
        if not self.measured_s:
            return None
        named = set(families) & set(self.measured_s) or set(self.measured_s)
        latency = max((cost.latency_ms for key, cost in self.costs.items() if key[0] in named), default=0.0)
        # The core is exported once more, composed, checked at three batch sizes, measured and loaded for scoring; the
        # check asks the trained model, too, and that is slower than the file.
        answered = n_test + 2 * sum(BATCHES)
        return 1.0 + 4.0 * self.export_s(named) + answered * latency / 1000.0

    def known_cost(self, family: str, params: Params) -> Cost | None:
        """The cost of a structure if it was measured already."""
        return self.costs.get(self.space.structure(family, params))

    def remember(self, family: str, params: Params, cost: Cost) -> None:
        """Take over a measurement of an earlier run."""
        self.costs.setdefault(self.space.structure(family, params), cost)

    def violations(self, cost: Cost) -> dict[str, float]:
        """Limit -> by which share it is exceeded; empty when the model fits."""
        found: dict[str, float] = {}
        if self.limits.max_model_size is not None:
            found["max_model_size"] = cost.size_bytes / (self.limits.max_model_size * SIZE_MARGIN) - 1.0
        if self.limits.max_latency_ms is not None:
            found["max_latency_ms"] = cost.latency_ms / (self.limits.max_latency_ms * LATENCY_MARGIN) - 1.0
        return {name: amount for name, amount in found.items() if amount > 0}

    def fits(self, family: str, params: Params) -> bool:
        """Whether the configuration meets the limits (a model that cannot be built does not)."""
        try:
            return not self.violations(self.cost(family, params))
        except AutoMLError:
            return False

    def shrink(self, family: str, params: Params) -> Params | None:
        """The largest fitting configuration between this one and the smallest of its family; None when none fits.

        Training settings stay; structural numbers go towards their low end.
        """
        for share in SHRINK_STEPS:
            smaller = self._towards_low(family, params, share)
            if self.fits(family, smaller):
                return smaller
        return None

    def smaller(self, family: str, params: Params) -> Params | None:
        """The same with half the structure; None when there is nothing left to halve."""
        halved = self._towards_low(family, params, 0.5)
        return halved if halved != params else None

    def smallest(self, deadline: float) -> list[tuple[str, Params]]:
        """For every family the smallest configuration found that fits.

        Args:
            deadline: `time.time()` at which looking for still smaller ones ends.

        Raises:
            ResourceError: none fits; the message names the least that is possible.
        """
        rng = np.random.default_rng(0)
        fitting: list[tuple[str, Params]] = []
        for name in self.space.families:
            best: tuple[float, Params] | None = None
            for attempt in range(SMALLEST_TRIES):
                if attempt and (time.time() > deadline or (best is not None and best[0] <= 0)):
                    break
                if attempt >= LOW_TRIES and best is not None and best[0] > HOPELESS:
                    break
                params = self._draw_small(name, attempt, rng)
                try:
                    excess = max(self.violations(self.cost(name, params)).values(), default=0.0)
                except AutoMLError:
                    continue
                if best is None or excess < best[0]:
                    best = (excess, params)
            if best is not None and best[0] <= 0:
                fitting.append((name, best[1]))
        if not fitting:
            raise self.impossible()
        return fitting

    def impossible(self) -> ResourceError:
        """The error that says what the nearest feasible limits are."""
        if not self.costs:
            return ResourceError(
                "No model of this search could be exported to be measured.", hint="Choose other families of models."
            )
        size = min(cost.size_bytes for cost in self.costs.values())
        latency = min(cost.latency_ms for cost in self.costs.values())
        parts, hints = [], []
        if self.limits.max_model_size is not None and size > self.limits.max_model_size * SIZE_MARGIN:
            parts.append(f"the smallest model takes {format_size(size)} of {format_size(self.limits.max_model_size)}")
            hints.append(f"a size of at least {format_size(_up(size / SIZE_MARGIN))}")
        if self.limits.max_latency_ms is not None and latency > self.limits.max_latency_ms * LATENCY_MARGIN:
            parts.append(f"the fastest takes {latency:.3g} ms per row of {self.limits.max_latency_ms:g} ms")
            hints.append(f"at least {_up(latency / LATENCY_MARGIN):.3g} ms per row")
        if not parts:
            parts, hints = ["no model is small and fast enough at once"], ["more of one of the two"]
        return ResourceError(
            f"No model can meet the limits: {' and '.join(parts)}.",
            details={"smallest_size_bytes": size, "lowest_latency_ms": latency},
            hint=f"Allow {' and '.join(hints)}.",
        )

    def _towards_low(self, family: str, params: Params, share: float) -> Params:
        structural = self.space.families[family].structure

        def choose(dimension: Dimension) -> Any:
            value = params.get(dimension.name, dimension.at(0.0))
            if dimension.name not in structural or not dimension.admits(value):
                return value if dimension.admits(value) else dimension.at(0.0)
            if dimension.choices:
                return _smaller_choice(dimension, value, share)
            return dimension.at(_position(dimension, float(value)) * share)

        return self.space.walk(family, choose)[0]

    def _draw_small(self, family: str, attempt: int, rng: np.random.Generator) -> Params:
        """All numbers at their low end; of choices first the first, then any (which is small cannot be known)."""
        defaults = self.space.defaults(family)
        start = defaults[0] if defaults else {}
        structural = self.space.families[family].structure

        def choose(dimension: Dimension) -> Any:
            if dimension.name not in structural:
                value = start.get(dimension.name)
                return value if value is not None and dimension.admits(value) else dimension.at(0.5)
            if dimension.choices and not _ordered(dimension):
                return dimension.choices[0 if attempt == 0 else int(rng.integers(len(dimension.choices)))]
            if dimension.choices:
                return min(dimension.choices) if attempt < 2 else dimension.at(float(rng.random()) ** 2)
            return dimension.at(0.0 if attempt < 2 else float(rng.random()) ** 2)

        return self.space.walk(family, choose)[0]


def _ordered(dimension: Dimension) -> bool:
    return all(isinstance(choice, int | float) and not isinstance(choice, bool) for choice in dimension.choices)


def _smaller_choice(dimension: Dimension, value: Any, share: float) -> Any:
    if not _ordered(dimension):
        return value
    below = sorted(choice for choice in dimension.choices if choice <= value)
    return below[int(share * (len(below) - 1))]


def _position(dimension: Dimension, value: float) -> float:
    if dimension.high <= dimension.low:
        return 0.0
    if dimension.log:
        return math.log(value / dimension.low) / math.log(dimension.high / dimension.low)
    return (value - dimension.low) / (dimension.high - dimension.low)


def _up(value: float) -> float:
    """Round up to three digits, so that the number in the advice really suffices."""
    if value <= 0:
        return value
    unit = 10.0 ** (math.floor(math.log10(value)) - 2)
    return math.ceil(value / unit) * unit
