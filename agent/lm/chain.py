"""A chain of language models: the first that answers is used; one that fails is left alone for a while."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from agent.lm.caps import Meter
from agent.lm.retry import with_retries

if TYPE_CHECKING:
    import dspy

logger = logging.getLogger(__name__)

T = TypeVar("T")

HANDED_OVER = "answers instead. Check AUTOML_LM, AUTOML_API_BASE and the key, or unset AUTOML_LM."
"""How the notice ends that tells of another model taking over: what the user can do about it."""

BUILT_IN = "embedded/"
"""How the full name of a model that is part of this program begins."""

REST_S = 60.0
"""How long a model that failed is not asked again."""

_CONNECTION_ERRORS = frozenset({"ConnectError", "ConnectTimeout", "APIConnectionError", "ClientConnectorError"})
_lock = threading.Lock()
_resting: dict[tuple[str, str], float] = {}


@dataclass(frozen=True)
class Unusable:
    """Stands in a chain for a model of the settings that cannot even be built, so that its successor is announced.

    Attributes:
        model: What the settings call it.
        why: What is wrong with it, for the middle of a sentence.
    """

    model: str
    why: str


class Chain:
    """Language models in order of preference, for one turn; a model that failed stays out for the rest of the turn.

    Args:
        lms: The models.
        meter: Holds them to the limits on tokens, cost and steps; default those in the environment, with nothing used
            before this turn.
    """

    def __init__(self, lms: Sequence[dspy.LM | Unusable], meter: Meter | None = None) -> None:
        self._lms = list(lms)
        self._position = 0
        self._meter = meter

    @property
    def current(self) -> str:
        """The model that answers now."""
        return str(self._lms[self._position].model)

    async def run(self, ask: Callable[[dspy.LM], Awaitable[T]], notify: Callable[[str], None]) -> T:
        """Ask the current model, with retries; on failure the next one, after a notice to the user.

        Raises:
            DSPyError: the last model failed too.
            ResourceError: a limit on tokens, cost or steps is reached.
        """
        from dspy.utils.exceptions import DSPyError

        if not self.current.startswith(BUILT_IN):
            self._meter = self._meter or Meter()
            self._meter.step(_used())

        while True:
            lm = self._lms[self._position]
            if isinstance(lm, Unusable):
                self._hand_over(lm, f"cannot be used ({lm.why})", notify)
                continue
            last = self._position + 1 == len(self._lms)
            if not last and _rests(lm):
                self._hand_over(lm, "is not reachable at the moment", notify)
                continue
            try:
                return await with_retries(lambda lm=lm: ask(lm))  # type: ignore[misc]
            except DSPyError as error:
                logger.warning("Language model %s failed: %s", lm.model, type(error).__name__)
                if last:
                    raise
                if not _of_this_message(error):
                    with _lock:
                        _resting[_identity(lm)] = time.monotonic() + REST_S
                self._hand_over(lm, reason(error), notify)

    def _hand_over(self, lm: dspy.LM | Unusable, why: str, notify: Callable[[str], None]) -> None:
        self._position += 1
        successor = self._lms[self._position]
        other = "the built-in planner" if str(successor.model).startswith(BUILT_IN) else successor.model
        notify(f"{lm.model} {why}; {other} {HANDED_OVER}")


def _of_this_message(error: Exception) -> bool:
    """Whether the model is well, and only this conversation was too much for it."""
    from dspy.utils.exceptions import AdapterParseError, ContextWindowExceededError

    return isinstance(error, (AdapterParseError, ContextWindowExceededError))


def reason(error: Exception) -> str:
    """Why a model failed, in words that hold no secret."""
    from dspy.utils import exceptions as known

    if _no_connection(error):
        return "could not be reached"
    for kind, words in (
        (known.LMAuthError, "refused the key"),
        (known.LMBillingError, "has no credit left"),
        (known.LMRateLimitError, "is over its rate limit"),
        (known.LMTimeoutError, "did not answer in time"),
        (known.LMTransportError, "could not be reached"),
        (known.ContextWindowExceededError, "found the conversation too long"),
        (known.LMUnsupportedModelError, "is not known to its provider"),
        (known.LMServerError, "had a server error"),
        (known.AdapterParseError, "gave replies that could not be read"),
    ):
        if isinstance(error, kind):
            return words
    return "failed"


def _no_connection(error: BaseException) -> bool:
    """Providers' clients report a refused connection as a server error; its cause tells."""
    cause: BaseException | None = error
    while cause is not None:
        if type(cause).__name__ in _CONNECTION_ERRORS:
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _used() -> dict[str, dict[str, Any]]:
    """What the turn has used so far, where its usage is tracked."""
    import dspy

    tracker = dspy.settings.get("usage_tracker")
    return dict(tracker.get_total_tokens()) if tracker is not None else {}


def _identity(lm: dspy.LM) -> tuple[str, str]:
    return str(lm.model), str(lm.kwargs.get("api_base", ""))


def _rests(lm: dspy.LM) -> bool:
    with _lock:
        return _resting.get(_identity(lm), 0.0) > time.monotonic()
