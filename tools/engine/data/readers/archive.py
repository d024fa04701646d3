"""Zip files and folders: pictures in class folders, or one table inside."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from tools.core.errors import TaskError
from tools.engine.data import fingerprint
from tools.engine.data.readers.images import is_image, read_images
from tools.engine.data.readers.raw import Raw

MAX_UNPACKED = 8 * 10**9
_NO_IMAGES = "Put the pictures (PNG or JPEG) in one folder per class, for instance cats/1.jpg and dogs/1.jpg."


def read_zip(content: bytes, name: str, read_table: Callable[[bytes, str], Raw], table_suffixes: frozenset[str]) -> Raw:
    """Read a zip file without unpacking it to disk.

    Args:
        content: The whole file.
        name: Of the file, for messages.
        read_table: Reads one inner file (bytes, name).
        table_suffixes: Endings of inner files that `read_table` knows.

    Raises:
        TaskError: damaged, encrypted, too large when unpacked, or neither pictures nor exactly one table inside.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except zipfile.BadZipFile:
        raise TaskError(
            f"The file '{name}' is not a zip file, or is damaged.", hint="Pack the folder again and try once more."
        ) from None
    with archive:
        files = [entry for entry in archive.infolist() if not entry.is_dir()]
        if any(entry.flag_bits & 1 for entry in files):
            raise TaskError(f"The zip file '{name}' is protected by a password.", hint="Pack it without a password.")
        if sum(entry.file_size for entry in files) > MAX_UNPACKED:
            raise TaskError(
                f"The zip file '{name}' unpacks to more than {MAX_UNPACKED // 10**9} GB.",
                hint="Use fewer or smaller pictures.",
            )
        pictures = [entry.filename for entry in files if is_image(entry.filename)]

        def open_file(path: str) -> bytes:
            try:
                return archive.read(path)
            except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
                raise ValueError(str(error)) from None

        if pictures:
            return read_images(pictures, open_file, name, fingerprint.of_bytes(content))
        tables = [
            entry.filename
            for entry in files
            if PurePosixPath(entry.filename).suffix.lower() in table_suffixes
            and not PurePosixPath(entry.filename).name.startswith(".")
            and "__MACOSX" not in entry.filename
        ]
        if len(tables) == 1:
            try:
                return read_table(open_file(tables[0]), PurePosixPath(tables[0]).name)
            except ValueError:
                raise TaskError(f"The zip file '{name}' is damaged.", hint="Pack it again.") from None
    found = f"it holds {len(tables)} tables" if tables else "it holds no pictures"
    raise TaskError(f"The zip file '{name}' cannot be used: {found}.", hint=_NO_IMAGES)


def read_folder(folder: Path, name: str) -> Raw:
    """Read a folder of pictures in class folders (links are not followed out of it).

    Raises:
        TaskError: there are no pictures inside.
    """
    root = folder.resolve()
    paths = [
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file() and path.resolve().is_relative_to(root)
    ]
    pictures = [path for path in paths if is_image(path)]
    if not pictures:
        raise TaskError(
            f"The folder '{name}' holds no pictures.", hint=f"{_NO_IMAGES} For a table, name the file itself."
        )

    def open_file(path: str) -> bytes:
        try:
            return (root / path).read_bytes()
        except OSError as error:
            raise ValueError(str(error)) from None

    mark = fingerprint.of_files((path, open_file(path)) for path in pictures)
    return read_images(pictures, open_file, name, mark)
