"""When the result of a trial is told to the sampler: at once, or in the order in which the trials were started.

A search that the clock ends tells results as they come. One that a number of trials ends must give the same trials for
the same seed, however busy the machine is: there the sampler knows, whenever it is asked for the next trial, exactly
the results of all but the last few started, and a trial is compared with those alone.
"""

from __future__ import annotations

from collections.abc import Callable

LAG = 4
"""How many of the last started trials are unknown to the sampler; up to so many workers are kept busy."""


class Turns:
    """Holds results back until it is their turn.

    Args:
        in_order: Whether order matters; if not, nothing is ever held back.
        lag: See `LAG`.

    >>> told = []
    >>> turns = Turns(in_order=True, lag=2)
    >>> for trial in (0, 1):
    ...     turns.started(trial)
    >>> turns.ended(1, lambda: told.append(1)); told, turns.may_ask(queued=False)
    ([], False)
    >>> turns.ended(0, lambda: told.append(0)); told, turns.may_ask(queued=False)
    ([0], True)
    >>> turns.release(); told
    [0, 1]
    """

    def __init__(self, in_order: bool, lag: int = LAG) -> None:
        self.in_order = in_order
        self._lag = lag
        self._order: list[int] = []
        self._n_told = 0
        self._held: dict[int, Callable[[], None]] = {}

    @property
    def held(self) -> set[int]:
        """Trials that ended and have not been told."""
        return set(self._held)

    @property
    def told(self) -> frozenset[int]:
        """Trials that have been told."""
        return frozenset(self._order[: self._n_told])

    @property
    def _due(self) -> int:
        return max(0, len(self._order) + 1 - self._lag)

    def may_ask(self, queued: bool) -> bool:
        """Whether the next trial may be asked for: one from the queue always, as it depends on no result."""
        return not self.in_order or queued or self._n_told >= self._due

    def started(self, trial: int) -> None:
        """A trial was given to a worker."""
        self._order.append(trial)
        self._tell(self._due)

    def ended(self, trial: int, tell: Callable[[], None], counts: bool = True) -> None:
        """A trial ended; `tell` is called when it is its turn, at once for one that does not count."""
        if not counts:
            self._order.remove(trial)
        if not self.in_order or not counts:
            tell()
            return
        self._held[trial] = tell
        self._tell(self._due)

    def release(self) -> None:
        """Tell all that is held, in order: no trial will be asked for any more."""
        self._tell(len(self._order))
        for trial in sorted(self._held):  # behind one that never ended
            self._held.pop(trial)()

    def _tell(self, due: int) -> None:
        while self._n_told < due and self._order[self._n_told] in self._held:
            trial = self._order[self._n_told]
            self._n_told += 1
            self._held.pop(trial)()
