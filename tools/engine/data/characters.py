"""The corpus seen as characters: vocabulary, ids, and the character that comes next."""

from __future__ import annotations

import numpy as np

from tools.engine.data.dataset import Dataset
from tools.engine.data.tokens import to_ids, vocabulary

MAX_CHARACTERS = 4096


def blocks(dataset: Dataset, rows: np.ndarray) -> list[str]:
    """The blocks of text at `rows`."""
    texts = dataset.frame["text"].to_numpy(dtype=object)
    return [str(texts[row]) for row in rows]


def block_length(dataset: Dataset) -> int:
    """Characters in a block."""
    return int(dataset.details.get("block") or max((len(str(text)) for text in dataset.frame["text"]), default=1))


def characters_of(dataset: Dataset, rows: np.ndarray) -> list[str]:
    """The vocabulary of the blocks at `rows`: padding, unknown, then characters by frequency."""
    return vocabulary(blocks(dataset, rows), MAX_CHARACTERS, min_count=1)


def encode_blocks(texts: list[str], characters: list[str], length: int) -> np.ndarray:
    """Character ids, int64 [n, length]; 0 pads, 1 is unknown."""
    return to_ids(texts, {character: number for number, character in enumerate(characters)}, length)


def next_characters(dataset: Dataset, rows: np.ndarray, characters: list[str], length: int) -> np.ndarray:
    """For every position of the blocks at `rows`, the id of the character that follows. int64 [n, length].

    The last position of a block is followed by the first character of the next block; 0 where there is none.
    """
    texts = dataset.frame["text"].to_numpy(dtype=object)
    after = str(dataset.details.get("after", ""))
    following = [str(texts[row + 1])[:1] if row + 1 < len(texts) else after for row in rows]
    shifted = [text[1:] + nxt for text, nxt in zip(blocks(dataset, rows), following, strict=True)]
    return encode_blocks(shifted, characters, length)
