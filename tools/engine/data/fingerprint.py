"""Fingerprints: the SHA-256 of a dataset's content, so that a changed file is noticed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

DIGITS = 16


def of_bytes(content: bytes) -> str:
    """Fingerprint of a file's bytes.

    >>> of_bytes(b"a,b")
    '1eb7c54d52831bbf'
    """
    return hashlib.sha256(content).hexdigest()[:DIGITS]


def of_files(files: Iterable[tuple[str, bytes]]) -> str:
    """Fingerprint of several files; their names (relative to the folder) count too, their order does not."""
    digest = hashlib.sha256()
    for name, content in sorted(files):
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:DIGITS]


def of_frame(frame: pd.DataFrame, images: np.ndarray | None = None) -> str:
    """Fingerprint of rows held in memory: column names, values and, for images, the pixels."""
    import pandas as pd

    digest = hashlib.sha256("\0".join(str(name) for name in frame.columns).encode())
    digest.update(np.ascontiguousarray(pd.util.hash_pandas_object(frame, index=False).to_numpy()).tobytes())
    if images is not None:
        digest.update(np.ascontiguousarray(images).tobytes())
    return digest.hexdigest()[:DIGITS]
