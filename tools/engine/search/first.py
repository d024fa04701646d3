"""Which configurations are tried before the sampler has ideas of its own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from tools.core.config import SearchSpec
from tools.core.records import Proposal
from tools.engine.search.grid import grid
from tools.engine.search.portfolio import portfolio
from tools.engine.search.space import Space
from tools.engine.search.study import DEFAULT, Queued


def first_candidates(space: Space, proposals: Sequence[Proposal], search: SearchSpec, seed: int) -> list[Queued]:
    """Proposals, then the measured portfolio, then every family's defaults in turn (the best of each …), then the grid.

    Proposals of families that are not in the search are left out; what a proposal does not say is taken from the
    family's defaults.
    """
    found: list[Queued] = []
    for proposal in proposals:
        if proposal.family in space.families:
            params = space.complete(proposal.family, proposal.params)
            found.append(Queued(proposal.family, params, proposal.reason or "proposed"))
    if search.portfolio:
        found += _known(space)
    if search.strategy == "grid":
        found += [Queued(name, params, "grid point") for name, params in grid(space, seed)]
    unique: dict[str, Queued] = {}
    for item in found:
        unique.setdefault(repr((item.family, sorted(item.params.items()))), item)
    return list(unique.values())


def _known(space: Space) -> list[Queued]:
    """The portfolio, then the defaults that are not in it."""
    found: list[Queued] = []
    for entry in portfolio(space.spec.modality, space.spec.task.kind):
        params = entry.within(space)
        if params is not None:
            why = f"portfolio: {entry.family} varied" if entry.params else f"{DEFAULT} {entry.family}"
            found.append(Queued(entry.family, params, why))
    columns = [
        [Queued(name, params, f"{DEFAULT} {name}") for params in space.defaults(name)] for name in space.families
    ]
    for row in zip_longest(*columns):
        found += [item for item in row if item is not None]
    return found
