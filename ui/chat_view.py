"""One page that looks at one conversation: the messages as they change. Knows Gradio's messages, no components."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from agent.events import Answer, Event, TurnError
from tools.core.errors import AutoMLError
from ui.transcript import Message, Sources, conversation, turn_messages

_FRAME_S = 0.15
_TYPING_STEPS = 12
_TYPING_S = 0.04


class Conversation(Protocol):
    """What the page needs of `agent.session.Session`."""

    id: str

    @property
    def turns(self) -> list[dict[str, Any]]:
        """All turns; the last may be going on."""

    @property
    def busy(self) -> bool:
        """True while a turn is going on."""

    def send(self, text: str, attachments: Sequence[str] = ()) -> AsyncIterator[Event]:
        """Say something."""

    def follow(self) -> AsyncIterator[Event]:
        """The events of the turn that is going on, from its beginning."""

    def stop(self, job: bool = True) -> None:
        """End the turn, with or without its job."""


async def attach(session: Conversation, sources: Sources) -> AsyncIterator[list[Message]]:
    """Show a conversation; when a turn is going on, stay and show it until it ends."""
    turns = await asyncio.to_thread(lambda: session.turns)
    live = turns[-1] if turns and session.busy and not turns[-1].get("done", True) else None
    before = conversation(turns[:-1] if live else turns, sources)
    if live is None:
        yield before
        return
    async for now in _watch(session.follow(), live["user"], live["attachments"], len(turns) - 1, sources):
        yield before + now


async def say(
    session: Conversation, text: str, files: Sequence[str], names: Sequence[str], sources: Sources
) -> AsyncIterator[list[Message]]:
    """Send a message and show the turn until it ends.

    Args:
        session: The conversation.
        text: What the user typed.
        files: Paths of the uploaded files.
        names: Their names as the user knows them.
        sources: Where records, plots and files are found.
    """
    turns = await asyncio.to_thread(lambda: session.turns)
    before = conversation(turns, sources)
    async for now in _watch(session.send(text, tuple(files)), text, names, len(turns), sources):
        yield before + now


async def _watch(
    events: AsyncIterator[Event], user: str, names: Sequence[str], number: int, sources: Sources
) -> AsyncIterator[list[Message]]:
    """The messages of a turn as it goes, a few times a second at most.

    Leaving early ends only the watching: the turn belongs to the session.
    """
    seen: list[Event] = []
    news = asyncio.Event()

    async def collect() -> None:
        try:
            async for event in events:
                seen.append(event)
                news.set()
        except AutoMLError as error:
            seen.append(TurnError(message=error.message, hint=error.hint))
        finally:
            news.set()

    def draw(ended: bool, upto: int) -> list[Message]:
        return turn_messages(user, names, seen[:upto], sources, prefix=f"t{number}", ended=ended)

    watcher = asyncio.create_task(collect())
    try:
        while not watcher.done():
            news.clear()
            quiet = [event for event in seen if not isinstance(event, Answer)]
            if len(quiet) == len(seen):
                yield await asyncio.to_thread(draw, False, len(seen)) + ([] if seen else [_THINKING])
            await news.wait()
            await asyncio.sleep(_FRAME_S)
        await watcher
        last = await asyncio.to_thread(draw, True, len(seen))
        async for messages in _typed(last):
            yield messages
    finally:
        watcher.cancel()


_THINKING: Message = {"role": "assistant", "content": "", "metadata": {"title": "Thinking", "status": "pending"}}


async def _typed(messages: list[Message]) -> AsyncIterator[list[Message]]:
    """Let the last words appear as they would be spoken, in half a second, whatever their length."""
    last = messages[-1]
    text = last["content"]
    if (
        last["role"] == "assistant"
        and isinstance(text, str)
        and "metadata" not in last
        and len(text) > 2 * _TYPING_STEPS
    ):
        for part in range(1, _TYPING_STEPS):
            cut = text.rfind(" ", 0, len(text) * part // _TYPING_STEPS + 1)
            if cut > 0:
                yield [*messages[:-1], {"role": "assistant", "content": text[:cut]}]
                await asyncio.sleep(_TYPING_S)
    yield messages
