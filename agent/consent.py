"""Did the user say yes? Decided from the user's own words, never by a language model."""

from __future__ import annotations

import re
from typing import Literal

Said = Literal["yes", "no"]

_YES = {
    "yes", "ye", "yea", "ya", "yess",
    "yep", "yeah", "yup", "y", "sure", "ok", "okay", "confirm", "confirmed", "absolutely", "definitely",
    "certainly", "ja", "jawohl", "oui", "si", "sí", "aye", "affirmative", "please do", "do it", "go ahead", "of course",
    "proceed", "go for it", "i am sure", "i'm sure", "delete it", "stop it", "cancel it", "yes please", "mach das",
    "ja bitte", "vas y", "bien sûr", "claro", "adelante", "d'accord",
}  # fmt: skip
_NO = {
    "no", "nope", "nah", "n", "not", "don't", "dont", "never", "keep", "wait", "stop", "cancel", "nein", "non", "leave",
    "abort", "hold", "instead", "but", "except", "unless", "rather", "if", "nicht", "pas", "doch", "sauf", "salvo",
    "let", "only", "just", "aber", "mais", "pero", "forget", "mind",
}  # fmt: skip
_FILLERS = {
    "actually", "hmm", "hm", "oh", "well", "um", "uh", "please", "sorry", "ach", "ah", "oops", "er", "ffs", "omg",
    "lol", "jeez", "ugh", "argh", "gosh", "right",
}  # fmt: skip
_NO_OPENING = _NO - {
    "but", "except", "unless", "if", "stop", "cancel", "only", "just", "doch", "sauf", "salvo", "aber", "mais", "pero",
    "forget", "mind",
}  # fmt: skip
_WORDS = re.compile(r"[\w']+")
_ABBREVIATED = re.compile(r"\W*[yn]\s+\w")
"""A letter before other words is another word: "n now wine" is "and now", "y tho" is "why"."""
_LEAD = 3


def said(text: str) -> Said | None:
    """Read a reply to a question that asked for a yes.

    Only a reply that *begins* with a yes and holds no word of doubt counts as one; what is not clear is `None`.

    >>> said("Yes, delete it"), said("no, keep it"), said("yes but only 3"), said("show me the list")
    ('yes', 'no', None, None)
    """
    words = _WORDS.findall(text.casefold().replace("’", "'"))
    while words and words[0] in _FILLERS:
        words = words[1:]
    if not words or _ABBREVIATED.match(text.casefold()):
        return None
    stops = words[0] in ("stop", "cancel") and bool(set(words[1:3]) & {"don't", "dont", "no", "wait"})
    if stops or words[0] in _NO_OPENING or words[:2] == ["never", "mind"] or words[:2] == ["forget", "it"]:
        return "no"
    lead = {" ".join(words[:length]) for length in range(1, _LEAD + 1)}
    doubt = set(words) & (_NO - {"stop", "cancel"})
    if lead & _YES and not doubt:
        return "yes"
    return None
