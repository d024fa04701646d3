"""Warm starts: of what won in earlier experiments, the configurations from the most similar data are tried first.

Similarity is that of a few meta-features: same kind of data and task, then the distance of the logarithms of rows,
columns and classes.

Source: Feurer et al. (2015), "Initializing Bayesian Hyperparameter Optimization via Meta-Learning", section 3, with
the simplest of its meta-features.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tools.core.records import Origin, Proposal

MOST = 3


def nearest(proposals: Sequence[Proposal], here: Origin, most: int = MOST) -> list[Proposal]:
    """Proposals made for this experiment, then those of the nearest earlier ones.

    Args:
        proposals: With an origin where they come from an earlier experiment.
        here: What the data at hand is like.
        most: How many of the earlier ones.

    >>> far = Proposal(family="mlp", origin=Origin(modality="tabular", task="classification", rows=90_000, columns=3))
    >>> near = Proposal(family="forest", origin=Origin(modality="tabular", task="classification", rows=150, columns=4))
    >>> other = Proposal(family="cnn", origin=Origin(modality="image", task="classification", rows=150))
    >>> iris = Origin(modality="tabular", task="classification", rows=150, columns=4, classes=3)
    >>> [item.family for item in nearest([far, other, near], iris)]
    ['forest', 'mlp']
    """
    own = [item for item in proposals if item.origin is None]
    alike = [
        item
        for item in proposals
        if item.origin is not None and (item.origin.modality, item.origin.task) == (here.modality, here.task)
    ]
    return own + sorted(alike, key=lambda item: distance(item.origin, here) if item.origin else 0.0)[:most]


def distance(one: Origin, other: Origin) -> float:
    """0 for the same content; else how many times as many rows, columns and classes, in powers of e."""
    if one.fingerprint is not None and one.fingerprint == other.fingerprint:
        return 0.0
    pairs = ((one.rows, other.rows), (one.columns, other.columns), (one.classes, other.classes))
    return 0.1 + sum(abs(math.log((left + 1) / (right + 1))) for left, right in pairs)
