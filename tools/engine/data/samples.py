"""Built-in samples, so that the first try needs no file. Names only at import; data when asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tools.core.errors import ResourceError, TaskError
from tools.engine.data.dataset import Dataset

SAMPLES: dict[str, str] = {
    "iris": "150 flowers, 4 measurements in cm; predict the species (3 classes)",
    "wine": "178 wines, 13 chemical measurements; predict the class (3 cultivars)",
    "breast_cancer": "569 biopsies, 30 measurements of cell nuclei; predict the diagnosis (malignant or benign)",
    "digits": "1797 handwritten digits, images of 8 x 8 pixels; predict the digit (10 classes)",
    "diabetes": "442 patients, 10 standardised measurements; predict the progression of the disease (a number)",
    "support_messages": "540 short customer messages; predict the topic (billing, delivery, technical or praise)",
    "tiny_corpus": "about 30 kB of plain English sentences, to learn to continue text",
}

_FILES = Path(__file__).parent / "sample_files"


def sample(name: str) -> Dataset:
    """Load a built-in sample.

    Raises:
        TaskError: there is no sample of that name.
        ResourceError: scikit-learn, which brings most of them, is not installed.
    """
    if name not in SAMPLES:
        raise TaskError(f"There is no sample called '{name}'.", hint=f"Choose one of: {', '.join(SAMPLES)}.")
    if name == "support_messages":
        return _support_messages()
    if name == "tiny_corpus":
        return _tiny_corpus()
    try:
        from sklearn import datasets
    except ImportError:
        raise ResourceError(
            f"The sample '{name}' comes with scikit-learn, which is not installed.",
            hint="Run: pip install scikit-learn",
        ) from None
    makers: dict[str, Callable[[Any], Dataset]] = {
        "iris": lambda module: _table("iris", "species", module.load_iris()),
        "wine": lambda module: _table("wine", "class", module.load_wine()),
        "breast_cancer": lambda module: _table("breast_cancer", "diagnosis", module.load_breast_cancer()),
        "diabetes": lambda module: _table("diabetes", "progression", module.load_diabetes()),
        "digits": lambda module: _digits(module.load_digits()),
    }
    return makers[name](datasets)


def _table(name: str, target: str, bunch: Any) -> Dataset:
    import pandas as pd

    from tools.engine.data import fingerprint

    columns = [str(column).replace(" (cm)", "").replace(" ", "_") for column in bunch.feature_names]
    frame = pd.DataFrame(bunch.data, columns=columns)
    classes = getattr(bunch, "target_names", None)
    values = bunch.target if classes is None else np.asarray(classes, dtype=object)[bunch.target]
    frame[target] = pd.Series([str(value) for value in values], dtype=object) if classes is not None else values
    return Dataset(name, name, fingerprint.of_frame(frame), "tabular", frame, target=target)


def _digits(bunch: Any) -> Dataset:
    import pandas as pd

    from tools.engine.data import fingerprint

    # Grey levels 0 to 16 become 0 to 255.
    images = (bunch.images / 16.0 * 255.0).round().astype(np.uint8)[..., None]
    frame = pd.DataFrame({"digit": pd.Series([str(digit) for digit in bunch.target], dtype=object)})
    return Dataset("digits", "digits", fingerprint.of_frame(frame, images), "image", frame, images, target="digit")


def _support_messages() -> Dataset:
    from tools.engine.data.readers.delimited import read_delimited
    from tools.engine.data.tidy import tidy

    raw = read_delimited((_FILES / "support_messages.csv").read_bytes(), "support_messages.csv")
    frame = tidy(raw.frame).frame
    name = "support_messages"
    return Dataset(name, name, raw.fingerprint, "text", frame, target="topic", details={"text": "message"})


def _tiny_corpus() -> Dataset:
    """The messages once more, as running text: one topic after the other would teach little, so they stand mixed."""
    from tools.engine.data.readers.plain import read_corpus

    messages = _support_messages().frame["message"].tolist()
    order = np.random.default_rng(0).permutation(len(messages))
    raw = read_corpus("\n".join(str(messages[row]) for row in order) + "\n", "tiny_corpus")
    name = "tiny_corpus"
    return Dataset(name, name, raw.fingerprint, "corpus", raw.frame, details=dict(raw.details))
