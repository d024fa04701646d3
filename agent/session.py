"""`Session.send(text, attachments)` -> events: the one door to the agent for page, command line and evals."""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent import loop
from agent.consent import said
from agent.events import Event, Notice, TurnError
from agent.memory import Memory, told
from agent.transcript import Transcript, list_sessions, thin
from agent.turn import Outcome, Turn
from agent.uploads import keep, safe_name
from tools.contract import Tool, ToolContext
from tools.core.errors import AutoMLError

if TYPE_CHECKING:
    import dspy

__all__ = ["Session", "list_sessions"]

logger = logging.getLogger(__name__)

_BUSY = TurnError(message="The last message is still being worked on.", hint="Wait for its answer, or stop it first.")
_running: dict[tuple[str, str], Turn] = {}
_running_lock = threading.Lock()


class Session:
    """A conversation. Several objects may stand for the same session (a reloaded page); turns are one at a time.

    Args:
        context_or_home: A ready `ToolContext`, or the home folder (default: as everywhere, see `open_workspace`).
        session_id: An earlier session to go on with; default a new one.
        lm: A language model name or `dspy.LM` instead of the settings' own.
        tools: Tools instead of all registered ones.
    """

    def __init__(
        self,
        context_or_home: ToolContext | Path | str | None = None,
        session_id: str | None = None,
        lm: str | dspy.LM | None = None,
        tools: Iterable[Tool[Any]] | None = None,
    ) -> None:
        if not isinstance(context_or_home, ToolContext):
            from tools.workspace import open_workspace

            context_or_home = open_workspace(Path(context_or_home) if context_or_home else None)
        self.id = session_id or uuid.uuid4().hex[:12]
        self._context = replace(context_or_home, session=self.id)
        self._lm = lm
        self._tools = None if tools is None else list(tools)
        self._transcript = Transcript(self._context.home, self.id)
        self._key = (str(self._context.home.resolve()), self.id)
        self._lms: list[dspy.LM] | None = None

    @property
    def turns(self) -> list[dict[str, Any]]:
        """All turns for display: {"user", "attachments", "events", "usage", "seconds", "done"}.

        The last one may still be going on.
        """
        turns = self._transcript.turns()
        live = _running.get(self._key)
        if live is not None and turns and not turns[-1]["done"]:
            turns[-1]["events"] = live.log.snapshot()
        return turns

    @property
    def busy(self) -> bool:
        """True while a turn of this session is going on (in this process)."""
        return self._key in _running

    @property
    def memory(self) -> Memory:
        """What the conversation remembers after its last finished turn."""
        return self._transcript.last_state()[0]

    async def send(self, text: str, attachments: Sequence[str | Path] = ()) -> AsyncIterator[Event]:
        """Say something; yields events until the turn ends. Leaving the iterator early does not end the turn."""
        turn = await asyncio.to_thread(self._begin, text, attachments)
        if isinstance(turn, TurnError):
            yield turn
            return
        async for event in _watch(turn):
            yield event

    def run(self, text: str, attachments: Sequence[str | Path] = ()) -> Iterator[Event]:
        """The same from plain code."""
        turn = self._begin(text, attachments)
        if isinstance(turn, TurnError):
            yield turn
            return
        position, ended = 0, False
        while not ended:
            events, ended = turn.log.after(position)
            position += len(events)
            yield from events

    async def follow(self) -> AsyncIterator[Event]:
        """All events of the turn that is going on (from its beginning), for a page that was reloaded in the middle."""
        turn = _running.get(self._key)
        if turn is not None:
            async for event in _watch(turn):
                yield event

    def stop(self, job: bool = True) -> None:
        """End the turn that is going on: stop its job as well, or (`job=False`) leave the job running."""
        turn = _running.get(self._key)
        if turn is not None:
            turn.stop(job)

    def _begin(self, text: str, attachments: Sequence[str | Path]) -> Turn | TurnError:
        if self.busy:
            return _BUSY
        memory, history = self._transcript.last_state()
        files = [Path(item) for item in attachments]
        number = 1 + max((line["turn"] for line in self._transcript.lines() if "turn" in line), default=0)
        head = {"turn": number, "user": text, "attachments": [safe_name(path.name) for path in files]}
        try:
            attached = []
            for path in files:
                note = keep(path, self._context.home / "uploads" / self.id)
                memory.add_dataset(note)
                attached.append(note.name)
            turn, opening = self._prepare(text, attached, memory, history)
        except AutoMLError as error:
            failure = TurnError(message=error.message, hint=error.hint)
            state = {"memory": memory.model_dump(mode="json"), "history": history}
            self._transcript.append({**head, "events": [failure.model_dump(mode="json")], **state})
            return failure
        with _running_lock:
            if self._key in _running:
                return _BUSY
            _running[self._key] = turn
        self._transcript.append(head)
        for notice in opening:
            turn.log.put(notice)
        loop.start(self._complete(turn, head, memory))
        return turn

    def _prepare(
        self, text: str, attached: list[str], memory: Memory, history: list[dict[str, Any]]
    ) -> tuple[Turn, list[Notice]]:
        from agent.lm.caps import Meter, Spent
        from agent.lm.settings import language_models

        if self._lms is None:
            self._lms = language_models(self._lm)
        news = [told(record) for record in memory.finished(self._context.store)]
        reply = said(text) if memory.pending else None
        changed = None if reply else memory.hear(text)
        facts = memory.context(self._context.store, reply, news, changed)
        if attached:
            facts["attached_now"] = attached
        context = replace(self._context, request=text, detached=threading.Event(), stopped=threading.Event())
        meter = Meter(before=Spent.of(turn["usage"] for turn in self._transcript.turns()))
        turn = Turn(text, context, memory, history, self._lms, facts, reply == "yes", self._tools, meter)
        return turn, [Notice(text=sentence) for sentence in news]

    async def _complete(self, turn: Turn, head: dict[str, Any], memory: Memory) -> None:
        outcome = Outcome(history=[])
        try:
            outcome = await turn.run()
        finally:
            line = {
                **head,
                "events": [event.model_dump(mode="json") for event in thin(turn.log.snapshot())],
                "usage": outcome.usage,
                "seconds": outcome.seconds,
                "memory": memory.model_dump(mode="json"),
                "history": outcome.history,
            }
            try:
                await asyncio.to_thread(self._transcript.append, line)
            except OSError:
                logger.exception("Session %s could not be saved", self.id)
                turn.log.put(Notice(text="This turn could not be saved: the disk may be full."))
            with _running_lock:
                _running.pop(self._key, None)
            turn.log.end()


async def _watch(turn: Turn) -> AsyncIterator[Event]:
    position, ended = 0, False
    while not ended:
        events, ended = await asyncio.to_thread(turn.log.after, position)
        position += len(events)
        for event in events:
            yield event
