"""A session on disk: `HOME/sessions/ID.jsonl`, one line per turn (and one when it begins, so that none is lost)."""

from __future__ import annotations

import json
import os
import re
import threading
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from agent.events import Event, ToolProgress, TurnError
from agent.memory import Memory
from tools.core.errors import ExperimentError
from tools.core.records import now

_EVENT: TypeAdapter[Event] = TypeAdapter(Event)
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LOST = TurnError(
    message="This turn was cut short because the server stopped.",
    hint="Say it again, or ask for the running jobs: a training that had begun may have gone on.",
)


class Transcript:
    """The lines of one session.

    Args:
        home: The home folder.
        session: The session's id: letters, digits, dashes.

    Raises:
        ExperimentError: the id is not one, or the file is damaged beyond its last line.
    """

    def __init__(self, home: Path, session: str) -> None:
        if not _ID.fullmatch(session):
            raise ExperimentError(
                f"'{session[:40]}' is not a session's id.", hint="Ids hold letters, digits and dashes only."
            )
        self.path = home / "sessions" / f"{session}.jsonl"
        self._lock = threading.Lock()

    def append(self, line: dict[str, Any]) -> None:
        """Add one line and see it to the disk."""
        with self._lock:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            data = json.dumps({**line, "time": now()}, ensure_ascii=False).encode() + b"\n"
            with self.path.open("ab+") as file:
                if file.tell() and not _ends_whole(file):
                    data = b"\n" + data  # a crash left half a line: keep ours apart from it
                file.write(data)
                file.flush()
                os.fsync(file.fileno())

    def lines(self) -> list[dict[str, Any]]:
        """All whole lines; a line that a crash cut off is skipped."""
        if not self.path.exists():
            return []
        found = []
        for text in self.path.read_bytes().splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict):
                found.append(line)
        return found

    def turns(self) -> list[dict[str, Any]]:
        """Turns in order: {"user", "attachments", "events", "usage", "seconds", "done"}; events are records."""
        merged: dict[int, dict[str, Any]] = {}
        for line in self.lines():
            if "turn" in line:
                merged[int(line["turn"])] = line
        return [_turn(line) for _, line in sorted(merged.items())]

    def last_state(self) -> tuple[Memory, list[dict[str, Any]]]:
        """Memory and dialogue history after the last finished turn."""
        for line in reversed(self.lines()):
            if "memory" in line:
                return Memory.model_validate(line["memory"]), list(line.get("history", []))
        return Memory(), []


def _ends_whole(file: Any) -> bool:
    file.seek(-1, os.SEEK_END)
    return bool(file.read(1) == b"\n")


def _turn(line: dict[str, Any]) -> dict[str, Any]:
    done = "events" in line
    return {
        "user": line.get("user", ""),
        "attachments": list(line.get("attachments", [])),
        "events": _events(line.get("events", [])) if done else [_LOST],
        "usage": line.get("usage", {}),
        "seconds": line.get("seconds", 0.0),
        "done": done,
    }


def _events(lines: list[Any]) -> list[Event]:
    events = []
    for line in lines:
        try:
            events.append(_EVENT.validate_python(line))
        except ValidationError:  # written by another version: the rest of the turn is still worth showing
            continue
    return events


def thin(events: list[Event], max_trials: int = 200) -> list[Event]:
    """What is kept of a turn: all but the running readings (of each call the last one stays) and excess trials."""
    last = {event.call: event for event in events if isinstance(event, ToolProgress) and event.event.kind == "progress"}
    kept: list[Event] = []
    trials = 0
    for event in events:
        if isinstance(event, ToolProgress):
            if event.event.kind == "progress" and last[event.call] is not event:
                continue
            trials += event.event.kind == "trial"
            if event.event.kind == "trial" and trials > max_trials:
                continue
        kept.append(event)
    return kept


def list_sessions(home: Path) -> list[dict[str, Any]]:
    """All sessions, the latest first: {"id", "title", "turns", "time"}."""
    found = []
    folder = Path(home) / "sessions"
    for path in folder.glob("*.jsonl") if folder.is_dir() else ():
        lines = [line for line in Transcript(Path(home), path.stem).lines() if "turn" in line]
        if lines:
            numbers = {line["turn"] for line in lines}
            title = " ".join(str(lines[0].get("user", "")).split())[:80]
            found.append(
                {"id": path.stem, "title": title, "turns": len(numbers), "time": str(lines[-1].get("time", ""))}
            )
    return sorted(found, key=lambda session: str(session["time"]), reverse=True)
