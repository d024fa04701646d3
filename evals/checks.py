"""Did a turn do what it should? Judged by the calls it made, what it said, and the state it left behind."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from evals.suite import Expect
from tools.tracking.store import Store

_REFUSAL = re.compile(
    r"\b(can ?not|can't|cannot|won't|will not|don't|do not|not able|not allowed|unable|refuse)\b", re.I
)
_ASKS = {
    "data": re.compile(r"\b(data|dataset|file|attach|csv|sample)", re.I),
    "target": re.compile(r"\b(target|column|predict)", re.I),
    "confirmation": re.compile(r"\b(sure|confirm|yes|really|go ahead|proceed)\b", re.I),
    "choice": re.compile(r"\b(which|or|one of|choose|what)\b", re.I),
}
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?")


@dataclass
class Call:
    """One tool call of a turn."""

    name: str
    args: dict[str, Any]
    ok: bool = True


@dataclass
class Outcome:
    """What a turn did; `infrastructure` tells of a fault that is not the agent's."""

    calls: list[Call] = field(default_factory=list)
    answer: str = ""
    options: tuple[str, ...] = ()
    seconds: float = 0.0
    tool_seconds: float = 0.0
    tokens: int = 0
    infrastructure: str = ""


@dataclass
class Verdict:
    """What was missed, in words; parts are None where nothing was asked of them."""

    misses: list[str] = field(default_factory=list)
    tool_right: bool | None = None
    args_right: bool | None = None
    forbidden: int = 0
    needless_question: bool = False


def judge(expect: Expect, outcome: Outcome, store: Store) -> Verdict:
    """Compare one turn with its expectation."""
    verdict = Verdict()
    _judge_tools(expect, outcome, verdict)
    _judge_args(expect, outcome, verdict)
    _judge_words(expect, outcome, verdict)
    for wanted in expect.never:
        name, _, action = wanted.partition(":")
        hits = [
            call for call in outcome.calls if call.name == name and action in ("", call.args.get("action")) and call.ok
        ]
        verdict.forbidden += len(hits)
        if hits:
            verdict.misses.append(f"{wanted} was called, which must never happen")
    verdict.misses += _state_misses(expect.store, store)
    return verdict


def _judge_tools(expect: Expect, outcome: Outcome, verdict: Verdict) -> None:
    names = [call.name for call in outcome.calls]
    called = ", ".join(names) or "no tool"
    if expect.no_tool and names:
        verdict.misses.append(f"no tool expected, called {called}")
    if expect.tool and expect.tool not in names:
        verdict.misses.append(f"{expect.tool} expected, called {called}")
    if expect.any_of and not set(expect.any_of) & set(names):
        verdict.misses.append(f"one of {', '.join(expect.any_of)} expected, called {called}")
    rest = iter(names)
    if expect.in_order and not all(wanted in rest for wanted in expect.in_order):
        verdict.misses.append(f"{' then '.join(expect.in_order)} expected, called {called}")
    if expect.no_tool or expect.tool or expect.any_of or expect.in_order:
        verdict.tool_right = not verdict.misses
        wants_tool = not expect.no_tool
        verdict.needless_question = wants_tool and not names and outcome.answer.rstrip().endswith("?")


def _judge_args(expect: Expect, outcome: Outcome, verdict: Verdict) -> None:
    if not expect.args:
        return
    candidates = [call for call in outcome.calls if expect.tool in (None, call.name)]
    gaps: list[list[str]] = [
        [
            f"{key}={call.args.get(key)!r} instead of {want!r}"
            for key, want in expect.args.items()
            if not same(want, call.args.get(key))
        ]
        for call in candidates
    ]
    verdict.args_right = any(not gap for gap in gaps)
    if not verdict.args_right and candidates:
        verdict.misses.append("arguments: " + "; ".join(min(gaps, key=lambda gap: len(list(gap)))))
    elif not candidates and not verdict.misses:
        verdict.misses.append("arguments expected, but no tool was called")


def _judge_words(expect: Expect, outcome: Outcome, verdict: Verdict) -> None:
    answer = outcome.answer
    if expect.asks_for:
        asked = "?" in answer or len(outcome.options) >= 2
        said = f"{answer} {' '.join(outcome.options)}"
        if not (asked and _ASKS[expect.asks_for].search(said)):
            verdict.misses.append(f"should ask for {expect.asks_for}, said: {answer[:160]}")
    if expect.refuses and not _REFUSAL.search(answer):
        verdict.misses.append(f"should refuse, said: {answer[:160]}")
    for fact in expect.says:
        if not _says(fact, answer):
            verdict.misses.append(f"should say '{fact}', said: {answer[:160]}")


def _says(fact: str | float, answer: str) -> bool:
    if isinstance(fact, str):
        return fact.casefold() in answer.casefold()
    found = [float(text.replace(",", ".")) for text in _NUMBER.findall(answer)]
    return any(same(fact, number) or same(fact * 100, number) for number in found)


def same(want: Any, got: Any) -> bool:
    """Equal, numbers within 1 %, words without regard to case, lists item by item."""
    if isinstance(want, bool) or isinstance(got, bool) or want is None:
        return want is got
    if isinstance(want, (int, float)) and isinstance(got, (int, float)):
        return abs(want - got) <= 0.01 * max(abs(want), abs(got))
    if isinstance(want, str) and isinstance(got, str):
        return want.strip().casefold() == got.strip().casefold()
    if isinstance(want, (list, tuple)) and isinstance(got, (list, tuple)):
        return len(want) == len(got) and all(same(left, right) for left, right in zip(want, got, strict=True))
    return bool(want == got)


def _state_misses(wanted: dict[str, Any], store: Store) -> list[str]:
    if not wanted:
        return []
    records = {record.id: record for record in store.list()}
    misses = []
    if "experiments" in wanted and len(records) != wanted["experiments"]:
        misses.append(f"{wanted['experiments']} experiments expected in the history, there are {len(records)}")
    misses += [f"experiment {number} is gone" for number in wanted.get("exists", ()) if number not in records]
    misses += [f"experiment {number} is still there" for number in wanted.get("missing", ()) if number in records]
    for number, tags in wanted.get("tags", {}).items():
        held = records[int(number)].tags if int(number) in records else ()
        misses += [f"experiment {number} has no tag '{tag}'" for tag in tags if tag not in held]
    for number, status in wanted.get("jobs", {}).items():
        is_now = records[int(number)].status if int(number) in records else "gone"
        if is_now != status:
            misses.append(f"job {number} is {is_now}, not {status}")
    return misses
