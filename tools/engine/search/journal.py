"""Optuna's journal in the run folder, made safe against a kill at any moment."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock


class _Flock(JournalFileOpenLock):
    """A lock of the operating system: it goes with the process, while Optuna's lock file outlives a killed job."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path
        self._handle: int | None = None

    def acquire(self) -> bool:
        """Wait for the lock."""
        self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        return True

    def release(self) -> None:
        """Give the lock back."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def open_journal(path: Path) -> JournalStorage:
    """Open or create a journal; a half-written last line (a kill while writing) is cut off."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole != len(content):
            os.truncate(path, whole)
    return JournalStorage(JournalFileBackend(str(path), lock_obj=_Flock(path.with_suffix(".lock"))))
