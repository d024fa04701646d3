"""Features of pictures or texts under a frozen network, computed once per process and example, whoever asks."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable

import torch
from torch import Tensor

_MOST_BYTES = 2**29
_TOGETHER = 8
"""Examples computed at once. Always this many (the last group is filled up), so an example's features do not depend on
which ones happened to be known already: convolutions and products round differently for other batch sizes."""


class FeatureCache:
    """Example -> features, forgetting what was not used for longest when there is too much.

    Trials, folds, the refit and the scoring of one job share it: they see the same examples through the same frozen
    layers.

    Args:
        most_bytes: Memory that may be used.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most, self._bytes = most_bytes, 0
        self._rows: OrderedDict[tuple[Hashable, bytes], Tensor] = OrderedDict()

    def get(self, key: Hashable, examples: Tensor, compute: Callable[[Tensor], Tensor]) -> Tensor:
        """Features of a batch.

        Args:
            key: Names the frozen network; equal keys must mean equal networks.
            examples: [n, ...], for instance pixels or ids of pieces.
            compute: Examples [m, ...] -> features [m, ...], without gradient.

        Returns:
            Features [n, ...] on the examples' device.
        """
        if not len(examples):
            return compute(examples)
        device = examples.device
        place: tuple[Hashable, ...] = (key, str(device), tuple(examples.shape[1:]))
        names = [(place, hashlib.blake2b(row.tobytes(), digest_size=16).digest()) for row in examples.cpu().numpy()]
        missing = [number for number, name in enumerate(names) if name not in self._rows]
        found: dict[int, Tensor] = {}
        for start in range(0, len(missing), _TOGETHER):
            group = missing[start : start + _TOGETHER]
            filled = group + [group[-1]] * (_TOGETHER - len(group))
            for number, row in zip(group, compute(examples[filled]), strict=False):
                found[number] = row.clone()
        rows = [found[number] if number in found else self._rows[name] for number, name in enumerate(names)]
        for name, row in zip(names, rows, strict=True):
            if name not in self._rows:
                self._bytes += row.numel() * row.element_size()
            self._rows[name] = row
            self._rows.move_to_end(name)
        while self._bytes > self._most and self._rows:
            _, dropped = self._rows.popitem(last=False)
            self._bytes -= dropped.numel() * dropped.element_size()
        return torch.stack(rows)


FEATURES = FeatureCache()
