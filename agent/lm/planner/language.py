"""German, French and Spanish requests, word by word in the English terms the planner works with."""

from __future__ import annotations

import functools
import re
import unicodedata

from agent.lm.planner.knowledge import data

LANGUAGES = ("de", "fr", "es")
_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_PRONOUNS = re.compile(r"([^\W\d_]{3,}?)(me|te|se|nos)?(l[oae]s?)?")
_SHORT = 3
_TEENS = {
    "de": {"dreizehn": 13, "vierzehn": 14, "sechzehn": 16, "siebzehn": 17, "achtzehn": 18, "neunzehn": 19},
    "fr": {"treize": 13, "quatorze": 14, "seize": 16},
    "es": {"trece": 13, "catorce": 14, "dieciséis": 16, "treinta": 30},
}
_ENDINGS = {
    "de": {"ieren": "iere ierst iert iertest ierend", "en": "e st t et est test end"},
    "fr": {"er": "e es ons ez ent é ée és ées ant era eras erais erez eriez erait"},
    "es": {
        "ar": "a as o amos an e es en ado ada ando ará arás aría arías aste",
        "er": "e es o emos en a as an ido ida iendo erá erás ería erías",
        "ir": "e es o imos en a as an ido ida iendo irá irás iría irías",
    },
}
"""Regular verbs: ending of the infinitive -> endings of the forms that requests use."""
_SHORTEST_STEM = 4
_ONES = {"ein": 1, "zwei": 2, "drei": 3, "vier": 4, "fünf": 5, "sechs": 6, "sieben": 7, "acht": 8, "neun": 9}


def gloss(text: str) -> str:
    """The text with the words of another language replaced; English text comes back as it is.

    >>> gloss("trainiere bitte ein modell auf wine, höchstens zwei minuten")
    'train please a model on wine, at most 2 minutes'
    >>> gloss("train on wine")
    'train on wine'
    """
    name = language(text)
    if name is None:
        return text
    table = _table(name)
    text = text.replace("’", "'")
    for pattern, plain in _separable(name):
        text = pattern.sub(rf"{plain}\1", text)
    if name == "es":
        text = _WORD.sub(lambda match: _enclitic(match[0].lower(), table) or match[0], text)
    text = _pattern(name).sub(lambda match: table[match[0].lower()] + (" " if match[0][-1] == "'" else ""), text)
    if name == "fr":
        text = re.sub(r"(?<=[a-z])-the\b", " it", re.sub(r"-(?:là|la|ci)\b", "", text))
    return " ".join(text.split())


def _enclitic(word: str, table: dict[str, str]) -> str | None:
    """A Spanish verb with its pronouns: "bórralo" is "delete it", "enséñame" is "show me".

    >>> _enclitic("bórralo", {"borra": "delete"}), _enclitic("modelo", {})
    ('delete it', None)
    """
    match = _PRONOUNS.fullmatch(word)
    if word in table or match is None or not (match[2] or match[3]):
        return None
    plain = _unaccented(match[1])
    root = next((known for known in (plain, match[1], plain + "r") if known in table and known in _verbs()), None)
    if root is None:
        return None
    return " ".join([table[root], *(["me"] if match[2] == "me" else []), *(["it"] if match[3] else [])])


@functools.cache
def _verbs() -> frozenset[str]:
    """Spanish words that are translated by a verb a request may begin with."""
    english = {word for listed in (data("lexicon")["openers"], data("lexicon")["commands"]) for word in listed}
    return frozenset(word for word, plain in data("lexicon_es")["words"].items() if str(plain).split()[0] in english)


def _unaccented(word: str) -> str:
    return "".join(mark for mark in unicodedata.normalize("NFD", word) if not unicodedata.combining(mark))


def language(text: str) -> str | None:
    """`de`, `fr` or `es`; None for English and for what is too short to tell."""
    words = [word.lower() for word in _WORD.findall(text.replace("’", "'"))]
    pieces = {piece for word in words for piece in (word, *re.split(r"['-]", word))}
    best, hits = None, 0
    for name in LANGUAGES:
        count = len(pieces & _telling(name))
        if name == "es":
            count += sum(_enclitic(word, _table(name)) is not None for word in pieces)
        if count:  # alone, a form may be an English word as well ("compares")
            count += len(pieces & _spoken(name).keys())
        if count > hits:
            best, hits = name, count
    if best is None:
        return None
    english = len(pieces & _english() - _table(best).keys())
    enough = hits >= 2 or english == 0 or len(words) <= _SHORT
    return best if enough and hits > english else None


