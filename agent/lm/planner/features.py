"""Features of a masked text for the intent model: words, pairs of words, and character 3- to 5-grams, hashed."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

SIZE = 8192
"""Number of hash buckets."""

_TOKEN = re.compile(r"<\w+>|[^\W_]+(?:'[^\W_]+)?|[?!]")
_GRAMS = (3, 4, 5)
_CHARS_WEIGHT = 0.55
"""Characters count less than words: they are many, and only help with endings and typing errors."""


def features(text: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Bucket numbers and weights (unit length) of a text.

    >>> features("train on <dataset>")[1].dtype
    dtype('float32')
    """
    words = _TOKEN.findall(text.lower())
    counts: Counter[int] = Counter()
    for name in _words(words):
        counts[_bucket(name)] += 1
    values = {bucket: 1.0 + np.log(count) for bucket, count in counts.items()}
    chars: Counter[int] = Counter(_bucket(name) for name in _chars(words))
    for bucket, count in chars.items():
        values[bucket] = values.get(bucket, 0.0) + _CHARS_WEIGHT * (1.0 + np.log(count))
    if not values:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    weights = np.fromiter(values.values(), np.float32, len(values))
    return np.fromiter(values, np.int64, len(values)), weights / np.float32(np.linalg.norm(weights))


def dense(texts: list[str]) -> NDArray[np.float32]:
    """The features of many texts as rows of a matrix."""
    matrix = np.zeros((len(texts), SIZE), np.float32)
    for row, text in enumerate(texts):
        buckets, weights = features(text)
        matrix[row, buckets] = weights
    return matrix


def _words(words: list[str]) -> list[str]:
    framed = ["^", *words, "$"]
    return [f"w:{word}" for word in words] + [f"p:{left} {right}" for left, right in pairwise(framed)]


def _chars(words: list[str]) -> list[str]:
    grams = []
    for word in words:
        if word[0] == "<":
            continue
        framed = f" {word} "
        grams += [f"c:{framed[i : i + n]}" for n in _GRAMS for i in range(len(framed) - n + 1)]
    return grams


def _bucket(name: str) -> int:
    return zlib.crc32(name.encode()) % SIZE
