import zipfile
from pathlib import Path

import pytest

from tools.core.errors import ExperimentError
from tools.core.records import ExperimentRecord
from tools.tracking.store import Store
from ui.downloads import bundle_zip


def test_a_bundle_becomes_one_zip_in_the_downloads_folder(home: Path, finished: ExperimentRecord) -> None:
    path = bundle_zip(finished, home)
    assert path.parent == home / "downloads"
    with zipfile.ZipFile(path) as archive:
        assert sorted(name.rsplit("/", 1)[-1] for name in archive.namelist()) == ["metadata.json", "model.onnx"]
    before = path.stat().st_mtime_ns
    assert bundle_zip(finished, home).stat().st_mtime_ns == before


def test_a_record_that_points_elsewhere_gives_nothing_away(
    home: Path, store: Store, finished: ExperimentRecord, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("x", encoding="utf-8")
    for folder in (secret, home / "runs" / ".." / ".." / "secret"):
        with pytest.raises(ExperimentError, match="run folders"):
            bundle_zip(store.update(finished.id, bundle=str(folder)), home)


def test_a_link_inside_a_bundle_is_not_followed(home: Path, finished: ExperimentRecord, tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("x", encoding="utf-8")
    (Path(str(finished.bundle)) / "link").symlink_to(secret)
    with zipfile.ZipFile(bundle_zip(finished, home)) as archive:
        assert not any(name.endswith("link") for name in archive.namelist())
