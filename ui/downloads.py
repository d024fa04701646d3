"""What may be downloaded: copies in HOME/downloads, made from what the history names and from nothing else."""

from __future__ import annotations

import os
import tempfile
import zipfile
from pathlib import Path

from tools.core.errors import ExperimentError
from tools.core.records import ExperimentRecord

FOLDER = "downloads"


def bundle_zip(record: ExperimentRecord, home: Path) -> Path:
    """The bundle of an experiment as one zip in the downloads folder; made again when the bundle is newer.

    Raises:
        ExperimentError: there is no bundle, or it lies outside the home folder's runs.
    """
    if record.bundle is None or not Path(record.bundle).is_dir():
        raise ExperimentError(f"Experiment {record.id} has no bundle.", hint="Train it again, or choose another one.")
    return folder_zip(Path(record.bundle), f"{_stem(record.dataset)}-experiment-{record.id}", home)


def folder_zip(folder: Path, name: str, home: Path) -> Path:
    """Zip a folder of the runs as `downloads/NAME.zip`.

    Raises:
        ExperimentError: the folder lies outside the home folder's runs, whatever the history says.
    """
    source = folder.resolve()
    if not source.is_relative_to((home / "runs").resolve()):
        raise ExperimentError("Only what lies in the run folders can be downloaded.", hint="Choose an experiment.")
    target = home / FOLDER / f"{name}.zip"
    files = sorted(path for path in source.rglob("*") if path.is_file() and not path.is_symlink())
    newest = max((path.stat().st_mtime for path in files), default=0.0)
    if target.exists() and target.stat().st_mtime >= newest:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    # Written beside and moved into place: a second page may be reading the old one at this moment.
    handle, draft = tempfile.mkstemp(dir=target.parent, suffix=".part")
    with os.fdopen(handle, "wb") as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, f"{name}/{path.relative_to(source)}")
    os.replace(draft, target)
    return target


def text_file(text: str, name: str, home: Path) -> Path:
    """Write a text as `downloads/NAME`."""
    target = home / FOLDER / name
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=target.parent, suffix=".part")
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    os.replace(draft, target)
    return target


def _stem(dataset: str) -> str:
    """A dataset's name as part of a file name.

    >>> _stem("my churn.v2.csv")
    'my-churn'
    """
    word = dataset.split(".", 1)[0]
    return "".join(letter if letter.isalnum() else "-" for letter in word).strip("-")[:40] or "model"
