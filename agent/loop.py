"""One background event loop on which every turn of every session runs.

A turn must outlive the request that began it (a closed tab does not end it), work from async and plain threads alike,
and keep network clients that are bound to a loop alive between turns: so all turns share one loop in a daemon thread.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")

_MAX_BLOCKING = 64
"""Tool calls that may wait at the same time; each holds a thread while its job runs."""

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def background_loop() -> asyncio.AbstractEventLoop:
    """The shared loop, started on first use."""
    global _loop
    with _lock:
        if _loop is None or _loop.is_closed():
            loop = asyncio.new_event_loop()
            loop.set_default_executor(ThreadPoolExecutor(_MAX_BLOCKING, thread_name_prefix="automl-tool"))
            threading.Thread(target=loop.run_forever, name="automl-turns", daemon=True).start()
            _loop = loop
        return _loop


def start(work: Coroutine[Any, Any, T]) -> Future[T]:
    """Run a coroutine on the shared loop, from any thread."""
    return asyncio.run_coroutine_threadsafe(work, background_loop())
