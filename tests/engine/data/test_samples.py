"""The built-in samples, and what importing the data layer costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tools.core.errors import TaskError
from tools.engine.data.read import load
from tools.engine.data.samples import SAMPLES, sample

EXPECTED = {
    "iris": ("tabular", 150, "species"),
    "wine": ("tabular", 178, "class"),
    "breast_cancer": ("tabular", 569, "diagnosis"),
    "digits": ("image", 1797, "digit"),
    "diabetes": ("tabular", 442, "progression"),
    "support_messages": ("text", 540, "topic"),
    "tiny_corpus": ("corpus", None, None),
}


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_sample_is_what_its_description_says(name: str) -> None:
    dataset = load(name)
    modality, n_rows, target = EXPECTED[name]
    assert (dataset.modality, dataset.target) == (modality, target)
    assert n_rows in (None, dataset.n_rows)
    assert load(name).fingerprint == dataset.fingerprint


def test_the_messages_are_distinct_and_balanced() -> None:
    frame = load("support_messages").frame
    assert frame["message"].str.lower().nunique() == len(frame) >= 400
    assert frame["topic"].value_counts().min() >= 100


def test_an_unknown_sample_is_refused() -> None:
    with pytest.raises(TaskError, match="Choose one of"):
        sample("moon")


def test_names_are_known_without_loading_anything_and_reading_loads_no_torch() -> None:
    code = (
        "import sys; from tools.engine.data.samples import SAMPLES; assert 'sklearn' not in sys.modules;"
        "from tools.engine.data.read import load; from tools.engine.data.profile import profile;"
        "profile(load('support_messages'));"
        "heavy = {'torch', 'sklearn', 'onnx', 'onnxruntime', 'PIL', 'openpyxl'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
