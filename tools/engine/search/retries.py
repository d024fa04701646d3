"""What is tried after a trial that ran out of memory: cheaper ways of training it first, then smaller models."""

from __future__ import annotations

from tools.engine.search.feasibility import Feasibility
from tools.engine.search.study import Candidate, Queued
from tools.engine.training.learner import THRIFT

SMALLER_MODELS = 2
"""How often a configuration is made smaller before it is given up."""


def needing_less(candidate: Candidate, feasibility: Feasibility) -> Queued | None:
    """The next step down; None: give up.

    Where a family trains in batches, the same configuration with thrift (see `FitContext`) comes first: the same
    updates in less memory. Then the structure is halved, which makes another model.
    """
    family, after = candidate.family, f"trial {candidate.number}"
    batches = "batch_size" in feasibility.space.dimensions(family)
    if batches and candidate.thrift < len(THRIFT) - 1:
        level = candidate.thrift + 1
        return Queued(family, candidate.params, f"{after} {THRIFT[level]}", level)
    if candidate.shrunk >= SMALLER_MODELS:
        return None
    smaller = feasibility.smaller(family, candidate.params)
    if smaller is None:
        return None
    return Queued(family, smaller, f"{after} with a smaller model", candidate.thrift, candidate.shrunk + 1)
