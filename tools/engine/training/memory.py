"""Running out of memory, said the same way for every device."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

_SIGNS = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory")


@contextlib.contextmanager
def memory_guard() -> Iterator[None]:
    """Turn torch's ways of saying "out of memory" into `MemoryError`.

    Raises:
        MemoryError: an allocation failed on the CPU or the GPU.
    """
    try:
        yield
    except RuntimeError as error:  # torch.OutOfMemoryError is one too
        if isinstance(error, torch.OutOfMemoryError) or any(sign in str(error).lower() for sign in _SIGNS):
            raise MemoryError(str(error).splitlines()[0]) from error
        raise