@functools.cache
def _table(name: str) -> dict[str, str]:
    table = dict(_listed(name))
    table |= {word: str(number) for word, number in _TEENS[name].items()}
    if name == "de":
        tens = {word: int(plain) for word, plain in table.items() if plain.isdecimal() and 20 <= int(plain) <= 90}
        table |= {f"{one}fach{end}": f"{value} fold" for one, value in _ONES.items() for end in ("", "e", "er", "en")}
        table |= {f"{one}und{ten}": str(value + tens[ten]) for one, value in _ONES.items() for ten in tens}
    elif name == "fr":
        tens = {word: int(plain) for word, plain in table.items() if plain.isdecimal() and 20 <= int(plain) <= 80}
        ones = {word: int(plain) for word, plain in table.items() if plain.isdecimal() and 1 < int(plain) < 10}
        table |= {f"{ten}-{one}": str(tens[ten] + ones[one]) for ten in tens for one in ones}
        table |= {f"{ten} et un": str(tens[ten] + 1) for ten in tens}
    else:
        tens = {word: int(plain) for word, plain in table.items() if plain.isdecimal() and 30 <= int(plain) <= 90}
        ones = {word: int(plain) for word, plain in table.items() if plain.isdecimal() and 0 < int(plain) < 10}
        table |= {f"{ten} y {one}": str(tens[ten] + ones[one]) for ten in tens for one in ones}
    table |= {form: plain for form, plain in _spoken(name).items() if form not in table}
    if name != "de":  # accents are often left out
        bare = {_unaccented(word): plain for word, plain in table.items()}
        table |= {word: plain for word, plain in bare.items() if word not in table and word not in _english()}
    return table


@functools.cache
def _listed(name: str) -> dict[str, str]:
    """The words of the lexicon, in lower case, and what they are in English terms; not to be changed."""
    return {str(word).lower(): str(plain) for word, plain in data(f"lexicon_{name}")["words"].items()}


@functools.cache
def _spoken(name: str) -> dict[str, str]:
    """The forms of the verbs that the lexicon has in the infinitive; English words are left alone."""
    words = _listed(name)
    forms = {form: plain for word, plain in words.items() for form in _forms(word, name)}
    return {form: plain for form, plain in forms.items() if form not in words and form not in _english()}


def _forms(verb: str, name: str) -> list[str]:
    """The regular forms of a verb in the infinitive; none of other words.

    >>> _forms("entrenar", "es")[:4], _forms("modelo", "es")
    (['entrena', 'entrenas', 'entreno', 'entrenamos'], [])
    """
    for ending, forms in _ENDINGS[name].items():
        stem = verb.removesuffix(ending)
        if stem != verb and len(stem) >= _SHORTEST_STEM and verb.isalpha():
            return [form for form in (stem + other for other in forms.split()) if form != verb]
    return []


@functools.cache
def _english() -> frozenset[str]:
    return frozenset(data("lexicon")["english"])


@functools.cache
def _separable(name: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Verbs in two parts, which stand far from each other: "sag … vorher"."""
    return tuple(
        (re.compile(rf"(?<!\w)(?:{verb})( [^.;!?]{{2,60}}?) {particle}(?!\w)", re.I), plain)
        for verb, parts in data(f"lexicon_{name}").get("separable", {}).items()
        for particle, plain in parts.items()
    )


@functools.cache
def _telling(name: str) -> frozenset[str]:
    """Words that speak for a language: single ones that English, or a dataset, does not use."""
    words = _listed(name)
    listed = {word for word in _table(name) if " " not in word and (word in words or not word.isascii())}
    return frozenset(listed - set(data(f"lexicon_{name}")["ambiguous"]) - _english())


@functools.cache
def _pattern(name: str) -> re.Pattern[str]:
    words = sorted(_table(name), key=len, reverse=True)
    spelled = "|".join(re.escape(word) + ("" if word.endswith("'") else r"(?![\w])") for word in words)
    return re.compile(rf"(?<![\w§.])(?:{spelled})", re.I)
