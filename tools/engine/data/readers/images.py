"""Pictures in class folders, from a zip file or a folder; a single picture; all brought to one size."""

from __future__ import annotations

import io
import math
import warnings as python_warnings
from collections import Counter
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from tools.core.errors import ResourceError, TaskError
from tools.engine.data.missing import listed
from tools.engine.data.readers.raw import Raw

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
MAX_SIDE = 96
MAX_BYTES = 2 * 10**9
_SPLIT_FOLDERS = frozenset({"train", "training", "test", "testing", "val", "valid", "validation"})


def is_image(path: str) -> bool:
    """Whether a file counts as a picture: by its ending, not hidden, not a Mac resource fork."""
    parts = PurePosixPath(path).parts
    return PurePosixPath(path).suffix.lower() in IMAGE_SUFFIXES and not any(
        part == "__MACOSX" or part.startswith(".") for part in parts
    )


def read_images(paths: list[str], open_file: Callable[[str], bytes], name: str, fingerprint: str) -> Raw:
    """Read pictures; the folder a picture lies in is its class.

    Pictures of different sizes are resized to the median size, at most 96 pixels a side. Where all lie in one
    folder without classes, there is no label.

    Args:
        paths: Relative paths of the pictures, with "/".
        open_file: Path -> bytes.
        name: Of the source, for messages.
        fingerprint: Of the content.

    Raises:
        TaskError: none of the pictures can be read.
    """
    labels, said = _labels(sorted(paths))
    opened: list[np.ndarray] = []
    kept: list[str] = []
    broken: list[str] = []
    for path in labels:
        try:
            opened.append(open_picture(open_file(path)))
            kept.append(path)
        except ValueError:
            broken.append(path)
    if not opened:
        raise TaskError(
            f"None of the {len(broken)} pictures in '{name}' can be read.",
            hint="Use PNG or JPEG files, in one folder per class.",
        )
    if broken:
        said.append(f"{len(broken)} broken picture(s) were skipped: {listed(broken, 3)}.")
    images, resized = to_common_size(opened)
    if resized:
        said.append(resized)
    columns: dict[str, list[Any]] = {"file": kept}
    known = all(labels[path] is not None for path in kept)
    if known:
        columns["label"] = [labels[path] for path in kept]
    return Raw(
        pd.DataFrame(columns),
        fingerprint,
        said,
        modality="image",
        images=images,
        target="label" if known else None,
    )


def _labels(paths: list[str]) -> tuple[dict[str, str | None], list[str]]:
    """Class of every picture (its folder), and warnings."""
    folders = {path: PurePosixPath(path).parts[:-1] for path in paths}
    if not any(folders.values()):
        return dict.fromkeys(paths), []
    loose = [path for path, parts in folders.items() if not parts]
    said = [f"{len(loose)} picture(s) outside the class folders were skipped."] if loose else []
    labels: dict[str, str | None] = {path: parts[-1] for path, parts in folders.items() if parts}
    outer = {part.lower() for parts in folders.values() for part in parts[:-1]}
    if outer & _SPLIT_FOLDERS:
        said.append("The train and test folders were put together; a new test part is split off from all pictures.")
    elif {label.lower() for label in labels.values() if label} <= _SPLIT_FOLDERS:
        return dict.fromkeys(labels), said
    return labels, said


def open_picture(content: bytes) -> np.ndarray:
    """Decode one picture: uint8 [height, width, 1 or 3].

    Raises:
        ValueError: it cannot be decoded, or is suspiciously large.
        ResourceError: Pillow is not installed.
    """
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise ResourceError(
            "Reading pictures needs the package pillow, which is not installed.", hint="Run: pip install pillow"
        ) from None
    try:
        with python_warnings.catch_warnings():
            python_warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture: Image.Image = Image.open(io.BytesIO(content))
            if picture.format == "JPEG":
                picture.draft(None, (4 * MAX_SIDE, 4 * MAX_SIDE))  # decodes large photos at a fraction of the work
            picture.load()
        picture = ImageOps.exif_transpose(picture)
        if picture.mode.startswith("I") or picture.mode == "F":
            values = np.asarray(picture, dtype=np.float64)
            top = 65535.0 if values.max() > 255 else 255.0
            return (np.clip(values / top, 0, 1) * 255).round().astype(np.uint8)[..., None]
        grey = picture.mode in ("1", "L", "LA")
        picture = picture.convert("L" if grey else "RGB")
        if max(picture.size) > 4 * MAX_SIDE:
            picture.thumbnail((4 * MAX_SIDE, 4 * MAX_SIDE))
        pixels = np.asarray(picture, dtype=np.uint8)
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise ValueError("not a readable picture") from None
    return pixels[..., None] if pixels.ndim == 2 else pixels


def to_common_size(pictures: list[np.ndarray]) -> tuple[np.ndarray, str]:
    """Bring pictures to one size and number of channels.

    Args:
        pictures: uint8, each [height, width, 1 or 3].

    Returns:
        uint8 [n, height, width, channels], and a sentence when something was resized.
    """
    channels = 1 if all(_is_grey(picture) for picture in pictures) else 3
    sizes = Counter(picture.shape[:2] for picture in pictures)
    height, width = np.median([picture.shape[:2] for picture in pictures], axis=0)
    cap = min(MAX_SIDE, math.isqrt(MAX_BYTES // (len(pictures) * channels)))
    shrink = min(1.0, cap / max(height, width))
    shape = (max(1, round(height * shrink)), max(1, round(width * shrink)), channels)
    images = np.empty((len(pictures), *shape), np.uint8)
    for row, picture in enumerate(pictures):
        images[row] = fit_shape(picture, shape)
    changed = sum(count for size, count in sizes.items() if size != shape[:2])
    return images, f"{changed} picture(s) were resized to {shape[1]} x {shape[0]} pixels." if changed else ""


def fit_shape(picture: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """One picture, uint8 [height, width, channels], in another size and number of channels."""
    if picture.shape[2] == 1 and shape[2] == 3:
        picture = np.repeat(picture, 3, axis=2)
    elif picture.shape[2] == 3 and shape[2] == 1:
        # Luma weights of ITU-R BT.601, as for television and JPEG.
        picture = (picture @ np.array([0.299, 0.587, 0.114]))[..., None].round().astype(np.uint8)
    if picture.shape[:2] == shape[:2]:
        return picture
    from PIL import Image

    image = Image.fromarray(picture[..., 0] if shape[2] == 1 else picture)
    resized = np.asarray(image.resize((shape[1], shape[0]), Image.Resampling.BILINEAR), dtype=np.uint8)
    return resized[..., None] if shape[2] == 1 else resized


def _is_grey(picture: np.ndarray) -> bool:
    if picture.shape[2] == 1:
        return True
    return bool((picture[..., 0] == picture[..., 1]).all() and (picture[..., 1] == picture[..., 2]).all())
