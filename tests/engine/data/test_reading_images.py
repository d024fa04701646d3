"""Pictures in class folders: labels, sizes, broken files."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from tools.engine.data.modality import MODALITIES
from tools.engine.data.profile import profile
from tools.engine.data.read import load


def picture(seed: int, size: tuple[int, int] = (12, 10), grey: bool = False, kind: str = "PNG") -> bytes:
    shape = (size[1], size[0]) if grey else (size[1], size[0], 3)
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)).save(out, kind)
    return out.getvalue()


def zipped(path: Path, files: dict[str, bytes]) -> str:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return str(path)


def test_folders_are_classes_also_one_level_down(tmp_path: Path) -> None:
    for prefix in ("", "pets/"):
        files = {
            f"{prefix}{label}/{i}.png": picture(i + 100 * (label == "dog"))
            for label in ("cat", "dog")
            for i in range(6)
        }
        files["__MACOSX/cat/._1.png"] = b"junk"
        dataset = load(zipped(tmp_path / "a.zip", files))
        assert (dataset.modality, dataset.target) == ("image", "label")
        assert dataset.frame["label"].value_counts().to_dict() == {"cat": 6, "dog": 6}
        assert dataset.images is not None
        assert dataset.images.shape == (12, 10, 12, 3)
        assert profile(dataset).classes == {"cat": 6, "dog": 6}


def test_a_folder_gives_the_same_as_a_zip(tmp_path: Path) -> None:
    files = {f"{label}/{i}.png": picture(i) for label in ("a", "b") for i in range(3)}
    for name, content in files.items():
        (tmp_path / "pictures" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pictures" / name).write_bytes(content)
    folder, archive = load(str(tmp_path / "pictures")), load(zipped(tmp_path / "a.zip", files))
    assert folder.images is not None
    assert archive.images is not None
    assert np.array_equal(folder.images, archive.images)
    assert folder.frame["label"].tolist() == archive.frame["label"].tolist()


def test_mixed_and_large_sizes_come_to_one_of_at_most_96_pixels(tmp_path: Path) -> None:
    files = {f"{label}/{i}.jpg": picture(i, (200 + 50 * i, 300), kind="JPEG") for label in ("a", "b") for i in range(3)}
    dataset = load(zipped(tmp_path / "a.zip", files))
    assert dataset.images is not None
    assert max(dataset.images.shape[1:3]) == 96
    assert "resized" in dataset.details["warnings"][0]


def test_broken_and_loose_pictures_are_skipped_with_a_warning(tmp_path: Path) -> None:
    files = {f"{label}/{i}.png": picture(i, grey=True) for label in ("a", "b") for i in range(3)}
    dataset = load(zipped(tmp_path / "a.zip", {**files, "a/bad.png": b"\x89PNG broken", "cover.png": picture(1)}))
    assert dataset.n_rows == 6
    assert dataset.images is not None
    assert dataset.images.shape[3] == 1
    assert len(dataset.details["warnings"]) == 2


def test_train_and_test_folders_are_put_together(tmp_path: Path) -> None:
    files = {
        f"{part}/{label}/{i}.png": picture(i) for part in ("train", "test") for label in ("a", "b") for i in range(3)
    }
    dataset = load(zipped(tmp_path / "a.zip", files))
    assert dataset.frame["label"].value_counts().to_dict() == {"a": 6, "b": 6}


def test_pictures_without_folders_have_no_labels_but_can_be_predicted(tmp_path: Path) -> None:
    labelled = load(zipped(tmp_path / "a.zip", {f"{c}/{i}.png": picture(i) for c in "ab" for i in range(6)}))
    encoder = MODALITIES.get("image").encoder()
    encoder.fit(labelled, np.arange(12))
    (tmp_path / "one.jpg").write_bytes(picture(5, (40, 31), grey=True, kind="JPEG"))
    single = load(str(tmp_path / "one.jpg"))
    assert single.target is None
    assert encoder.raw_inputs(single, np.arange(1))["pixels"].shape == (1, 10, 12, 3)


def test_npz_images_of_any_number_type(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "a.npz", x_train=rng.random((8, 3, 16, 16), np.float32), y_train=np.arange(8) % 2,
             x_test=rng.random((4, 3, 16, 16), np.float32), y_test=np.arange(4) % 2)  # fmt: skip
    dataset = load(str(tmp_path / "a.npz"))
    assert dataset.images is not None
    assert dataset.images.shape == (12, 16, 16, 3)
    assert dataset.images.max() > 200
    assert dataset.frame["label"].tolist() == [0, 1] * 6
