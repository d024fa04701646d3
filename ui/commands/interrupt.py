"""Ctrl-C while a job runs: say what happens to the job, then let the command end in order."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from ui.commands.output import note


@contextmanager
def on_ctrl_c(action: Callable[[], None], says: str) -> Iterator[None]:
    """Call `action` at the first Ctrl-C instead of tearing the command down; the second one does that.

    Signals can only be caught in the main thread; elsewhere (tests, embedding) nothing changes.

    Args:
        action: Tells the running tool to stop or to stop waiting; must return at once.
        says: The sentence the user reads.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        note(f"\n{says}")
        action()

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
