"""TF-IDF from token ids against scikit-learn's."""

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer

from tools.engine.training.tfidf import TfIdf, tfidf_statistics


@pytest.mark.parametrize("sublinear", [True, False])
def test_weights_summed_over_places_are_those_of_scikit_learn(sublinear: bool) -> None:
    rng = np.random.default_rng(0)
    tokens = np.where(np.arange(12) < rng.integers(0, 13, (40, 1)), rng.integers(2, 15, (40, 12)), 0)
    texts = [" ".join(f"w{token}" for token in row if token) for row in tokens]
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=sublinear)
    expected = vectorizer.fit_transform(texts).toarray()
    network = TfIdf(tfidf_statistics(tokens, 15, 1 << 18, 1), 15, sublinear)
    features, weights = (tensor.numpy() for tensor in network(torch.from_numpy(tokens)))
    dense = np.zeros((40, network.n_features))
    np.add.at(dense, (np.arange(40)[:, None], features), weights)
    for name, column in vectorizer.vocabulary_.items():
        ids = [int(word[1:]) for word in name.split()]
        keys = network.pairs.numpy()
        mine = ids[0] if len(ids) == 1 else 15 + int(np.flatnonzero(keys == ids[0] * 15 + ids[1])[0])
        np.testing.assert_allclose(dense[:, mine], expected[:, column], atol=1e-5)
    assert dense[tokens.sum(axis=1) == 0].sum() == 0
    np.testing.assert_allclose((dense**2).sum(), (expected**2).sum(), rtol=1e-5)
