"""Play one conversation in a world of its own, and judge every turn."""

from __future__ import annotations

import functools
import importlib
import os
import tempfile
import time
from pathlib import Path
from typing import Any, Literal

from agent.events import Answer, Event, Notice, ToolFinished, ToolStarted, TurnError
from agent.lm.chain import HANDED_OVER
from agent.session import Session
from agent.transcript import Transcript
from evals.canned import canned_tools
from evals.checks import Verdict, judge
from evals.outcome import Call, Outcome, Waiting
from evals.stage import StagedJobs
from evals.suite import Behaviour, Conversation, Turn
from evals.worlds import build_world, open_world
from tools.contract import ToolContext
from tools.core.errors import AutoMLError
from tools.core.frozen import Frozen
from tools.core.records import ExperimentRecord

Mode = Literal["plan", "full"]


class TurnReport(Frozen):
    """One judged turn. `ms` is the agent's own time, `seconds` that of the whole turn with its tools."""

    conversation: str
    category: str
    trial: int = 0
    turn: int
    user: str
    expected: dict[str, Any]
    got: str
    misses: tuple[str, ...] = ()
    tool_right: bool | None = None
    args_right: bool | None = None
    forbidden: int = 0
    needless_question: bool = False
    understood: bool = True
    ms: float = 0.0
    seconds: float = 0.0
    tokens: int = 0
    lm_calls: int = 0
    infrastructure: str = ""

    @property
    def right(self) -> bool:
        """Whether nothing was missed."""
        return not self.misses and not self.infrastructure


def play(conversation: Conversation, files: Path, mode: Mode, lm: str | None, trial: int = 0) -> list[TurnReport]:
    """Play a conversation and judge its turns; a fault of the machine ends it and is told as such."""
    _warm()
    reports: list[TurnReport] = []
    with tempfile.TemporaryDirectory(prefix="automl-world-", ignore_cleanup_errors=True) as home:
        player = None
        try:
            player = Player(conversation, Path(home), mode, lm)
            for number, turn in enumerate(conversation.turns, start=1):
                outcome = player.hear(turn, files)
                verdict = judge(turn.expect, outcome, player.context.store)
                reports.append(_report(conversation, number, turn, outcome, verdict, trial))
        except (OSError, AutoMLError) as error:
            turn = conversation.turns[len(reports)]
            outcome = Outcome(infrastructure=f"{type(error).__name__}: {error}")
            reports.append(_report(conversation, len(reports) + 1, turn, outcome, Verdict(), trial))
        finally:
            if player is not None:
                player.close()
    return reports


@functools.cache
def _warm() -> None:
    """Load what every turn needs, so that no turn is charged for it."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    for name in ("agent.react", "agent.toolbox", "agent.history", "agent.lm.settings", "tools.engine.data.read"):
        importlib.import_module(name)


class Player:
    """The user's side of a conversation."""

    def __init__(self, conversation: Conversation, home: Path, mode: Mode, lm: str | None) -> None:
        self.context = build_world(conversation.setup, home, real=mode == "full")
        self._mode = mode
        self._lm = lm
        self._behaviours: dict[str, Behaviour] = {}
        self._session = self._open(self.context, None)

    def hear(self, turn: Turn, files: Path) -> Outcome:
        """Say one thing and listen until the turn ends."""
        jobs = self.context.jobs
        if isinstance(jobs, StagedJobs):
            jobs.happen(turn.meanwhile)
        if "restart" in turn.meanwhile:
            self.context = open_world(self.context.home, real=self._mode == "full")
            self._session = self._open(self.context, self._session.id)
        self._behaviours.clear()
        self._behaviours.update(turn.tools)
        outcome = Outcome(asked=self._waiting())
        began = time.perf_counter()
        for event in self._session.run(turn.user, [files / name for name in turn.attach]):
            self._note(event, outcome)
        outcome.seconds = time.perf_counter() - began
        outcome.waiting = self._waiting()
        outcome.tokens = sum(used.get("total_tokens", 0) for used in self._session.turns[-1]["usage"].values())
        outcome.lm_calls = _steps(Transcript(self.context.home, self._session.id).last_state()[1])
        return outcome

    def close(self) -> None:
        """End what still runs."""
        for job in self.context.jobs.running():
            self.context.jobs.cancel(job.id)

    def _open(self, context: ToolContext, session: str | None) -> Session:
        tools = canned_tools(self._behaviours) if self._mode == "plan" else None
        return Session(context, session, lm=self._lm, tools=tools)

    def _waiting(self) -> Waiting | None:
        pending = self._session.memory.pending
        return None if pending is None else Waiting(pending.tool, pending.args)

    def _note(self, event: Event, outcome: Outcome) -> None:
        match event:
            case ToolStarted():
                outcome.calls.append(Call(event.name, event.args))
            case ToolFinished():
                call = outcome.calls[-1]
                call.ok = event.ok
                outcome.tool_seconds += event.seconds
                if event.experiment is not None and self.context.store.has(event.experiment):
                    call.resolved = _meant(call, self.context.store.get(event.experiment))
            case Answer():
                outcome.answer, outcome.options = event.text, event.options
            case TurnError():
                outcome.answer = f"{event.message} {event.hint}"
            case Notice() if event.text.endswith(HANDED_OVER):
                outcome.infrastructure = event.text  # what follows is another model's work
            case Notice():
                outcome.notices.append(event.text)
            case _:
                pass


def _meant(call: Call, record: ExperimentRecord) -> dict[str, Any]:
    """What omitted arguments came to mean, told by the experiment in the result."""
    if call.name == "HyperparameterOptimizer":  # its result is a new experiment
        return {"experiment": record.plan.base_experiment}
    meant: dict[str, Any] = {"experiment": record.id, "job": record.id, "dataset": record.dataset}
    if call.args.get("action") in ("show", "tag", "note", "plot"):
        meant["experiments"] = [record.id]
    return meant


def _steps(history: list[dict[str, Any]]) -> int:
    """Replies of the language model in the last turn."""
    last = max((number for number, line in enumerate(history) if "message" in line), default=0)
    return sum("tool_calls" in line for line in history[last:])


def _report(
    conversation: Conversation, number: int, turn: Turn, outcome: Outcome, verdict: Verdict, trial: int
) -> TurnReport:
    calls = "; ".join(map(str, outcome.calls)) or "no tool"
    said = " / ".join([*outcome.notices, outcome.answer])
    waits = f"; waits for a yes to {outcome.waiting.tool}({outcome.waiting.args})" if outcome.waiting else ""
    return TurnReport(
        conversation=conversation.id,
        category=conversation.category,
        trial=trial,
        turn=number,
        user=turn.user,
        expected=turn.expect.model_dump(mode="json", exclude_defaults=True),
        got=f"{calls}{waits}; said: {said[:400]}" + (f" {list(outcome.options)}" if outcome.options else ""),
        misses=tuple(verdict.misses),
        tool_right=verdict.tool_right,
        args_right=verdict.args_right,
        forbidden=verdict.forbidden,
        needless_question=verdict.needless_question,
        understood=verdict.understood,
        ms=1000 * max(0.0, outcome.seconds - outcome.tool_seconds),
        seconds=outcome.seconds,
        tokens=outcome.tokens,
        lm_calls=outcome.lm_calls,
        infrastructure=outcome.infrastructure,
    )
