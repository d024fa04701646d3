"""NumPy archives (.npz): images with labels, or a matrix X with a vector y, found by their shapes."""

from __future__ import annotations

import io
import re
import zipfile

import numpy as np
import pandas as pd

from tools.core.errors import TaskError
from tools.engine.data import fingerprint
from tools.engine.data.readers.images import to_common_size
from tools.engine.data.readers.raw import Raw

_LABEL_NAME = re.compile(r"(^|_)(y|labels?|targets?|class(es)?)(_|$)")
_HINT = "It needs images [n, height, width(, channels)] or a matrix [n, columns], and labels [n]."


def read_npz(content: bytes, name: str) -> Raw:
    """Read a NumPy archive; arrays split into train and test parts are put together.

    Raises:
        TaskError: damaged, holding Python objects, or without an array of examples.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {key: np.asarray(archive[key]) for key in archive.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, AttributeError):
        raise TaskError(
            f"The file '{name}' cannot be read as a NumPy archive: it is damaged or holds Python objects.",
            hint="Save plain arrays with numpy.savez_compressed(path, images=..., labels=...).",
        ) from None
    names = [str(item) for item in arrays.get("feature_names", np.array([])).ravel()]
    pairs = _pairs({key: array for key, array in arrays.items() if array.ndim and key != "feature_names"})
    if not pairs:
        found = ", ".join(f"{key} {list(array.shape)}" for key, array in arrays.items()) or "nothing"
        raise TaskError(f"The file '{name}' holds no examples that can be used; found: {found}.", hint=_HINT)
    said = (
        [f"{len(pairs)} parts of '{name}' were put together; a new test part is split off from all."]
        if len(pairs) > 1
        else []
    )
    examples = np.concatenate([pair[0] for pair in pairs])
    labelled = all(pair[1] is not None for pair in pairs)
    labels = np.concatenate([pair[1] for pair in pairs if pair[1] is not None]).ravel() if labelled else None
    mark = fingerprint.of_bytes(content)
    if examples.ndim == 2:
        columns = (
            names if len(names) == examples.shape[1] else [f"feature_{i}" for i in range(1, examples.shape[1] + 1)]
        )
        frame = pd.DataFrame(examples, columns=columns)
        if labels is not None:
            frame["target"] = labels
        return Raw(frame, mark, said, target="target" if labelled else None)
    images, resized = to_common_size(list(_pixels(examples)))
    frame = pd.DataFrame({"label": labels} if labels is not None else {"file": np.arange(len(images)).astype(str)})
    target = "label" if labelled else None
    return Raw(frame, mark, [*said, *([resized] if resized else [])], modality="image", images=images, target=target)


def _pairs(arrays: dict[str, np.ndarray]) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """Arrays of examples with the labels that belong to each (same length; the likeliest name)."""

    def is_labels(key: str) -> bool:
        array = arrays[key]
        return array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1)

    found: list[tuple[np.ndarray, np.ndarray | None]] = []
    used: set[str] = set()
    big = [
        key for key in arrays if not is_labels(key) and 2 <= arrays[key].ndim <= 4 and arrays[key].dtype.kind in "biuf"
    ]
    deepest = max((arrays[key].ndim for key in big), default=0)
    for key in (
        key for key in big if arrays[key].ndim == deepest and arrays[key].shape[1:] == arrays[big[0]].shape[1:]
    ):
        free = [
            other
            for other in arrays
            if is_labels(other) and other not in used and len(arrays[other]) == len(arrays[key])
        ]
        part = key.rsplit("_", 1)[-1]
        free.sort(key=lambda other: (part not in other, _LABEL_NAME.search(other.lower()) is None))
        used.update(free[:1])
        found.append((arrays[key], arrays[free[0]].ravel() if free else None))
    return found


def _pixels(images: np.ndarray) -> np.ndarray:
    """Images of any number type as uint8 [n, height, width, channels]."""
    if images.ndim == 3:
        images = images[..., None]
    elif images.shape[1] in (1, 3) and images.shape[3] not in (1, 3):
        images = images.transpose(0, 2, 3, 1)
    if images.shape[3] not in (1, 3):
        images = images[..., :3] if images.shape[3] == 4 else images[..., :1]
    if images.dtype == np.uint8:
        return images
    values = np.nan_to_num(images.astype(np.float32))
    low, high = min(float(values.min()), 0.0), float(values.max())
    top = 255.0 if 1.0 < high <= 255.0 and high > 64 else max(high, 1e-12)
    return ((values - low) / (max(top, 1.0) - low) * 255).round().clip(0, 255).astype(np.uint8)
