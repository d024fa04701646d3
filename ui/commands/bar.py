"""The progress of a job in the terminal: a bar on stderr; plain lines where stderr is no terminal."""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

from tools.core.records import JobEvent
from ui.commands.output import note
from ui.progress import describe

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class ProgressBar:
    """Shows job events; safe to call from any thread.

    Args:
        quiet: Show nothing (the caller prints JSON into a pipe).
    """

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._lock = threading.Lock()
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._said = ""

    def __enter__(self) -> Self:
        if not self._quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

            self._progress = Progress(
                BarColumn(bar_width=24),
                TaskProgressColumn(),
                TextColumn("{task.description}", markup=False),
                console=Console(stderr=True),
                transient=True,
            )
            self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._progress is not None:
            self._progress.stop()

    def __call__(self, event: JobEvent) -> None:
        """Show one event."""
        if self._quiet:
            return
        with self._lock:
            if event.metrics is not None:
                self._advance(event)
            elif event.step is not None:
                self._say(f"✓ {event.step.name}: {event.step.summary}")
            elif event.kind == "message" and event.message:
                self._say(event.message)

    def _advance(self, event: JobEvent) -> None:
        if self._progress is None or event.metrics is None:
            return
        if self._task is None:
            self._task = self._progress.add_task("", total=1.0)
        self._progress.update(self._task, completed=event.metrics.progress, description=describe(event.metrics))

    def _say(self, text: str) -> None:
        if text == self._said:
            return
        self._said = text
        if self._progress is not None:
            self._progress.console.print(text, markup=False, highlight=False)
        else:
            note(text)
