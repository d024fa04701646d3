"""Which experiments are meant: by number, "the last one", "the last two", by dataset or by tag."""

from __future__ import annotations

import re

from agent.lm.planner.slots.reading import Reading

_JOIN = r"(?: ?(?:,|and|&|vs\.?|versus|with|or|against|to|than|beat) ?)+"
_KIND = r"(?:experiments?|exps?|runs?|models?|jobs?|number|no\.?|trainings?)"
_NUMBERED = re.compile(rf"(?:\b{_KIND} ?#? ?|#)(\d+)((?:{_JOIN}(?:the )?(?:{_KIND} ?)?#?\d+)*)")
_LIST = re.compile(rf"(?<![\w.])#?(\d+)((?:{_JOIN}(?:the )?(?:{_KIND} ?)?#?\d+)+)(?![\w.%])")
_BARE = re.compile(r"(?<![\w.])#?(\d+)(?![\w.%])")
_LAST = re.compile(
    rf"\b(?:last|latest|newest|most recent) (?:(\d+) )?(?:{_KIND}|ones?)\b|\bthe (?:last|latest|newest)\b(?! \d+ [a-z])"
)
_LAST_N = re.compile(r"\blast (\d+)\b|\bboth\b")
_PREVIOUS = re.compile(rf"\bprevious (?:{_KIND}|one)\b|\bthe (?:one )?before\b")
_FIRST = re.compile(rf"\b(?:first|oldest) (?:{_KIND}|one)\b")
_ALL = re.compile(rf"\b(?:all|every)(?: (?:the|my|our|of them|{_KIND}))*\b|\beverything\b")


def read(reading: Reading) -> None:
    """Find experiments as `experiments`; numbers that stand alone are kept apart as `bare`."""
    ids = reading.world.ids
    numbered = list(_NUMBERED.finditer(reading.text)) or list(_LIST.finditer(reading.text))
    if numbered:
        reading.put(
            "experiments", list(dict.fromkeys(int(text) for m in numbered for text in re.findall(r"\d+", m[0])))
        )
        for match in numbered:
            reading.take(*match.span())
        return
    several = reading.search(_LAST_N)
    if several and ids:
        count = int(several[1]) if several[1] else 2
        reading.put("experiments", list(ids[-count:]))
        return
    for pattern, position in ((_PREVIOUS, -2), (_LAST, -1), (_FIRST, 0)):
        if reading.search(pattern) and len(ids) >= abs(position):
            reading.put("experiments", [ids[position]])
            return
    _by_name(reading)
    if reading.search(_ALL):
        reading.put("all_experiments", list(ids))
    bare = [int(match[1]) for match in _BARE.finditer(reading.text)]
    if bare:
        reading.put("bare", bare)


def _tagged(tag: str, text: str) -> bool:
    """Whether the text means a tag; one that is an everyday word ("good") must be spoken of as one."""
    name = re.escape(tag)
    if re.fullmatch(r"[a-z]+", tag):
        spoken = rf"\btag(?:ged)? (?:as )?{name}\b|\bthe {name}(?: (?:{_KIND}|ones?)\b|\W*$)|[`\"']{name}[`\"']"
        return re.search(rf"{spoken}|\b{_KIND} {name}\b", text) is not None
    return re.search(rf"(?<!\w){name}(?!\w)", text) is not None


def _by_name(reading: Reading) -> None:
    text = reading.text.lower()
    for record in reversed(reading.world.experiments):
        if any(_tagged(str(tag).lower(), text) for tag in record.get("tags", ())):
            reading.put("experiments", [int(record["id"])])
            return
    dataset = reading.found.get("dataset")
    named = re.search(r"\b(?:one|model|experiment|run|classifier)\b", text)
    if dataset and named:
        matching = [int(record["id"]) for record in reading.world.experiments if record.get("dataset") == dataset]
        if matching:
            reading.put("experiment_of_dataset", matching[-1])
