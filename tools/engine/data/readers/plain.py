"""Plain text: a corpus for generation, cut into blocks."""

from __future__ import annotations

import pandas as pd

from tools.core.errors import TaskError
from tools.engine.data import fingerprint
from tools.engine.data.readers.raw import Raw

BLOCK = 64


def read_corpus(text: str, name: str, block: int = BLOCK) -> Raw:
    """Cut a text into blocks that do not overlap; what does not fill a block at the end is left out.

    `details` keep `block` and `after`, the character that follows the last block (its last target).

    Raises:
        TaskError: the text is too short to learn from.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    n_blocks = (len(text) - 1) // block
    if n_blocks < 20:
        raise TaskError(
            f"The text '{name}' has {len(text)} characters; that is too short to learn from.",
            hint=f"Use a text of at least {20 * block + 1} characters, better 100 000 or more.",
        )
    rows = [text[start : start + block] for start in range(0, n_blocks * block, block)]
    details = {"block": block, "after": text[n_blocks * block], "characters": len(text)}
    return Raw(pd.DataFrame({"text": rows}), fingerprint.of_bytes(text.encode()), modality="corpus", details=details)
