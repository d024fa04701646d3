"""The joint space of all families: which family, then that family's own parameters under its name.

A trial of the study has the parameters `family`, `<family>.<name>`, …; a family sees only its own, without prefix.
The other `Suggest`s here replay, record or walk the same space without a study.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tools.core.errors import TaskError
from tools.engine.data.dataset import DataSpec
from tools.engine.families.family import Family, Params, Suggest

FAMILY = "family"
PROBES = 64


@dataclass(frozen=True)
class Dimension:
    """One parameter: its choices, or its range.

    Attributes:
        name: Local to the family.
        choices: For a categorical parameter; otherwise ().
        low: Smallest value.
        high: Largest value.
        log: Whether it varies over orders of magnitude.
        step: Distance of neighbouring integers; 0 for floats.
    """

    name: str
    choices: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    step: int = 0

    def admits(self, value: Any) -> bool:
        """Whether the value lies in this dimension."""
        if self.choices:
            same_kind = [choice for choice in self.choices if isinstance(choice, bool) == isinstance(value, bool)]
            return value in same_kind
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return self.low <= value <= self.high and (self.step == 0 or float(value).is_integer())

    def at(self, position: float) -> Any:
        """The value at a position in [0, 1], geometric where the dimension is logarithmic."""
        if self.choices:
            return self.choices[min(int(position * len(self.choices)), len(self.choices) - 1)]
        if self.log:
            value = math.exp(math.log(self.low) + position * (math.log(self.high) - math.log(self.low)))
        else:
            value = self.low + position * (self.high - self.low)
        if self.step == 0:
            return min(max(value, self.low), self.high)
        return int(min(self.low + round((value - self.low) / self.step) * self.step, self.high))

    def __str__(self) -> str:
        if self.choices:
            return f"one of {', '.join(map(str, self.choices))}"
        return f"from {self.low:g} to {self.high:g}"


Chooser = Callable[[Dimension], Any]
"""Decides a value for a dimension."""


class Walk:
    """A `Suggest` that asks a function for every value; `seen` holds the dimensions it met."""

    def __init__(self, choose: Chooser) -> None:
        self._choose = choose
        self.seen: dict[str, Dimension] = {}

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """See `Suggest`."""
        return float(self._take(Dimension(name, low=low, high=high, log=log)))

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False, step: int = 1) -> int:
        """See `Suggest`."""
        return int(self._take(Dimension(name, low=low, high=high, log=log, step=step)))

    def suggest_categorical(self, name: str, choices: list[Any]) -> Any:
        """See `Suggest`."""
        return self._take(Dimension(name, choices=tuple(choices)))

    def _take(self, dimension: Dimension) -> Any:
        self.seen[dimension.name] = dimension
        return self._choose(dimension)


@dataclass(frozen=True)
class Space:
    """All families that fit the data, with what the plan fixes.

    Attributes:
        families: In the order they are tried.
        spec: Shapes of the data.
        fixed: Family name -> parameters that do not vary.
    """

    families: dict[str, Family]
    spec: DataSpec
    fixed: dict[str, Params] = field(default_factory=dict)

    def suggest(self, trial: Suggest) -> tuple[str, Params]:
        """Draw a family and its configuration from a study's trial."""
        names = list(self.families)
        # Asked even when there is one family alone, so that every trial tells its own.
        name = str(trial.suggest_categorical(FAMILY, names))
        return name, self.families[name].suggest(_Scoped(trial, name, self.fixed.get(name, {})), self.spec)

    def walk(self, family: str, choose: Chooser) -> tuple[Params, dict[str, Dimension]]:
        """One configuration of a family with values from `choose`, except for what is fixed."""
        fixed = self.fixed.get(family, {})
        walk = Walk(lambda dimension: fixed[dimension.name] if dimension.name in fixed else choose(dimension))
        return self.families[family].suggest(walk, self.spec), walk.seen

    def dimensions(self, family: str) -> dict[str, Dimension]:
        """All dimensions of a family, conditional ones included (found by drawing many configurations)."""
        return probe(self.families[family], self.spec)

    def defaults(self, family: str) -> list[Params]:
        """The family's own good configurations with the fixed parameters put in, without repetition."""
        found: list[Params] = []
        for params in self.families[family].defaults(self.spec):
            merged = self.complete(family, params)
            if merged not in found:
                found.append(merged)
        return found

    def complete(self, family: str, params: Params) -> Params:
        """A configuration inside the space that follows `params` where it can and the defaults elsewhere."""
        defaults = self.families[family].defaults(self.spec)
        wanted = {**(defaults[0] if defaults else {}), **params}

        def choose(dimension: Dimension) -> Any:
            value = wanted.get(dimension.name)
            return value if value is not None and dimension.admits(value) else dimension.at(0.5)

        self_made, _ = self.walk(family, choose)
        return self_made

    def flat(self, family: str, params: Params) -> Params:
        """The study's names for a configuration; what is fixed is left out, as the study never sees it."""
        fixed = self.fixed.get(family, {})
        return {FAMILY: family, **{f"{family}.{name}": value for name, value in params.items() if name not in fixed}}

    def structure(self, family: str, params: Params) -> tuple[Any, ...]:
        """What decides the exported size and latency: the family and its structural parameters."""
        keys = self.families[family].structure
        return (family, *sorted((name, repr(value)) for name, value in params.items() if name in keys))


