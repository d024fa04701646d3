"""Which data is meant: an attached file, a sample, or a file name, matched with tolerance for typing errors."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from agent.lm.planner import mood
from agent.lm.planner.knowledge import data
from agent.lm.planner.slots.reading import Reading
from agent.lm.planner.world import World

_WORD = re.compile(r"[a-z][a-z_-]{3,}")
_NAMED = re.compile(r"\b(?:train|model|classifier|learn|fit|build)\b.*\bon (?:the )?([a-z_][\w-]{2,})\b|"
                    r"\b([a-z_][\w-]{2,}) (?:data|dataset|data set|sample)\b")  # fmt: skip
_ONLY_ON = re.compile(r"\bon (?:the )?([a-z_][\w-]{2,})(?= data ?set\b|\W*$|,| (?:for|in|with|under|within|using)\b)")
_SET = re.compile(r" (?:file|data|dataset|table|sheet|spreadsheet|csv|numbers|set)\b")
_PAIR_OF_WORDS = re.compile(r"(?=([a-z]{4,} [a-z]{4,}))[a-z]{4,} [a-z]{4,}")
_THE_OTHER = re.compile(r"\b(?:the|my) other (?:one|file|data ?set|data|table|csv|sheet)\b")
_SPOKEN = (
    r"(?:(?<=the )|(?<=those )|(?<=these )|(?<=your )){words}(?= (?:one|data|set|thing|model|again)\b|[.,;:!?]|\W*$)"
)
"""How the samples are spoken of by what they are about: "the flowers one"."""

_CLOSE = 87.0
_SHORTEST_PART = 4
_SHORTEST_STEM = 3


@dataclass(frozen=True)
class Mention:
    """A dataset's name in the text."""

    name: str
    start: int
    end: int


def read(reading: Reading) -> None:
    """Find the dataset that the text names; of several the first, all are marked for the intent model."""
    found = mentions(reading)
    for mention in found:
        reading.spans.append((mention.start, mention.end, "dataset"))
    if found:
        reading.put("dataset", found[0].name)
        reading.put("_mentions", found)
        for mention in found:
            reading.take(mention.start, mention.end)


def mentions(reading: Reading) -> list[Mention]:
    """Every place where data is named, in order."""
    world, text = reading.world, reading.text
    found = [Mention(_attached(name, world) or name, start, end) for name, start, end in reading.held("f")]
    for name, form in _forms(world):
        for hit in re.finditer(rf"(?<![\w§]){form}(?![\w§])", text):
            if world.attached and "_" in name and name in world.samples and hit[0] != name:
                continue  # "support messages" beside a file of them are what it holds
            overlaps = any(hit.start() < known.end and known.start < hit.end() for known in found)
            if not overlaps and not _names_target(text, hit.start(), name, world):
                found.append(Mention(name, hit.start(), hit.end()))
    meant = [mention for mention in found if not mood.negated(text, mention.start)]  # "forget about iris, take wine"
    return (
        sorted(meant or found, key=lambda mention: mention.start)
        or _fuzzy(reading)
        or _by_part(reading)
        or _other(reading)
    )


def _other(reading: Reading) -> list[Mention]:
    """The other of two files: "and the other one?"."""
    match = reading.search(_THE_OTHER)
    others = [name for name in reading.world.datasets if name != reading.world.current_dataset]
    known = len(reading.world.datasets) == 2 and not reading.world.experiments
    return [Mention(others[0], *match.span())] if match and known and len(others) == 1 else []


def elsewhere(text: str) -> bool:
    """Whether data is named that is not here, so that the conversation's current data is not meant."""
    match = _ONLY_ON.search(text)
    return match is not None and match[1] not in _ordinary()


def unknown(text: str) -> str | None:
    """A name that stands where data is named, for the question after it."""
    match = _NAMED.search(text)
    name = match and (match[1] or match[2])
    return name if name and name not in _ordinary() else None


def _forms(world: World) -> list[tuple[str, str]]:
    """Names with patterns for the ways they are written, the longest first."""
    forms: list[tuple[str, str]] = []
    for name in world.datasets:
        stem = name.rsplit(".", 1)[0].lower()
        if len(stem) < _SHORTEST_STEM:
            continue  # "s" of s.csv is a second, "a" of a.csv an article: such files are meant by their whole name
        spaced = re.sub(r"[_-]+", "[ _-]?", re.escape(stem).replace("\\-", "-"))
        forms.append((name, spaced))
    forms += [(name, re.escape(name).replace("_", "[ _-]?") + "s?") for name in world.samples]
    if not world.datasets:  # beside files of the user's own, "the tickets" are hardly the sample's
        spoken = data("lexicon")["sample_words"]
        forms += [(name, _SPOKEN.replace("{words}", words)) for name in world.samples for words in spoken.get(name, ())]
    return sorted(forms, key=lambda pair: -len(pair[1]))


def _attached(wanted: str, world: World) -> str | None:
    return next((name for name in world.datasets if name.lower() == wanted.lower()), None)


def _names_target(text: str, start: int, name: str, world: World) -> bool:
    """`predict churn` names a column even where churn.csv is attached; `the churn column` too."""
    if name not in world.columns:
        return False
    after = re.match(r"\S+ (?:column|variable)\b", text[start:])
    return after is not None or re.search(r"\bpredict(ing)? (the )?$", text[:start]) is not None


def _ordinary() -> frozenset[str]:
    return frozenset(data("lexicon")["ordinary"])


def _swapped(word: str, form: str) -> bool:
    """Two neighbouring letters changed places: the usual typing error."""
    return sorted(word) == sorted(form) and OSA.distance(word, form) == 1


def _fuzzy(reading: Reading) -> list[Mention]:
    """The one word that is nearly a name."""
    names = {name: name.replace("_", " ") for name in reading.world.samples}
    names |= {name: name.rsplit(".", 1)[0].lower() for name in reading.world.datasets}
    columns = {column.lower() for column in reading.world.names}
    best: tuple[float, Mention] | None = None
    for match in (*_WORD.finditer(reading.text), *_PAIR_OF_WORDS.finditer(reading.text)):
        if match[0] in _ordinary() or match[0] in columns:
            continue
        for name, form in names.items():
            if (" " in match[0]) != (" " in form):
                continue
            score = fuzz.ratio(match[0], form)
            near = score >= _CLOSE - (7 if len(form) >= 6 else 0) or _swapped(match[0], form)
            near = near or (name in reading.world.columns and match[0].rstrip("s") == form.rstrip("s"))
            if near and _names_target(reading.text, match.start(), name, reading.world):
                continue
            if len(form) >= 4 and near and (best is None or score > best[0]):
                best = (score, Mention(name, *match.span()))
    return [best[1]] if best else []


def _by_part(reading: Reading) -> list[Mention]:
    """A part of a name: "the tickets file" is support_tickets.csv, where no other file has that word in its name."""
    for match in _WORD.finditer(reading.text):
        word = match[0].rstrip("s")
        if len(word) < _SHORTEST_PART or match[0] in _ordinary():
            continue
        having = [
            name
            for name in reading.world.datasets
            if word in [part.rstrip("s") for part in re.split(r"[\W_]+", name.rsplit(".", 1)[0].lower())]
        ]
        if len(having) == 1 and re.match(
            r" (?:file|data|dataset|table|sheet|csv|numbers|set)\b", reading.text[match.end() :]
        ):
            return [Mention(having[0], *match.span())]
    return []
