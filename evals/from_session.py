"""A stored conversation as a new eval conversation: what happened becomes what is expected, for a person to correct."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from agent.events import Answer, ToolStarted
from agent.memory import Memory
from agent.transcript import Transcript
from evals.suite import Setup
from evals.wording import is_question, refuses, understood
from tools.core.errors import ExperimentError
from tools.tracking.store import Store

_HEAD = """\
# From the session {session}. What the agent did is written here as what it should do: correct the expectations.
# The world '{setup}' is a guess from the history as it was ({before} experiments); in the worlds, experiments 1, 2
# and 3 are on iris, wine and digits. Attached files are in {files}
"""


def export_session(home: Path, session: str) -> str:
    """The YAML text of a suite with one conversation.

    Args:
        home: The home folder that holds the session.
        session: Its id.

    Raises:
        ExperimentError: there is no such session, or nothing was said in it.
    """
    transcript = Transcript(home, session)
    begun = [line for line in transcript.lines() if "turn" in line]
    if not begun:
        raise ExperimentError(
            f"There is no conversation '{session}' in '{home}'.", hint="Its id is the name of a file in 'sessions'."
        )
    waiting = {line["turn"]: Memory.model_validate(line["memory"]).pending for line in begun if "memory" in line}
    before = _experiments_before(home, str(begun[0]["time"]))
    turns = []
    for number, turn in zip(sorted({line["turn"] for line in begun}), transcript.turns(), strict=True):
        item: dict[str, Any] = {"user": turn["user"]}
        if turn["attachments"]:
            item["attach"] = turn["attachments"]
        item["expect"] = _expect(turn["events"], waiting.get(number) is not None)
        turns.append(item)
    setup = _setup(before)
    conversation = {"id": f"session-{session}", "category": "from-session", "setup": setup, "turns": turns}
    head = _HEAD.format(session=session, setup=setup, before=before, files=home / "uploads" / session)
    body = yaml.safe_dump([conversation], sort_keys=False, allow_unicode=True, width=110)
    return head + body


def _expect(events: list[Any], waits: bool) -> dict[str, Any]:
    calls = [event for event in events if isinstance(event, ToolStarted)]
    answer = next((event for event in reversed(events) if isinstance(event, Answer)), Answer(text=""))
    expect: dict[str, Any] = {}
    if len(calls) == 1:
        expect["tool"] = calls[0].name
        if calls[0].args:
            expect["args"] = calls[0].args
    elif calls:
        expect["in_order"] = [{"tool": call.name, "args": call.args} if call.args else call.name for call in calls]
    else:
        expect["no_tool"] = True
    if waits:
        expect["asks_for"] = "confirmation"
    elif not calls and refuses(answer.text):
        expect["refuses"] = True
    elif not calls and understood(answer.text) and is_question(answer.text):
        expect["asks_for"] = "choice"
    return expect


def _experiments_before(home: Path, began: str) -> int:
    start = datetime.fromisoformat(began)
    return sum(datetime.fromisoformat(record.created_at) < start for record in Store(home).list())


def _setup(experiments: int) -> Setup:
    if experiments == 0:
        return "none"
    return "one_experiment" if experiments == 1 else "three_experiments"
