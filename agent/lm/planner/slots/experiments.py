"""Which experiments are meant: by number, place, rank, name or dataset, or all of them but some."""

from __future__ import annotations

import functools
import re

from agent.lm.planner.knowledge import data
from agent.lm.planner.slots.reading import Reading

_LONGEST_SPAN = 100
_SPAN = re.compile(r"(?:experiments|exps|runs|models|jobs|trainings) #?(\d+) ?(?:to|-|through|until) ?#?(\d+)\W*")
_JOIN = (
    r"(?: ?(?:,|and|&|vs\.?|versus|with|or|against|to|through|until|-|(?:\w+ )?than|beat|(?:is )?ahead of|behind|"
    r"(?:\w+ )?from) ?)+"
)
_KIND = r"(?:experiments?|exps?|runs?|models?|jobs?|numbers?|no\.?|nr\.?|trainings?)"
_NUMBERED = re.compile(
    rf"(?:\b{_KIND}(?: {_KIND})? ?#? ?|#)(\d+)((?:{_JOIN}(?:the )?(?:{_KIND} ?)*#?\d+)*)"
    r"(?![\w%]|\.\d| (?:(?:s|ms|bytes)\b|%))"
)
_LIST = re.compile(
    rf"(?<![\w.])#?(\d+)((?:{_JOIN}(?:the )?(?:{_KIND} ?)*#?\d+)+)(?![\w%]|\.\d| ?(?:(?:s|ms|bytes|trials|folds)\b|%))"
)
_BARE = re.compile(r"(?<![\w.])#?(\d+)(?![\w%]|\.\d| ?(?:(?:s|ms|bytes)\b|%))")
_DECIMAL = re.compile(r"(?<![\w.])(\d+\.\d+)(?! ?(?:s|ms|bytes|%|points)\b| ?%)")
_THING = rf"(?:{_KIND}|ones?|results?|classifiers?|of them|of (?:the|my|our) {_KIND})"
_BUT = re.compile(r"\b(?:except|but|apart from|other than|besides|save(?: for)?|excluding|without)\b(?: for)? (.+)$")
_ALL = re.compile(
    rf"\b(?:all|every)\b(?: (?:the|my|our|of them|of it|{_KIND}))*|\beverything\b|\bthe (?:whole|entire) history\b"
)
_OTHER = re.compile(r"\bthe others?\b(?: ones?| runs?| experiments?| models?)?")
_SEVERAL = re.compile(
    r"\b(best|top|strongest|last|latest|newest|most recent|first|oldest|worst) (\d+)\b(?! (?:s|ms|bytes|trials))|"
    rf"\bboth\b|\b(?:the|these|those|my) 2\b(?: {_THING})?|\bthe last couple\b"
)
_PLACE = re.compile(
    rf"\b(?:very )?(last|latest|newest|newer|older|most recent|previous|first|oldest|second|third|fourth|fifth|"
    rf"middle|second[- ]last|one before)\b (?:\w+ )?{_THING}\b|"
    rf"\bthe (last|latest|newest|previous|first|second|third|fourth|fifth)\b(?! \d| [a-z]|-)|\b(?:the )?(one before)\b"
)
_PLACES = {"first": 0, "oldest": 0, "older": 0, "second": 1, "third": 2, "fourth": 3, "fifth": 4, "previous": -2,
           "second last": -2, "second-last": -2}  # fmt: skip
_NEW = re.compile(r"\b(?:a|an|another|new|some|tiny|small|compact|fast|quick|little)\b(?: [\w-]+){0,2} *$")
"""Before a dataset's name: a model to be made, not one that exists."""

_ORDINALS = re.compile(
    r"\bthe (last|latest|newest|first|oldest|second|third|fourth|fifth|previous)\b(?! \d)"
    r"(?= (?:1 |one |run |model |experiment )?(?:and|with|against|to|vs|versus|or|next|beside)\b|(?: \w+)?\W*$)"
)
_ONE = re.compile(r"\b(?:one(?! more)|model|experiment|run|classifier|regressor|training)s?\b")
_RANK = re.compile(
    rf"\b(?:the |my |our )(best|better|strongest|top|most accurate|highest scoring|winner|winning|worst|weakest|"
    rf"smallest|largest|biggest|fastest|slowest)\b(?: {_THING})?"
    r"(?! (?:\w+ )?(?:errors?|rows?|predictions?|cases?|examples?|guess\w*|mistakes?|class(?:es)?|columns?|features?))"
)


def read(reading: Reading) -> None:
    """Find experiments as `experiments`; numbers that stand alone are kept apart as `bare`."""
    ids = list(reading.world.ids)
    everything = reading.search(_ALL)
    other = _BUT.search(reading.text[everything.end() :]) if everything else None
    if everything and other:
        named = {one.name for one in reading.found.get("_mentions", ()) if one.start >= everything.end()}
        spared = _settled(other[1], reading)
        spared += [int(r["id"]) for r in reading.world.experiments if r.get("dataset") in named]
        if not spared:  # what is to stay is not clear, so nothing is named
            reading.put("_unclear", other[1])
            return
        reading.put("experiments", [number for number in ids if number not in spared])
        return
    found = _settled(reading.text, reading)
    if found:
        reading.put("experiments", found)
        return
    if reading.search(_OTHER) and len(ids) > 1:
        current = reading.world.current_experiment or ids[-1]
        reading.put("experiments", [number for number in ids if number != current])
    _of_dataset(reading)
    if everything:
        reading.put("all_experiments", ids)
    bare = [int(match[1]) for match in _BARE.finditer(reading.text)]
    if bare:
        reading.put("bare", bare)
    decimal = reading.search(_DECIMAL)
    if decimal:
        reading.put("_number", float(decimal[1]))


