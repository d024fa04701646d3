"""One turn: from a message to its last event. Runs on the shared loop; whoever watches may come and go."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agent.events import Answer, Event, ToolFinished, TurnError
from agent.memory import Memory
from tools.contract import Tool, ToolContext
from tools.core.errors import AutoMLError

if TYPE_CHECKING:
    import dspy

    from agent.lm.caps import Meter

logger = logging.getLogger(__name__)

_FAILED = TurnError(
    message="Something went wrong inside the agent; nothing in the history is lost.",
    hint="Say it again, perhaps in other words; the log has the details.",
)


@dataclass
class Outcome:
    """What a turn leaves behind beside its events."""

    history: list[dict[str, Any]]
    usage: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


class EventLog:
    """The events of a turn, kept, and handed to any number of watchers in any thread."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._ended = False
        self._changed = threading.Condition()

    def put(self, event: Event) -> None:
        """Add an event."""
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    def end(self) -> None:
        """No event will follow."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def ended(self) -> bool:
        """True once the turn is over."""
        return self._ended

    def snapshot(self) -> list[Event]:
        """The events so far."""
        with self._changed:
            return list(self._events)

    def after(self, position: int, timeout_s: float = 0.5) -> tuple[list[Event], bool]:
        """Events from `position` on, waiting for at least one; and whether the turn has ended with them."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._events) > position or self._ended, timeout_s)
            return self._events[position:], self._ended


class Turn:
    """A turn in progress.

    Args:
        message: What the user said.
        context: What surrounds tool calls; `stopped` and `detached` are this turn's own.
        memory: The conversation's memory; changed as the turn goes.
        history: The dialogue so far (see `agent.history`).
        lms: The chain of language models.
        facts: What the model is told about the conversation's state.
        approved: The message says yes to what waits for it.
        tools: Default: all registered.
        meter: Holds language models to their limits, with what the conversation has used; see `agent.lm.caps`.
    """

    def __init__(
        self,
        message: str,
        context: ToolContext,
        memory: Memory,
        history: list[dict[str, Any]],
        lms: list[dspy.LM],
        facts: dict[str, Any],
        approved: bool,
        tools: Iterable[Tool[Any]] | None = None,
        meter: Meter | None = None,
    ) -> None:
        self._meter = meter
        self.log = EventLog()
        self._message = message
        self._context = context
        self._memory = memory
        self._history = history
        self._lms = lms
        self._facts = facts
        self._approved = approved
        self._tools = tools
        self._task: asyncio.Task[str] | None = None
        self._stop: str | None = None
        self._busy: Any = None
        self.done: Future[Outcome] | None = None

    async def run(self) -> Outcome:
        """Run to the end; every failure becomes an event, never an exception."""
        began = time.monotonic()
        outcome = Outcome(history=self._history)
        self._task = asyncio.ensure_future(self._converse(outcome))
        closing: str | None = None
        try:
            await self._task
        except asyncio.CancelledError:
            closing = self._stopped_text()
            self.log.put(Answer(text=closing))
        except AutoMLError as error:
            closing = str(error)
            self.log.put(TurnError(message=error.message, hint=error.hint))
        except Exception:  # the user reads a sentence; the log keeps the traceback
            logger.exception("Turn failed")
            closing = _FAILED.message
            self.log.put(_FAILED)
        if closing is not None:
            from agent.history import close_turn

            outcome.history = close_turn(outcome.history, _plain(self._message), closing)
        outcome.seconds = round(time.monotonic() - began, 3)
        return outcome

    async def _converse(self, outcome: Outcome) -> str:
        import dspy
        from dspy.utils.usage_tracker import track_usage

        from agent import program
        from agent.history import cap, dump, load
        from agent.lm.chain import Chain
        from agent.react import Agent
        from agent.toolbox import Toolbox

        toolbox = Toolbox(self._context, self._memory, self.log.put, self._approved, self._tools)
        self._busy = toolbox
        agent = Agent(
            toolbox.dspy_tools(),
            Chain(self._lms, self._meter),
            self.log.put,
            instructions=program.instructions(self._context.home),
        )
        history = load(cap(self._history))
        with dspy.context(callbacks=[]), track_usage() as usage:
            try:
                prediction = await agent.acall(
                    context=_plain(json.dumps(self._facts, ensure_ascii=False, default=str)),
                    message=_plain(self._message),
                    history=history,
                )
            finally:
                outcome.history = cap(dump(history))
                outcome.usage = usage.get_total_tokens()
        text = str(prediction.answer).strip()
        if not text:
            self.log.put(
                TurnError(message="The language model gave an empty answer.", hint="Ask again in other words.")
            )
        else:
            self.log.put(Answer(text=text, options=tuple(prediction.options)))
        return text

    def stop(self, job: bool) -> None:
        """End the turn from any thread: with its job (`job=True`), or leaving the job running."""
        self._stop = "stop" if job else "leave"
        (self._context.stopped if job else self._context.detached).set()
        task = self._task
        if task is not None and not (self._busy is not None and self._busy.running):
            task.get_loop().call_soon_threadsafe(task.cancel)  # else the tool itself returns soon, and ends the turn

    def _stopped_text(self) -> str:
        ended = [event for event in self.log.snapshot() if isinstance(event, ToolFinished)]
        number = next((event.experiment for event in reversed(ended) if event.experiment is not None), None)
        if self._stop == "leave":
            which = f"Experiment {number}" if number is not None else "The job"
            return f"{which} goes on in the background. Ask how it is going at any time."
        which = f" Experiment {number} was cancelled; what it had finished is kept." if number is not None else ""
        return f"Stopped.{which}"


def _plain(text: str) -> str:
    """Field markers in what a user or a file says are only text."""
    return text.replace("[[ ##", "[[##")
