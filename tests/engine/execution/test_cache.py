"""Folds on disk: mapped for reading, whatever is trained on them."""

from __future__ import annotations

import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from tests.engine.fake_family import make_fold
from tools.core.config import ValidationSpec
from tools.engine.data.encode import encode
from tools.engine.data.modality import MODALITIES
from tools.engine.data.read import load as read
from tools.engine.data.split import split
from tools.engine.data.target import TargetEncoder
from tools.engine.execution.cache import Fold, load, store
from tools.engine.families.family import FAMILIES
from tools.engine.training.learner import FitContext

LIMITED = """
import sys
from pathlib import Path
from tools.engine.execution.process import limit_memory
import numpy as np
from tools.engine.execution.cache import load
from tools.engine.execution.messages import FoldFiles
from tools.engine.data.dataset import DataSpec, TaskSpec
from tools.engine.data.target import TargetEncoder

spec = DataSpec("tabular", TaskSpec("regression", "y", "r2", 1), 1)
limit_memory(40_000_000)
fold = load(FoldFiles(Path(sys.argv[1]), spec, TargetEncoder().state(), False))
assert float(fold.train.inputs["num"][-1, 0]) == 7.0
try:
    np.ones(60_000_000, np.uint8)
except MemoryError:
    print("limited")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is one of Linux")
def test_mapped_data_does_not_count_against_the_memory_of_a_worker(tmp_path: Path) -> None:
    np.save(tmp_path / "train.input.num.npy", np.full((15_000_000, 1), 7.0, np.float32))
    np.save(tmp_path / "train.target.npy", np.zeros((15_000_000, 1), np.float32))
    found = subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True)
    assert found.stdout == "limited\n", found.stderr


def test_what_was_stored_is_loaded_and_cannot_be_changed(tmp_path: Path) -> None:
    made = make_fold()
    found = load(store(tmp_path / "fold", made))
    assert found.train.inputs.keys() == made.train.inputs.keys()
    assert np.array_equal(found.train.target, made.train.target)
    with pytest.raises(ValueError, match="read-only"):
        found.train.target[0] = 1


@pytest.mark.parametrize("name", ["table.csv", "digits", "support_messages", "tiny_corpus"])
def test_every_family_trains_on_data_it_cannot_write_to(name: str, tmp_path: Path) -> None:
    if name == "table.csv":
        lines = [f"{i % 7 * 0.5},{'red' if i % 3 else 'blue'},{'yes' if i % 2 else 'no'}" for i in range(120)]
        (tmp_path / name).write_text("\n".join(["x,colour,y", *lines]))
        dataset = read(str(tmp_path / name), "y")
    else:
        dataset = read(name)
    modality = MODALITIES.get(dataset.modality)
    task = modality.task(dataset, None, None, None)
    parts = split(dataset, task, ValidationSpec(), 0)
    rows, held = parts.folds[0][0][:60], parts.folds[0][1][:20]
    encoder, target = modality.encoder(), TargetEncoder()
    encoder.fit(dataset, rows)
    target.fit(dataset, rows, task)
    spec = encoder.spec(task, len(rows))
    train, validation = (encode(dataset, part, encoder, target) for part in (rows, held))
    fold = load(store(tmp_path / "fold", Fold(spec, target, train, validation, validation.target)))
    assert fold.validation is not None
    for family in FAMILIES:
        if family.fits(spec):
            context = FitContext(max_epochs=1)
            learner = family.learner(family.defaults(spec)[0], fold.spec, fold.train, fold.validation, context)
            list(islice(learner.reports(), 2))
            assert len(learner.predict(fold.validation.inputs)) == len(held), family.name
