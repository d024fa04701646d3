"""How the learning rate moves while training goes from 0 to 1."""

from __future__ import annotations

import math
from typing import Literal

ScheduleName = Literal["cosine", "flat", "waves", "constant"]


def factor(name: ScheduleName, progress: float, warmup: float) -> float:
    """Share of the peak learning rate.

    A linear warm-up, then: `cosine` falls along half a cosine to 0 (Loshchilov and Hutter 2017, equation 5); `flat`
    stays for half of the way and then falls along the same curve (as in RealMLP, Holzmüller et al. 2024, appendix A);
    `waves` rises and falls four times, each time for longer: (1 - cos(2 pi log2(1 + 15 progress))) / 2 (the same
    paper, section 3, "coslog4"); it needs no warm-up. `constant` stays.

    Args:
        name: The shape.
        progress: How much of the training has passed, 0..1.
        warmup: Share of the training that warms up.

    >>> [round(factor("cosine", p, 0.1), 3) for p in (0.05, 0.1, 0.55, 1.0)]
    [0.5, 1.0, 0.5, 0.0]
    """
    if name == "waves":
        return max(0.5 * (1 - math.cos(2 * math.pi * math.log2(1 + 15 * min(1.0, progress)))), 1e-3)
    if progress < warmup:
        return max(progress / warmup, 1e-3)
    if name == "constant":
        return 1.0
    start = warmup if name == "cosine" else max(warmup, 0.5)
    if progress <= start:
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (progress - start) / (1 - start))))
