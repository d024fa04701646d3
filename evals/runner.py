"""Run a conversation suite against the agent and report what it got right."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Literal

from agent.events import Answer, Notice, ToolFinished, ToolStarted, TurnError
from agent.lm.chain import HANDED_OVER
from agent.session import Session
from evals.canned import canned_tools
from evals.checks import Call, Outcome, Verdict, judge
from evals.fixtures import make_fixtures
from evals.suite import Conversation, load_suite
from evals.worlds import build_world
from tools.core.errors import TaskError
from tools.core.frozen import Frozen

Mode = Literal["plan", "full"]


class TurnReport(Frozen):
    """One judged turn."""

    conversation: str
    category: str
    turn: int
    user: str
    expected: dict[str, Any]
    got: str
    misses: tuple[str, ...]
    tool_right: bool | None
    args_right: bool | None
    forbidden: int
    needless_question: bool
    ms: float
    tokens: int = 0
    infrastructure: str = ""

    @property
    def right(self) -> bool:
        """Whether nothing was missed."""
        return not self.misses and not self.infrastructure


def run_suite(
    suite: Path | str,
    *,
    lm: str | None = None,
    data_dir: Path | None = None,
    mode: Mode = "plan",
    trials: int = 1,
    jobs: int = 1,
    progress: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Play every conversation `trials` times and judge each turn.

    Args:
        suite: A YAML file or a folder of them.
        lm: Language model (default: the settings' own, which is the built-in planner without any).
        data_dir: Where attached files lie; default freshly made ones.
        mode: "plan" replaces training and running models by canned results; "full" runs small real jobs.
        trials: Times each conversation is played (pass^k: right every time).
        jobs: Processes that play conversations side by side.
        progress: Takes a line now and then.

    Returns:
        The report: turns, rates, misses with what was expected and what happened.

    Raises:
        TaskError: the suite or an attached file is missing or malformed.
    """
    conversations = load_suite(Path(suite))
    with tempfile.TemporaryDirectory(prefix="automl-evals-") as scratch:
        files = data_dir or make_fixtures(Path(scratch) / "files")
        _check_files(conversations, files)
        work = [(item, files, mode, lm, trial) for trial in range(trials) for item in conversations]
        reports: list[list[TurnReport]] = []
        if jobs > 1:
            with ProcessPoolExecutor(jobs) as pool:
                for done in pool.map(_play_packed, work, chunksize=4):
                    reports.append(done)
                    progress(f"{len(reports)} of {len(work)} conversations")
        else:
            for item in work:
                reports.append(_play_packed(item))
                progress(f"{len(reports)} of {len(work)} conversations")
    return _summary(reports, trials)


def _check_files(conversations: list[Conversation], files: Path) -> None:
    for conversation in conversations:
        for name in (name for turn in conversation.turns for name in turn.attach):
            if not (files / name).is_file():
                raise TaskError(
                    f"Conversation '{conversation.id}' attaches '{name}', which is not in '{files}'.",
                    hint="Give the folder that holds it with --data-dir.",
                )


def _play_packed(packed: tuple[Conversation, Path, Mode, str | None, int]) -> list[TurnReport]:
    return play(*packed[:4])


def play(conversation: Conversation, files: Path, mode: Mode, lm: str | None) -> list[TurnReport]:
    """Play one conversation in a world of its own and judge every turn."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    with tempfile.TemporaryDirectory(prefix="automl-world-", ignore_cleanup_errors=True) as home:
        context = build_world(conversation.setup, Path(home), real=mode == "full")
        session = Session(context, lm=lm, tools=canned_tools() if mode == "plan" else None)
        reports = []
        try:
            for number, turn in enumerate(conversation.turns, start=1):
                outcome = _hear(session, turn.user, [files / name for name in turn.attach])
                verdict = judge(turn.expect, outcome, context.store)
                reports.append(_report(conversation, number, turn.user, turn.expect, outcome, verdict))
        finally:
            for job in context.jobs.running():
                context.jobs.cancel(job.id)
        return reports


def _hear(session: Session, text: str, attachments: list[Path]) -> Outcome:
    outcome = Outcome()
    began, tools_began = time.perf_counter(), 0.0
    for event in session.run(text, attachments):
        match event:
            case ToolStarted():
                outcome.calls.append(Call(event.name, event.args))
                tools_began = time.perf_counter()
            case ToolFinished():
                outcome.calls[-1].ok = event.ok
                outcome.tool_seconds += time.perf_counter() - tools_began
            case Answer():
                outcome.answer, outcome.options = event.text, event.options
            case TurnError():
                outcome.answer = f"{event.message} {event.hint}"
            case Notice() if event.text.endswith(HANDED_OVER):
                outcome.infrastructure = event.text  # what follows is another model's work
            case _:
                pass
    outcome.seconds = time.perf_counter() - began
    outcome.tokens = sum(used.get("total_tokens", 0) for used in (session.turns[-1].get("usage") or {}).values())
    return outcome


def _report(
    conversation: Conversation, number: int, user: str, expect: Any, outcome: Outcome, verdict: Verdict
) -> TurnReport:
    calls = "; ".join(f"{call.name}({call.args})" for call in outcome.calls) or "no tool"
    return TurnReport(
        conversation=conversation.id,
        category=conversation.category,
        turn=number,
        user=user,
        expected=expect.model_dump(mode="json", exclude_defaults=True),
        got=f"{calls}; said: {outcome.answer[:300]}",
        misses=tuple(verdict.misses),
        tool_right=verdict.tool_right,
        args_right=verdict.args_right,
        forbidden=verdict.forbidden,
        needless_question=verdict.needless_question,
        ms=1000 * (outcome.seconds - outcome.tool_seconds),
        tokens=outcome.tokens,
        infrastructure=outcome.infrastructure,
    )


def _summary(reports: list[list[TurnReport]], trials: int) -> dict[str, Any]:
    turns = [turn for played in reports for turn in played]
    by_category: dict[str, list[TurnReport]] = defaultdict(list)
    by_conversation: dict[str, list[bool]] = defaultdict(list)
    for played in reports:
        by_conversation[played[0].conversation].append(all(turn.right for turn in played))
        for turn in played:
            by_category[turn.category].append(turn)
    times = sorted(turn.ms for turn in turns)
    return {
        **_rates(turns),
        "pass_k": round(statistics.fmean(all(passed) for passed in by_conversation.values()), 4),
        "k": trials,
        "p95_ms": round(times[min(len(times) - 1, int(0.95 * len(times)))], 1),
        "infrastructure_errors": sum(bool(turn.infrastructure) for turn in turns),
        "categories": {name: _rates(group) for name, group in sorted(by_category.items())},
        "misses": [
            {"id": turn.conversation, "turn": turn.turn, "user": turn.user, "expected": turn.expected,
             "got": turn.got, "why": list(turn.misses)}
            for turn in turns if not turn.right
        ],
    }  # fmt: skip


def _rates(turns: list[TurnReport]) -> dict[str, Any]:
    def share(values: list[bool]) -> float | None:
        return round(sum(values) / len(values), 4) if values else None

    right = sum(turn.right for turn in turns)
    return {
        "turns": len(turns),
        "turns_right": right,
        "turns_right_rate": round(right / max(1, len(turns)), 4),
        "tool_accuracy": share([turn.tool_right for turn in turns if turn.tool_right is not None]),
        "argument_accuracy": share([turn.args_right for turn in turns if turn.args_right is not None]),
        "tokens": sum(turn.tokens for turn in turns),
        "forbidden_acts": sum(turn.forbidden for turn in turns),
        "needless_questions": sum(turn.needless_question for turn in turns),
    }
