"""How a job's process learns that it must stop: a signal from outside, or its own clock."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

PATIENCE_S = 1.5
"""How long the engine may take to notice a request to stop before it is broken off."""
LAST_RESORT_S = 2.0
"""How long breaking off may take (a call into a library cannot be broken off) before the process is ended."""


class Stopped(BaseException):
    """The work is broken off. Not an `Exception`, so that no handler on the way takes it for a failed trial."""


class Interrupt:
    """Signals and clock of a job's process.

    SIGTERM asks to stop: `asked` becomes true and, when the work has not returned after `PATIENCE_S`, `Stopped` is
    raised in the main thread. The same happens at once when the clock has run out (`overrun`).

    Args:
        deadline: `time.time()` at which the work is broken off.
        last_resort: Called from another thread when breaking off does not help.
    """

    def __init__(self, deadline: float, last_resort: Callable[[], None]) -> None:
        self.asked = False
        self.overrun = False
        self._deadline = deadline
        self._last_resort = last_resort
        self._working = True
        self._finished = threading.Event()

    def install(self) -> None:
        """Take over the signals (main thread only) and start the clock."""
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGALRM, self._break_off)
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def work_ended(self) -> None:
        """From now on nothing is broken off; what is left is short."""
        self._working = False
        signal.setitimer(signal.ITIMER_REAL, 0)

    def finished(self) -> None:
        """Everything is written."""
        self._finished.set()

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        if self._working:
            signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)

    def _break_off(self, number: int, frame: FrameType | None) -> None:
        if self._working:
            self._working = False
            raise Stopped

    def _watch(self) -> None:
        while (left := self._deadline - time.time()) > 0:
            if self._finished.wait(min(left, 1.0)) or not self._working:
                break
        else:
            self.overrun = self._working
            os.kill(os.getpid(), signal.SIGALRM)
        if self.overrun and not self._finished.wait(LAST_RESORT_S):
            self._last_resort()
