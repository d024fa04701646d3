"""Typing errors in the words that matter: "confusoin matrx" is read as the confusion matrix."""

from __future__ import annotations

import functools
import re

from rapidfuzz.distance import OSA

from agent.lm.planner.knowledge import data

_WORD = re.compile(r"(?<![\w§./`'\"-])[a-z]{5,}(?![\w§/'\"-]|\.\w)")
_SHORT = re.compile(r"(?<![\w§./`'\"=-])[a-z]{1,5}(?![\w§/'\"=-]|\.\w| ?[=:]| ?square)")
_LONG = 8
"""From this length on two errors are mended, below it one."""


def mended(text: str, names: frozenset[str] = frozenset()) -> str:
    """The text with near misses of the trade's words corrected; words that mean something as they are stay.

    Args:
        text: In lower case.
        names: Words of columns and datasets, which are never touched.

    >>> mended("hw gud is it n hw big")
    'how good is it and how big'
    >>> mended("show the confusoin matrx of the calssifier")
    'show the confusion matrix of the classifier'
    """
    short = data("lexicon")["shorthand"]
    written_out = _SHORT.sub(lambda match: match[0] if match[0] in names else short.get(match[0], match[0]), text)
    return _WORD.sub(lambda match: match[0] if match[0] in names else _nearest(match[0]), written_out)


@functools.lru_cache(maxsize=2048)
def _nearest(word: str) -> str:
    if word in _known():
        return word
    most = 2 if len(word) >= _LONG else 1
    best = min(data("lexicon")["spelled"], key=lambda right: (OSA.distance(word, right), right))
    near = OSA.distance(word, best) <= most and word[0] == best[0]
    inflected = word.startswith(best) or best.startswith(word)
    return str(best) if near and not inflected else word


@functools.cache
def _known() -> frozenset[str]:
    """Every word of the planner's own data: right as it stands."""
    found: set[str] = set()
    for name in ("utterances", "glossary", "lexicon", "intents", "units", "lexicon_de", "lexicon_fr", "lexicon_es"):
        found |= set(re.findall(r"[^\W\d_]{5,}", str(data(name)).lower()))
    return frozenset(found)
