"""TF-IDF of words and pairs of neighbours, computed from token ids alone, so that it lies in the exported graph.

A text becomes one weight per *position* and not per distinct word: a word that stands there three times gets a third
of its weight at each place. Sums over positions are then sums over distinct words, in arrays of a fixed width.

Pairs live in a hash table whose slots remember which pair they are for: pairs that were left out, or never seen, count
for nothing instead of sharing the weight of another.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

_PRIME = 1_000_003
"""Spreads the pairs over the slots; small enough that the product stays an exact int64."""
_UNKNOWN = 1
"""Id of unknown words, which (like padding, 0) say nothing here: leaving them out was measured better."""
_LARGEST = 2**31 - 1
"""Pairs are numbered below this; up to 46 000 tokens every pair has a number of its own."""


def tfidf_statistics(tokens: np.ndarray | None, vocab_size: int, slots: int, min_count: int) -> dict[str, np.ndarray]:
    """Which features there are, and their inverse document frequencies, ln((1 + n) / (1 + df)) + 1.

    Args:
        tokens: Training texts, int64 [n, length]; None gives neutral statistics of the full size.
        vocab_size: Number of token ids (0, padding, included).
        slots: Size of the table of pairs; of two pairs for one slot the more frequent has it. 0: no pairs.
        min_count: Features that fewer texts have are left out (their weight is 0).

    Returns:
        `idf` float32 [vocab_size + slots], 0 for padding, unknown words and what is left out; `pairs` int32 [slots],
        which pair a slot is for, -1 for none.

    Source: Manning et al. (2008), "Introduction to Information Retrieval", sections 6.2 to 6.4; the smoothing is
        scikit-learn's.
    """
    pairs = np.full(slots, -1, np.int32)
    if tokens is None or not len(tokens):
        idf = np.ones(vocab_size + slots, np.float32)
    else:
        counts = np.zeros(vocab_size + slots, np.int64)
        ids, frequency = _document_frequency(tokens)
        counts[ids] = frequency
        if slots:
            first, second = tokens[:, :-1], tokens[:, 1:]
            named = (first > _UNKNOWN) & (second > _UNKNOWN)
            keys = np.where(named, (first * vocab_size + second) % _LARGEST, -1)
            ids, frequency = _document_frequency(keys)
            enough = np.flatnonzero((ids >= 0) & (frequency >= min_count))
            # Rising frequency, so that the last one written into a slot is the most frequent.
            enough = enough[np.argsort(frequency[enough], kind="stable")]
            where = ids[enough] * _PRIME % _LARGEST % slots
            pairs[where] = ids[enough]
            counts[vocab_size + where] = frequency[enough]
        idf = np.log((1 + len(tokens)) / (1 + counts)) + 1
        idf = np.where(counts >= min_count, idf, 0.0).astype(np.float32)
    idf[: _UNKNOWN + 1] = 0.0
    return {"idf": idf, "pairs": pairs}


def _document_frequency(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct ids, and in how many rows each stands at least once."""
    ordered = np.sort(ids, axis=1)
    first = np.ones(ordered.shape, bool)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    return np.unique(ordered[first], return_counts=True)


class TfIdf(nn.Module):
    """Token ids -> features and their weights, scaled so that the weights of a text have the norm 1.

    Args:
        fitted: See `tfidf_statistics`.
        vocab_size: Number of token ids.
        sublinear: Count a word that stands there c times as 1 + ln c and not as c.
    """

    idf: Tensor
    pairs: Tensor

    def __init__(self, fitted: dict[str, np.ndarray], vocab_size: int, sublinear: bool) -> None:
        super().__init__()
        self.register_buffer("idf", torch.as_tensor(fitted["idf"]))
        self.register_buffer("pairs", torch.as_tensor(fitted["pairs"]))
        self.vocab_size, self.sublinear = vocab_size, sublinear
        self.n_features, self.slots = len(self.idf), len(self.pairs)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens int64 [n, length] -> features int32 [n, places], weights float32 [n, places]."""
        features, counts = tokens, self._counts(tokens)
        weight = self._idf(tokens)
        if self.slots:
            first, second = tokens[:, :-1], tokens[:, 1:]
            keys = (first * self.vocab_size + second) % _LARGEST
            where = keys * _PRIME % _LARGEST % self.slots
            known = (nn.functional.embedding(where, self.pairs.unsqueeze(1)).squeeze(2) == keys) & (second != 0)
            features = torch.cat([features, where + self.vocab_size], dim=1)
            counts = torch.cat([counts, self._counts(keys)], dim=1)
            weight = torch.cat([weight, self._idf(where + self.vocab_size) * known.to(weight.dtype)], dim=1)
        weight = weight * ((1 + torch.log(counts)) if self.sublinear else counts)
        # Each of the `count` places of a word holds the same share of the word's weight.
        norm = torch.sqrt((weight * weight / counts).sum(dim=1, keepdim=True)).clamp_min(1e-12)
        return features.to(torch.int32), weight / (counts * norm)

    def _idf(self, features: Tensor) -> Tensor:
        return nn.functional.embedding(features, self.idf.unsqueeze(1)).squeeze(2)

    def _counts(self, ids: Tensor) -> Tensor:
        """How often the id at each place stands in its row, float32 [n, length]."""
        return (ids.unsqueeze(2) == ids.unsqueeze(1)).to(self.idf.dtype).sum(dim=2)
