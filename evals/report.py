"""From judged turns to the report: rates over all and per category, and every miss."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from evals.play import TurnReport


def summary(played: Sequence[Sequence[TurnReport]], trials: int, skipped: int = 0) -> dict[str, Any]:
    """The report of a suite.

    Args:
        played: The turns of every conversation played; one played several times occurs as often.
        trials: How often each was played.
        skipped: Conversations that the mode could not play.

    Returns:
        {turns, turns_right, turns_right_rate, tool_accuracy, argument_accuracy, forbidden_acts, needless_questions,
        pass_k, p95_ms, infrastructure_errors, categories, misses} and further figures; a category has the same
        figures, a miss {id, turn, user, expected, got, why, …}.
    """
    groups: dict[str, list[Sequence[TurnReport]]] = defaultdict(list)
    for turns in played:
        if turns:
            groups[turns[0].category].append(turns)
    return {
        **_figures(played),
        "k": trials,
        "skipped": skipped,
        "categories": {name: _figures(group) for name, group in sorted(groups.items())},
        "misses": [
            {
                "id": turn.conversation, "category": turn.category, "trial": turn.trial, "turn": turn.turn,
                "user": turn.user, "expected": turn.expected, "got": turn.got,
                "why": list(turn.misses) or [turn.infrastructure], "understood": turn.understood,
            }
            for turns in played for turn in turns if not turn.right
        ],
    }  # fmt: skip


def _figures(played: Sequence[Sequence[TurnReport]]) -> dict[str, Any]:
    turns = [turn for one in played for turn in one]
    passed: dict[str, list[bool]] = defaultdict(list)
    for one in played:
        if one:
            passed[one[0].conversation].append(all(turn.right for turn in one))
    right = sum(turn.right for turn in turns)
    times = sorted(turn.ms for turn in turns)
    return {
        "conversations": len(passed),
        "turns": len(turns),
        "turns_right": right,
        "turns_right_rate": round(right / max(1, len(turns)), 4),
        "tool_accuracy": _share([turn.tool_right for turn in turns if turn.tool_right is not None]),
        "argument_accuracy": _share([turn.args_right for turn in turns if turn.args_right is not None]),
        "forbidden_acts": sum(turn.forbidden for turn in turns),
        "needless_questions": sum(turn.needless_question for turn in turns),
        "not_understood": sum(not turn.understood for turn in turns),
        "pass_1": _share([statistics.fmean(results) for results in passed.values()]),
        "pass_k": _share([all(results) for results in passed.values()]),
        "p95_ms": round(times[min(len(times) - 1, int(0.95 * len(times)))], 1) if times else 0.0,
        "lm_calls": sum(turn.lm_calls for turn in turns),
        "tokens": sum(turn.tokens for turn in turns),
        "seconds": round(sum(turn.seconds for turn in turns), 1),
        "infrastructure_errors": sum(bool(turn.infrastructure) for turn in turns),
    }


def _share(values: Sequence[float]) -> float | None:
    return round(statistics.fmean(values), 4) if values else None