def _settled(text: str, reading: Reading) -> list[int]:
    """Experiments that the words name for certain."""
    world, ids = reading.world, list(reading.world.ids)
    numbered = list(_NUMBERED.finditer(text)) or list(_LIST.finditer(text))
    tagged = _tagged_ones(text, reading)
    if numbered:
        named = [(m.start(), number) for m in numbered for number in _numbers(m[0])]
        named += [(place, number) for place, number in tagged]
        return list(dict.fromkeys(number for _, number in sorted(named, key=lambda pair: pair[0])))
    if tagged:
        joined = re.search(r"\b(?:and|with|against|to|than|vs|versus|or)\b", text)
        others = [(m.start(), int(m[1])) for m in _BARE.finditer(text) if int(m[1]) in ids] if joined else []
        return list(dict.fromkeys(number for _, number in sorted([*tagged, *others])))
    several = _SEVERAL.search(text)
    if several and ids:
        return _many(several[1] or "last", int(several[2] or 2), reading)
    places = [_PLACES.get(match[1], -1) for match in _ORDINALS.finditer(text)]
    if len(places) > 1 and ids:
        return list(dict.fromkeys(ids[index] for index in places if -len(ids) <= index < len(ids)))
    place = _PLACE.search(text)
    if place and ids:
        where = str(place[1] or place[2] or place[3])
        if where in ("previous", "one before"):
            before = world.before()
            return [before] if before is not None else []
        index = len(ids) // 2 if where == "middle" else _PLACES.get(where, -1)
        return [ids[index]] if -len(ids) <= index < len(ids) else []
    rank = _RANK.search(text)
    if rank and ids:
        ordered = _ordered(rank[1], reading)
        return ordered[:1]
    bare = re.fullmatch(r"\W*#?(\d+)\W*", text)
    return [int(bare[1])] if bare and int(bare[1]) in world.ids else []


def _numbers(text: str) -> list[int]:
    """The numbers of a list; "runs 1 to 4" is all of them, "compare 1 to 4" is two."""
    span = re.fullmatch(
        r"(?:experiments|exps|runs|models|jobs|trainings) #?(\d+) ?(?:to|-|through|until) ?#?(\d+)\W*", text
    )
    if span and 0 < int(span[2]) - int(span[1]) <= _LONGEST_SPAN:
        return list(range(int(span[1]), int(span[2]) + 1))
    return [int(number) for number in re.findall(r"\d+", text)]


def _many(which: str, count: int, reading: Reading) -> list[int]:
    ids = list(reading.world.ids)
    if which in ("first", "oldest"):
        return ids[:count]
    if which in ("best", "top", "strongest", "worst"):
        return _ordered(which, reading)[:count] or ids[-count:]
    return ids[-count:]


def _ordered(rank: str, reading: Reading) -> list[int]:
    """Experiments by what was measured, the one that the word means first."""
    by, rising = data("lexicon")["ranks"].get(rank, ["score", False])
    world = reading.world
    values = {
        number: world.score(number) if by == "score" else (world.experiment(number) or {}).get(by)
        for number in world.ids
    }
    known = [number for number, value in values.items() if value is not None]
    return sorted(known, key=lambda number: float(values[number] or 0) * (1 if rising else -1))


def _tagged_ones(text: str, reading: Reading) -> list[tuple[int, int]]:
    found, seen = [], {str(reading.found.get("tag", "")).lower()}
    original = reading.whole.original(text).lower()
    for record in reversed(reading.world.experiments):
        for tag in record.get("tags", ()):
            name = str(tag).lower()
            match = None if name in seen else _tag(name).search(original)
            if match:
                seen.add(name)
                found.append((match.start(), int(record["id"])))
                if original == text == reading.text:
                    place = original.find(name, match.start())
                    reading.spans.append((place, place + len(name), "run"))
    return found


@functools.lru_cache(maxsize=256)
def _tag(tag: str) -> re.Pattern[str]:
    """How a tag is spoken of; one that is an everyday word ("good") must be spoken of as a name."""
    name = re.escape(tag)
    if tag in data("lexicon")["everyday_tags"]:
        return re.compile(
            rf"\btag(?:ged)? (?:as )?{name}\b|\bthe {name}(?: (?:{_KIND}|ones?)\b|\W*$)|[`\"']{name}[`\"']|"
            rf"\b{_KIND} {name}\b"
        )
    return re.compile(rf"(?<!\w){name}(?!\w)")


def _of_dataset(reading: Reading) -> None:
    dataset = reading.found.get("dataset")
    start = next((start for start, _, kind in reading.spans if kind == "dataset"), 0)
    if _NEW.search(reading.text[:start]):
        return
    if dataset and re.search(
        r"\b(?:one(?! more)|model|experiment|run|classifier|regressor|training)s?\b", reading.text
    ):
        matching = [int(r["id"]) for r in reading.world.experiments if r.get("dataset") == dataset]
        if matching:
            reading.put("experiment_of_dataset", matching[-1])
