"""Words and characters as token ids: one rule here, the same rule as a Hugging Face tokenizer.json."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import islice
from typing import Any

import numpy as np

PAD, UNKNOWN = "[PAD]", "[UNK]"
SPECIAL = (PAD, UNKNOWN)

# Scripts that do not put spaces between words; each of their characters is a token of its own.
_SPACELESS = (
    (0x0E00, 0x0EFF), (0x0F00, 0x0FFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3040, 0x30FF), (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2FFFF),
)  # fmt: skip
# The same split for `tokenizers` (Oniguruma syntax): a spaceless character, a word, or one other visible sign.
_SPACELESS_CLASS = "".join(f"\\x{{{low:X}}}-\\x{{{high:X}}}" for low, high in _SPACELESS)
_ONIGURUMA = (
    rf"[\p{{L}}\p{{M}}\p{{N}}&&[{_SPACELESS_CLASS}]]|[\p{{L}}\p{{M}}\p{{N}}_&&[^{_SPACELESS_CLASS}]]+|[\p{{P}}\p{{S}}]"
)


def is_spaceless(character: str) -> bool:
    """Whether the character belongs to a script without spaces between words."""
    code = ord(character)
    return code >= _SPACELESS[0][0] and any(low <= code <= high for low, high in _SPACELESS)


def words(text: str, most: int | None = None) -> list[str]:
    r"""Lower-cased words and signs; like the regular expression `\w+|[^\w\s]`, with combining marks inside words.

    Args:
        text: Any.
        most: How many are wanted; the rest of a long text is then not looked at.

    >>> words("It's 5 o'clock, Zoë!")
    ['it', "'", 's', '5', 'o', "'", 'clock', ',', 'zoë', '!']
    >>> words("東京 is big")
    ['東', '京', 'is', 'big']
    >>> words("to be or not to be", most=2)
    ['to', 'be']
    """
    # str.lower knows the final sigma; tokenizers lower-cases character by character and does not.
    plain = text.replace("Σ", "σ").lower()
    if most is None:
        return _pattern().findall(plain)
    return [match[0] for match in islice(_pattern().finditer(plain), most)]


@cache
def _pattern() -> re.Pattern[str]:
    """The split as Python's `re` can say it: categories spelled out as ranges (takes about 0.2 s, once)."""
    word: list[int] = []
    alone: list[int] = []
    signs: list[int] = []
    for code in range(sys.maxunicode + 1):
        kind = unicodedata.category(chr(code))[0]
        if kind in "LMN" or code == ord("_"):
            (alone if is_spaceless(chr(code)) else word).append(code)
        elif kind in "PS":
            signs.append(code)
    return re.compile(f"[{_ranges(alone)}]|[{_ranges(word)}]+|[{_ranges(signs)}]")


def _ranges(codes: Sequence[int]) -> str:
    array = np.asarray(codes)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(array) != 1) + 1])
    ends = np.concatenate([starts[1:] - 1, [len(array) - 1]])
    pairs = zip(array[starts], array[ends], strict=True)
    return "".join(f"{re.escape(chr(low))}-{re.escape(chr(high))}" for low, high in pairs)


def vocabulary(token_lists: Iterable[Iterable[str]], limit: int, min_count: int) -> list[str]:
    """The most frequent tokens, ties in alphabetical order; ids 0 and 1 are padding and unknown.

    >>> vocabulary([["b", "a", "b"], ["c"]], limit=2, min_count=1)
    ['[PAD]', '[UNK]', 'b', 'a']
    """
    counts: Counter[str] = Counter()
    for tokens in token_lists:
        counts.update(tokens)
    kept = sorted((item for item in counts.items() if item[1] >= min_count), key=lambda item: (-item[1], item[0]))
    return [*SPECIAL, *(token for token, _ in kept[:limit])]


def to_ids(token_lists: Sequence[Sequence[str]], ids: dict[str, int], length: int) -> np.ndarray:
    """Token ids, int64 [n, length]: cut or padded with 0 on the right; a row without tokens is one unknown."""
    result = np.zeros((len(token_lists), length), np.int64)
    for row, tokens in enumerate(token_lists):
        known = [ids.get(token, 1) for token in tokens[:length]] or [1]
        result[row, : len(known)] = known
    return result


def word_tokenizer_json(tokens: Sequence[str], length: int) -> str:
    """A tokenizer.json that gives the ids of `words` and `to_ids` (an empty text gives padding only)."""
    return _tokenizer_json(tokens, {"type": "Lowercase"}, _ONIGURUMA, length)


def character_tokenizer_json(tokens: Sequence[str]) -> str:
    """A tokenizer.json that makes every character one token."""
    return _tokenizer_json(tokens, None, r"[\s\S]", None)


def _tokenizer_json(tokens: Sequence[str], normalizer: dict[str, str] | None, pattern: str, length: int | None) -> str:
    padding = {
        "strategy": {"Fixed": length}, "direction": "Right", "pad_to_multiple_of": None,
        "pad_id": 0, "pad_type_id": 0, "pad_token": PAD,
    }  # fmt: skip
    truncation = {"direction": "Right", "max_length": length, "strategy": "LongestFirst", "stride": 0}
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Removed", "invert": True}
    content: dict[str, Any] = {
        "version": "1.0",
        "truncation": truncation if length else None,
        "padding": padding if length else None,
        "added_tokens": [],
        "normalizer": normalizer,
        "pre_tokenizer": split,
        "post_processor": None,
        "decoder": {"type": "Fuse"} if normalizer is None else None,
        "model": {"type": "WordLevel", "vocab": {token: i for i, token in enumerate(tokens)}, "unk_token": UNKNOWN},
    }
    return json.dumps(content, ensure_ascii=False)
