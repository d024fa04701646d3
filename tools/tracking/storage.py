"""The file under TinyDB: replaced as a whole, read again only when it has changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from tinydb.storages import Storage

from tools.tracking.files import dump, write_atomically

Tables = dict[str, dict[str, Any]]


class DamagedFile(Exception):
    """The file is there but is not what this storage writes."""


def parse(content: bytes) -> Tables:
    """The tables in a file's content.

    Raises:
        DamagedFile: it is not a JSON object of tables.
    """
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise DamagedFile(str(error)) from None
    if not isinstance(value, dict) or not all(isinstance(table, dict) for table in value.values()):
        raise DamagedFile("not an object of tables")
    return value


class AtomicStorage(Storage):
    """Keeps the tables in one JSON file; the content before the last write stays beside it as `<name>.bak`.

    The caller serialises access (see `Store`): TinyDB changes the tables that `read` returned in place.

    Args:
        path: The file; its folder exists.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.backup = path.with_name(path.name + ".bak")
        self._tables: Tables | None = None
        self._stamp: tuple[int, int, int] | None = None

    def read(self) -> Tables | None:
        """The tables, from memory while the file is the same.

        Raises:
            DamagedFile: the file's content is not what this storage writes.
        """
        stamp = self._look()
        if stamp is None:
            self._tables, self._stamp = None, None
        elif stamp != self._stamp:
            self._tables = parse(self.path.read_bytes())
            self._stamp = stamp
        return self._tables

    def write(self, data: Tables) -> None:
        """Replace the file; when that fails nothing changes, on disk or in memory."""
        self._stamp = None
        write_atomically(self.path, dump(data), backup=self.backup)
        self._tables, self._stamp = data, self._look()

    def _look(self) -> tuple[int, int, int] | None:
        """What identifies one content: every write makes a new file, so its number differs."""
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino
