"""Every family on a CUDA GPU, where there is one: it learns, can be resumed, predicts what its CPU copy predicts."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.engine.families.real_sets import RealSet
from tests.engine.families.test_family_contract import CASES, FIRST, make
from tools.engine.families.family import Family

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


@pytest.mark.parametrize(("family", "case"), CASES)
def test_it_learns_and_its_cpu_copy_predicts_the_same(family: Family, case: RealSet) -> None:
    learner = make(family, case, device="cuda", max_epochs=25 if case.spec.modality == "tabular" else 6)
    reports = list(learner.reports())
    best = learner.restore_best()
    raw = learner.predict(case.validation.inputs)
    score = case.context().score
    assert score is not None
    found = score(raw)
    assert found == pytest.approx(reports[best - 1].score, abs=2e-3)
    margin = (found - case.trivial) * (1 if case.context().maximize else -1)
    assert margin > (0.15 if case.spec.task.kind != "generation" else 0.3)
    module = learner.module()
    if module is not None:
        inputs = [torch.from_numpy(np.ascontiguousarray(case.validation.inputs[name])) for name in learner.input_names]
        with torch.no_grad():
            assert np.allclose(module(*inputs).numpy(), raw, atol=2e-3, rtol=2e-3)


@pytest.mark.parametrize(("family", "case"), FIRST)
def test_a_saved_training_goes_on_where_it_was(family: Family, case: RealSet, tmp_path: Path) -> None:
    whole = make(family, case, device="cuda", max_epochs=4)
    expected = [report.train_loss for report in whole.reports()]
    stopped = make(family, case, device="cuda", max_epochs=4)
    seen = [report.train_loss for report in itertools.islice(stopped.reports(), 1)]
    stopped.save(tmp_path / "state", resumable=True)
    resumed = make(family, case, device="cuda", max_epochs=4)
    resumed.load(tmp_path / "state")
    seen += [report.train_loss for report in resumed.reports()]
    assert seen == pytest.approx(expected, rel=2e-2)
