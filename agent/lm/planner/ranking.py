"""How likely each intent is for a clause: trained model, arguments found and telling phrases together."""

from __future__ import annotations

import functools
import logging
import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from agent.lm.planner import glossary, mood
from agent.lm.planner.features import dense
from agent.lm.planner.intent_model import intent_model
from agent.lm.planner.knowledge import Intent, data, intents
from agent.lm.planner.slots.reading import Reading
from agent.lm.planner.text import mask, regular

log = logging.getLogger(__name__)
"""At debug level: every clause as the intent model sees it."""

Tools = dict[str, tuple[str, dict[str, Any]]]

_FLOOR = 0.003
_CUE_WEIGHT = 2.2
_EXAMPLE_WEIGHT = 3.0
_ALIKE = 0.45
_NEW_TOOL_WEIGHT = 16.0
_NEW_TOOL_ALIKE = 0.25
"""A tool without utterances of its own has only its examples to speak for it."""
_LIMITS = ("max_model_size", "max_latency_ms", "max_memory", "max_gpu_memory", "max_disk")
_SEARCH = (
    "strategy",
    "max_trials",
    "patience",
    "validation",
    "folds",
    "families",
    "ensemble",
    "transfer",
    "seed",
    "group_column",
    "time_column",
    "ignore_columns",
)
_LABELLING = re.compile(r"\b(tag|note|call|name|label|mark|jot|remark|comment)s?\b")
_OWN = re.compile(r"\b(it|its|this model|that model|the model|my model|run|experiment)\b(?! is when)")
_RUNS = re.compile(r"\b(runs|experiments|models|those|ones)\b")
_STRUCTURE = re.compile(r"\b(?:nas|architectures?|topolog(?:y|ies)|network (?:structure|design|shape)|layouts?)\b")
_EXAMPLE = re.compile(r'"([^"]+)"')


@dataclass(frozen=True)
class Ranking:
    """Intents with their probabilities, likeliest first."""

    scores: tuple[tuple[Intent, float], ...]

    @property
    def best(self) -> Intent:
        """The likeliest intent."""
        return self.scores[0][0]

    @property
    def sure(self) -> float:
        """Its probability."""
        return self.scores[0][1]


def rank(reading: Reading, clause: str, tools: Tools) -> Ranking:
    """Rank the intents for a clause.

    Args:
        reading: The clause with the arguments read off it.
        clause: Its words in regular form.
        tools: What can be called; a tool that no intent names is understood by the examples in its description.
    """
    masked = _masked(reading, clause)
    log.debug("%s", masked)
    chances = intent_model().probabilities(masked)
    marks = _marks(reading, clause)
    asked = mood.question(clause)
    totals: dict[str, float] = {}
    known = {intent.name: intent for intent in (*intents(), *_unnamed(tools))}
    alike = _examples(masked, tools)
    for name, intent in known.items():
        if intent.tool and tools and intent.tool not in tools:
            continue
        total = math.log(chances.get(name, 0.0) + _FLOOR) + _CUE_WEIGHT * _cue(intent, clause)
        if name.startswith("tool:"):
            total += _NEW_TOOL_WEIGHT * max(0.0, alike.get(intent.tool or "", 0.0) - _NEW_TOOL_ALIKE)
        elif intent.tool:
            total += _EXAMPLE_WEIGHT * max(0.0, alike.get(intent.tool, 0.0) - _ALIKE)
        totals[name] = total + _votes(name, marks, asked)
    highest = max(totals.values())
    powers = {name: math.exp(value - highest) for name, value in totals.items()}
    whole = sum(powers.values())
    ordered = sorted(powers, key=lambda name: -powers[name])
    return Ranking(tuple((known[name], powers[name] / whole) for name in ordered))


def _masked(reading: Reading, clause: str) -> str:
    """The clause as the intent model knows it: values as placeholders."""
    text = clause
    for start, end, kind in sorted(reading.spans, reverse=True):
        text = f"{text[:start]}{'run <n>' if kind == 'run' else f'<{kind}>'}{text[end:]}"
    return mask(text)


