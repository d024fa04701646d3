"""An ensemble of the leaders, when it is better: greedy selection over their predictions on validation rows.

Starting from the best model, the one whose addition improves the metric most is added again and again, with repetition;
how often a model was chosen is its weight. Few members are kept, because each adds to the file's size and latency.

Source: Caruana et al. (2004), "Ensemble Selection from Libraries of Models", sections 2.1 to 2.3.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

ROUNDS = 25
LEAST_GAIN = 1e-4

Value = Callable[[np.ndarray, Sequence[int]], float]
"""(averaged predictions, numbers of the members) -> what is maximised."""


def greedy_selection(
    predictions: Sequence[np.ndarray], value: Value, max_members: int, rounds: int = ROUNDS
) -> dict[int, float]:
    """Choose members and weights.

    Args:
        predictions: Per candidate, decoded predictions on the same rows; the best candidate first.
        value: Judges averaged predictions; -inf for a set of members that breaks a limit.
        max_members: Most different members.
        rounds: Most additions.

    Returns:
        Candidate -> weight, summing to 1; {0: 1.0} when no ensemble is better than the best candidate alone.

    >>> truth = np.array([0.0, 1.0, 2.0, 3.0])
    >>> above, below = truth + [0.5, 0.1, 0.4, 0.2], truth - [0.4, 0.2, 0.5, 0.1]
    >>> greedy_selection([above, below], lambda mean, members: -np.square(mean - truth).mean(), max_members=2)
    {0: 0.5, 1: 0.5}
    """
    alone = value(predictions[0], (0,))
    chosen, total = [0], np.array(predictions[0], dtype=np.float64)
    best_set, best_value = Counter(chosen), alone
    for _ in range(rounds):
        members = set(chosen)
        open_to = range(len(predictions)) if len(members) < max_members else sorted(members)
        tried = {
            number: value((total + predictions[number]) / (len(chosen) + 1), sorted(members | {number}))
            for number in open_to
        }
        number = max(tried, key=lambda candidate: tried[candidate])
        if tried[number] == -np.inf:
            break
        chosen.append(number)
        total += predictions[number]
        if tried[number] > best_value:
            best_set, best_value = Counter(chosen), tried[number]
    if best_value < alone + LEAST_GAIN * max(abs(alone), 1e-3):
        return {0: 1.0}
    whole = sum(best_set.values())
    return {number: count / whole for number, count in sorted(best_set.items())}
