"""Columns that the model must not use: "don't use monthly_fee", "everything but the customer id"."""

from __future__ import annotations

import functools
import re

from agent.lm.planner.knowledge import data
from agent.lm.planner.slots.grouping import form
from agent.lm.planner.slots.reading import Reading

_AND = re.compile(r",? (?:and|or|nor) |, ")
_WORD = re.compile(r"[^\W\d_]{4,}")


def read(reading: Reading) -> None:
    """Find the columns to leave out; only columns of the data count."""
    found = named(reading)
    for _, start, end in found:
        reading.take(start, end)
    if found:
        reading.put("ignore_columns", list(dict.fromkeys(name for names, _, _ in found for name in names)))


def named(reading: Reading) -> list[tuple[list[str], int, int]]:
    """Every (columns, start, end) that the text leaves out."""
    columns = list(dict.fromkeys((*reading.world.names, *reading.world.inputs)))
    forms = {name: "|".join([form(name, reading), *_parts(name, columns)]) for name in columns}
    if not forms:
        return []
    found = []
    for match in _pattern("|".join(forms.values())).finditer(reading.text):
        names = [name for part in _AND.split(match[0]) for name in _meant(part, forms)]
        found.append((names, *match.span()))
    return found


def _meant(part: str, forms: dict[str, str]) -> list[str]:
    """The columns in one member of a list; a word that is none is kept, so that the tool says what there is."""
    known = [name for name, words in forms.items() if re.search(rf"(?<!\w)(?:{words})(?!\w)", part)]
    return known or re.findall(r"[\w-]+", part)[-1:]


def _parts(name: str, columns: list[str]) -> list[str]:
    """Words of a column's name that no other column has: "tenure" of tenure_months."""
    others = {word for other in columns if other != name for word in _WORD.findall(other.lower())}
    return [re.escape(word) for word in _WORD.findall(name.lower()) if word not in others]


@functools.lru_cache(maxsize=64)
def _pattern(columns: str) -> re.Pattern[str]:
    before, after = r"(?:the |any |columns? |feature |field |variable )*", r"(?: column| feature| field)?"
    column = rf"{before}(?<!\w)(?:{columns})(?!\w){after}"
    several = rf"(?:(?:the )?[a-z_]{{3,}}(?:,| and) )?{column}(?:(?:,| and| or|, and|,? nor) {column})*"
    return re.compile("|".join(wording.replace("{c}", several) for wording in data("lexicon")["leaving_out"]))
