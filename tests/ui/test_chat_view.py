import asyncio
from collections.abc import AsyncIterator
from typing import Any

from agent.events import Answer, Event
from tests.ui.scripted import ScriptedSession, training
from tests.ui.test_transcript import KnownThings
from tools.core.errors import ResourceError
from ui.chat_view import attach, say
from ui.transcript import Message


async def collect(frames: AsyncIterator[list[Message]]) -> list[list[Message]]:
    return [frame async for frame in frames]


def test_a_turn_is_shown_while_it_goes_and_ends_with_the_whole_answer() -> None:
    async def scenario() -> None:
        session = ScriptedSession("s", training(None, trials=4, beat=0.2))
        frames = await collect(say(session, "train", ["/up/data.csv"], ["data.csv"], KnownThings(None)))
        titles = [frame[-1].get("metadata", {}).get("title", "") for frame in frames]
        assert any("trial" in title for title in titles)
        assert session.received == [("train", ("/up/data.csv",))]
        assert "0.967" in str(frames[-1][-1]["content"])
        assert "options" in frames[-1][-1]
        words = [len(str(frame[-1]["content"])) for frame in frames[-10:]]
        assert words == sorted(words)  # the answer grows

    asyncio.run(scenario())


def test_leaving_does_not_end_the_turn_and_coming_back_shows_all_of_it() -> None:
    async def scenario() -> None:
        session = ScriptedSession("s", training(None, trials=6, beat=0.2))
        frames = say(session, "train", [], [], KnownThings(None))
        async for frame in frames:
            if "trial" in str(frame[-1].get("metadata", {}).get("title")):
                break
        await frames.aclose()  # type: ignore[attr-defined]
        assert session.busy
        again = await collect(attach(session, KnownThings(None)))
        assert not session.busy
        assert again[0][0]["content"] == "train"
        assert "0.967" in str(again[-1][-1]["content"])
        redrawn = await collect(attach(session, KnownThings(None)))
        assert len(redrawn) == 1
        assert [m["content"] for m in redrawn[0]] == [m["content"] for m in again[-1]]

    asyncio.run(scenario())


def test_an_error_before_the_turn_is_told_in_the_chat() -> None:
    class Refusing(ScriptedSession):
        async def send(self, text: str, attachments: Any = ()) -> AsyncIterator[Event]:
            raise ResourceError("'big.csv' is too large.", hint="Send a smaller file.")
            yield Answer(text="")

    async def scenario() -> None:
        frames = await collect(say(Refusing("s", []), "train", [], [], KnownThings(None)))
        assert "too large" in frames[-1][-1]["content"]
        assert "smaller file" in frames[-1][-1]["content"]

    asyncio.run(scenario())