def make_space(families: dict[str, Family], spec: DataSpec, fixed_params: Params) -> Space:
    """Restrict the families to the plan's fixed parameters, named `name` or `family.name`.

    Raises:
        TaskError: no family has such a parameter, or its value is outside the range.
    """
    fixed: dict[str, Params] = {}
    known = {name: probe(family, spec) for name, family in families.items()}
    for key, value in fixed_params.items():
        prefix, _, local = key.partition(".")
        owners = [prefix] if local and prefix in families else [name for name in families if key in known[name]]
        local = local if local and prefix in families else key
        owners = [name for name in owners if local in known[name]]
        if not owners:
            names = sorted({name for dimensions in known.values() for name in dimensions})
            raise TaskError(
                f"No model in this search has a parameter called '{key}'.", hint=f"Known: {', '.join(names)}."
            )
        for name in owners:
            if not known[name][local].admits(value):
                raise TaskError(
                    f"The parameter '{local}' of {name} cannot be {value!r}.",
                    hint=f"Allowed: {known[name][local]}.",
                )
            fixed.setdefault(name, {})[local] = value
    return Space(families, spec, fixed)


def probe(family: Family, spec: DataSpec) -> dict[str, Dimension]:
    """All dimensions of a family, conditional ones included, found by drawing many configurations."""
    rng = np.random.default_rng(0)
    dimensions: dict[str, Dimension] = {}
    known: Params = {}

    def choose(dimension: Dimension) -> Any:
        return known[dimension.name] if dimension.name in known else dimension.at(float(rng.random()))

    for start in [*family.defaults(spec), *([{}] * PROBES)]:
        known = start
        walk = Walk(choose)
        family.suggest(walk, spec)
        dimensions |= walk.seen
    return dimensions


class _Scoped:
    """A family's view of a study's trial: local names, fixed values never asked."""

    def __init__(self, trial: Suggest, family: str, fixed: Params) -> None:
        self._trial = trial
        self._family = family
        self._fixed = fixed

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """See `Suggest`."""
        if name in self._fixed:
            return float(self._fixed[name])
        return self._trial.suggest_float(f"{self._family}.{name}", low, high, log=log)

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False, step: int = 1) -> int:
        """See `Suggest`."""
        if name in self._fixed:
            return int(self._fixed[name])
        return self._trial.suggest_int(f"{self._family}.{name}", low, high, log=log, step=step)

    def suggest_categorical(self, name: str, choices: list[Any]) -> Any:
        """See `Suggest`."""
        if name in self._fixed:
            return self._fixed[name]
        return self._trial.suggest_categorical(f"{self._family}.{name}", choices)
