"""The one layer of retries: around a single call to a language model, never around the agent."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, stop_after_delay
from tenacity.wait import wait_random_exponential

logger = logging.getLogger(__name__)

T = TypeVar("T")

ATTEMPTS = 3
_TOTAL_S = 90.0
_LONGEST_WAIT_S = 20.0
_BACKOFF = wait_random_exponential(multiplier=0.4, max=6.0)


def worth_retrying(error: BaseException) -> bool:
    """Rate limit, timeout, server and transport errors, and replies that were not what the protocol promises."""
    import dspy
    from dspy.utils.exceptions import LMProviderError, LMUnexpectedError

    if not isinstance(error, Exception):
        return False
    if dspy.is_retryable_lm_error(error):
        return True
    unclear = type(error) in (LMProviderError, LMUnexpectedError)
    return unclear and (getattr(error, "status", None) or 200) < 400


def wait_s(state: RetryCallState) -> float:
    """What the provider asked for (`Retry-After`), else a random exponential wait."""
    error = state.outcome.exception() if state.outcome else None
    asked = getattr(error, "retry_after", None)
    if isinstance(asked, (int, float)) and asked >= 0:
        return min(float(asked), _LONGEST_WAIT_S)
    return _BACKOFF(state)


async def with_retries(call: Callable[[], Awaitable[T]]) -> T:
    """Call, and call again where that can help; the last error is raised as it is."""
    retrying = AsyncRetrying(
        retry=retry_if_exception(worth_retrying),
        stop=stop_after_attempt(ATTEMPTS) | stop_after_delay(_TOTAL_S),
        wait=wait_s,
        before_sleep=_log,
        reraise=True,
    )
    async for attempt in retrying:
        with attempt:
            return await call()
    raise AssertionError("tenacity returns or raises")


def _log(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    logger.info("Language model call failed (%s), attempt %d", type(error).__name__, state.attempt_number)