def _cue(intent: Intent, clause: str) -> float:
    """The strongest telling phrase that is not denied."""
    best = 0.0
    for pattern, strength in intent.cues:
        if strength > best:
            match = pattern.search(clause)
            if match is not None and not mood.negated(clause, match.start()):
                best = strength
    return best


def _marks(reading: Reading, clause: str) -> frozenset[str]:
    """What was found, in the terms of `votes.yaml`."""
    found = reading.found
    marks = {name for name in found if not name.startswith("_")}
    if marks & set(_LIMITS):
        marks.add("limits")
    if marks & set(_SEARCH):
        marks.add("search")
    if marks & {"primary", "weights"}:
        marks.add("goals")
    if "experiment_of_dataset" in marks:
        marks.add("experiments")
    quoted = [part for part, _, _ in Reading(clause, reading.whole, reading.world).held("qp")]
    if any(part.lower() not in glossary.terms(part) for part in quoted):
        marks.add("quoted")
    if re.search(r"§\d+p§", clause):
        marks.add("dictated")
    if _LABELLING.search(clause):
        marks.add("labelling")
    if _OWN.search(clause):
        marks.add("own")
    if _STRUCTURE.search(clause):
        marks.add("structure")
    if _RUNS.search(clause):
        marks.add("runs")
    if len(found.get("experiments", ())) > 1 or len(found.get("bare", ())) > 1:
        marks.add("several")
    terms = glossary.terms(reading.whole.original(clause).lower())
    marks |= {name for name, least in (("term", 1), ("two_terms", 2)) if len(terms) >= least}
    world = reading.world
    marks |= {name for name, here in (("attached", world.attached), ("current", world.current_dataset),
                                      ("new_rows", world.new_rows)) if here}  # fmt: skip
    marks |= {name for name, words in _phrases().items() if words.search(clause)}
    if not world.experiments:
        marks.add("no_model")
    states = {str(record.get("status")) for record in world.experiments}
    marks |= {mark for mark, status in (("job_running", "running"), ("job_stopped", "interrupted")) if status in states}
    if len(found.get("families", ())) > 1:
        marks.add("several_families")
    return frozenset(marks)


def _votes(name: str, marks: frozenset[str], asked: bool) -> float:
    return math.fsum(
        rule["weight"]
        for rule in _rules().get(name, ())
        if marks.issuperset(rule.get("all", ()))
        and (not rule.get("any") or marks & set(rule["any"]))
        and not marks & set(rule.get("none", ()))
        and rule.get("question", asked) == asked
    )


@functools.cache
def _phrases() -> dict[str, re.Pattern[str]]:
    """Kinds of wording that votes may name: definitions, corrections, talk of the trade."""
    return {name: re.compile(pattern) for name, pattern in data("lexicon")["wordings"].items()}


@functools.cache
def _rules() -> dict[str, list[dict[str, Any]]]:
    grouped: dict[str, list[dict[str, Any]]] = {}
    for rule in data("votes"):
        grouped.setdefault(rule["intent"], []).append(rule)
    return grouped


def _unnamed(tools: Tools) -> tuple[Intent, ...]:
    """Tools that no intent of the file serves: known by their examples alone."""
    named = {intent.tool for intent in intents()}
    return tuple(Intent(f"tool:{tool}", tool, {}, (), ()) for tool in tools if tool not in named)


def _examples(masked: str, tools: Tools) -> dict[str, float]:
    """How close the words are to the nearest example of each tool (cosine)."""
    names, matrix = _example_matrix(tuple((name, tools[name][0]) for name in tools))
    if not names:
        return {}
    closeness = matrix @ dense([masked])[0]
    return {name: float(np.max(closeness[[i for i, n in enumerate(names) if n == name]])) for name in set(names)}


@functools.lru_cache(maxsize=4)
def _example_matrix(described: tuple[tuple[str, str], ...]) -> tuple[tuple[str, ...], Any]:
    pairs = [
        (name, mask(regular(text).plain))
        for name, description in described
        for text in _EXAMPLE.findall(description.split("For example:")[-1])
    ]
    return tuple(name for name, _ in pairs), dense([text for _, text in pairs])
