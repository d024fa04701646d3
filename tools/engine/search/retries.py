"""What is tried after a trial that ran out of memory: cheaper ways of training it first, then smaller models."""

from __future__ import annotations

from tools.engine.search.feasibility import Feasibility
from tools.engine.search.study import Candidate, Queued, Study
from tools.engine.training.learner import THRIFT

SMALLER_MODELS = 2
"""How often a configuration is made smaller before it is given up."""


def needing_less(candidate: Candidate, feasibility: Feasibility, study: Study) -> Queued | None:
    """The next step down; None: give up.

    Where a configuration trains in batches, the same with thrift (see `FitContext`) comes first, unless thrift has
    already been in vain for another one of its family. Then the structure is halved, which makes another model.
    """
    family, after = candidate.family, f"{candidate.why}; trial {candidate.number}"
    most = len(THRIFT) - 1
    in_vain = any(
        record.model_architecture == family and record.thrift == most and record.status == "failed"
        for record in study.records
    )
    if "batch_size" in candidate.params and candidate.thrift < most and not in_vain:
        level = candidate.thrift + 1
        return Queued(family, candidate.params, f"{after} {THRIFT[level]}", level)
    if candidate.shrunk >= SMALLER_MODELS:
        return None
    smaller = feasibility.smaller(family, candidate.params)
    if smaller is None:
        return None
    return Queued(family, smaller, f"{after} with a smaller model", candidate.thrift, candidate.shrunk + 1)
