"""The grid strategy: a coarse grid over the conditional space of every family.

Every choice of a categorical parameter and three values of a numeric one (low end, middle, high end, 1/6, 1/2 and 5/6
of its range, geometric where it is logarithmic). Parameters that a choice switches off are not multiplied out.
A grid of more than `MAX_POINTS` points is sampled evenly with the experiment's seed; the order is shuffled, because a
search that ends early should have seen all of the space and not one corner of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tools.engine.families.family import Params
from tools.engine.search.space import Dimension, Space

POSITIONS = (1 / 6, 1 / 2, 5 / 6)
MAX_POINTS = 500


def grid(space: Space, seed: int) -> list[tuple[str, Params]]:
    """All points to try, shuffled: (family, parameters)."""
    rng = np.random.default_rng(seed)
    points: list[tuple[str, Params]] = []
    share = max(1, MAX_POINTS // len(space.families))
    for family in space.families:
        found = list(_take(_enumerate(space, family), share + 1))
        points += [
            (family, params) for params in (found if len(found) <= share else _sample(space, family, share, rng))
        ]
    return [points[i] for i in rng.permutation(len(points))]


def _levels(dimension: Dimension) -> list[Any]:
    if dimension.choices:
        return list(dimension.choices)
    return list(dict.fromkeys(dimension.at(position) for position in POSITIONS))


def _enumerate(space: Space, family: str) -> Iterator[Params]:
    """Depth first over the tree of choices: a path says which level every parameter in turn takes."""
    path: list[int] = []
    while True:
        params, sizes = _follow(space, family, path)
        yield params
        path += [0] * (len(sizes) - len(path))
        while path and path[-1] + 1 >= sizes[len(path) - 1]:
            path.pop()
        if not path:
            return
        path[-1] += 1


def _follow(space: Space, family: str, path: list[int]) -> tuple[Params, list[int]]:
    """The configuration at the end of a path (beyond it, first levels), and how many levels each parameter had."""
    sizes: list[int] = []

    def choose(dimension: Dimension) -> Any:  # not asked for what is fixed
        levels = _levels(dimension)
        depth = len(sizes)
        sizes.append(len(levels))
        return levels[path[depth] if depth < len(path) else 0]

    params, _ = space.walk(family, choose)
    return params, sizes


def _sample(space: Space, family: str, wanted: int, rng: np.random.Generator) -> list[Params]:
    found: dict[str, Params] = {}
    for _ in range(4 * wanted):
        params, _ = space.walk(family, lambda dimension: _pick(_levels(dimension), rng))
        found.setdefault(repr(sorted(params.items())), params)
        if len(found) >= wanted:
            break
    return list(found.values())


def _pick(levels: list[Any], rng: np.random.Generator) -> Any:
    return levels[int(rng.integers(len(levels)))]


def _take(points: Iterator[Params], n: int) -> Iterator[Params]:
    for _, point in zip(range(n), points, strict=False):
        yield point
