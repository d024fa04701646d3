"""Our tokens are the tokens of the tokenizer.json we ship."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from tools.engine.data.modality import MODALITIES
from tools.engine.data.read import load
from tools.engine.data.tokens import to_ids, vocabulary, word_tokenizer_json, words

TEXT = st.text(st.characters(categories=["L", "M", "N", "P", "S", "Zs"], max_codepoint=0x1FFFF), max_size=40)


def test_words_of_many_scripts() -> None:
    assert words("Don't PANIC: 3,5 €!") == ["don", "'", "t", "panic", ":", "3", ",", "5", "€", "!"]
    assert words("naïve Ärger ΣΊΣΥΦΟΣ") == ["naïve", "ärger", "σίσυφοσ"]
    assert words("हिन्दी में") == ["हिन्दी", "में"]
    assert words("日本語 text") == ["日", "本", "語", "text"]
    assert words("snake_case 😀👍") == ["snake_case", "😀", "👍"]
    assert words(" \n\t") == []


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXT.filter(lambda text: all(unicodedata.category(c) != "Cn" for c in text)), min_size=1, max_size=5))
def test_tokenizer_json_gives_the_same_ids(texts: list[str]) -> None:
    split_up = [words(text) for text in texts]
    tokens = vocabulary(split_up[:3], 50, 1)
    tokenizer = Tokenizer.from_str(word_tokenizer_json(tokens, 12))
    ids = to_ids(split_up, {token: number for number, token in enumerate(tokens)}, 12)
    for text, parts, row in zip(texts, split_up, ids, strict=True):
        if parts:  # a text without words is one unknown token for the model, and only padding for the tokenizer
            assert tokenizer.encode(text).ids == row.tolist()


def test_the_shipped_file_of_a_fitted_text_encoder(tmp_path: Path) -> None:
    dataset = load("support_messages")
    encoder = MODALITIES.get("text").encoder()
    encoder.fit(dataset, np.arange(0, dataset.n_rows, 2))
    (tmp_path / "tokenizer.json").write_text(encoder.files()["tokenizer.json"], encoding="utf-8")
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    found = [encoding.ids for encoding in tokenizer.encode_batch(dataset.frame["message"].tolist())]
    assert np.array_equal(np.array(found), encoder.transform(dataset, np.arange(dataset.n_rows))["tokens"])


def test_the_shipped_file_of_a_fitted_corpus_encoder(tmp_path: Path) -> None:
    dataset = load("tiny_corpus")
    encoder = MODALITIES.get("corpus").encoder()
    encoder.fit(dataset, np.arange(100))
    (tmp_path / "tokenizer.json").write_text(encoder.files()["tokenizer.json"], encoding="utf-8")
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    text = dataset.frame["text"].iloc[-1] + "\n\u00df"
    assert tokenizer.encode(text).ids == encoder.ids(text).tolist()
    assert (
        encoder.text(encoder.ids("plain text")) == "plain text" == tokenizer.decode(encoder.ids("plain text").tolist())
    )


def test_empty_rows_become_one_unknown_token() -> None:
    assert to_ids([[], ["a"]], {"a": 2}, 3).tolist() == [[1, 0, 0], [2, 0, 0]]


def test_long_texts_are_read_whole_unless_they_are_very_many(tmp_path: Path) -> None:
    from tools.engine.data.modalities import text

    path = tmp_path / "long.csv"
    body = " ".join(f"word{number}" for number in range(600))
    path.write_text("text,label\n" + "".join(f"{row} {body},{row % 2}\n" for row in range(20)), encoding="utf-8")
    dataset = load(str(path), "label")
    encoder = MODALITIES.get("text").encoder()
    encoder.fit(dataset, np.arange(20))
    assert encoder.transform(dataset, np.arange(3))["tokens"].shape == (3, 601)
    many = text.MAX_TOKENS // text.LEAST_LENGTH + 1
    encoder.fit(dataset, np.zeros(many, int))
    assert encoder.transform(dataset, np.arange(3))["tokens"].shape == (3, text.LEAST_LENGTH)
