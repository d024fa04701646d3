"""Encoded data of earlier experiments, kept by what they were made from, so that a repeated request encodes nothing.

An entry is a folder of arrays and a small JSON file. Runs get hard links (copies where the file system has none), so
an entry can be dropped while a run still reads its arrays.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.engine.execution import process

MOST_BYTES = 2 * 10**9
_STATE = "state.json"


@dataclass(frozen=True)
class EncodedCache:
    """The shared folder; without one, nothing is found and nothing is kept.

    Attributes:
        folder: Where entries lie, one folder each.
        most_bytes: Of all entries; the longest unused go first.
    """

    folder: Path | None
    most_bytes: int = MOST_BYTES

    def take(self, key: str, into: Path) -> dict[str, Any] | None:
        """Link an entry's arrays into a folder that is not there yet.

        Returns:
            The state it was kept with; None when there is no such entry.
        """
        if self.folder is None:
            return None
        entry = self.folder / key
        try:
            state: dict[str, Any] = json.loads((entry / _STATE).read_text(encoding="utf-8"))
            _link(entry, into)
            os.utime(entry)
        except (OSError, ValueError):  # not there, or dropped while it was read
            shutil.rmtree(into, ignore_errors=True)
            return None
        return state

    def keep(self, key: str, made: Path, state: dict[str, Any]) -> None:
        """Keep the arrays of a folder; where that fails (a full disk), the next run encodes again."""
        if self.folder is None or process.folder_bytes(made) > self.most_bytes:
            return
        draft = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(prefix=".", dir=self.folder))
            _link(made, draft / key)
            (draft / key / _STATE).write_text(json.dumps(state), encoding="utf-8")
            (draft / key).rename(self.folder / key)
            self._drop_oldest()
        except OSError:  # another run was faster, or the disk is full
            pass
        finally:
            if draft is not None:
                shutil.rmtree(draft, ignore_errors=True)

    def _drop_oldest(self) -> None:
        if self.folder is None:
            return
        entries = sorted(self.folder.iterdir(), key=lambda entry: entry.stat().st_mtime, reverse=True)
        total = 0
        for entry in entries:
            total += process.folder_bytes(entry)
            if total > self.most_bytes:
                shutil.rmtree(entry, ignore_errors=True)


def key_of(*parts: Any) -> str:
    """A name for what is made from these JSON values by the encoders as they are now."""
    digest = hashlib.sha256(_code().encode())
    digest.update(json.dumps(parts, sort_keys=True, default=str).encode())
    return digest.hexdigest()[:32]


@functools.cache
def _code() -> str:
    """Digest of the code that reads and encodes: another version may encode differently."""
    from tools.engine import data

    digest = hashlib.sha256()
    for path in sorted(Path(data.__path__[0]).rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _link(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for path in source.glob("*.npy"):
        try:
            os.link(path, target / path.name)
        except OSError:
            shutil.copyfile(path, target / path.name)
