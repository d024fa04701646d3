"""More padding, or a text without words, changes nothing and breaks nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.engine.families.real_sets import texts
from tools.engine.data.dataset import Encoded
from tools.engine.export.graph import core_graph
from tools.engine.export.runtime import open_session, run_session
from tools.engine.families.family import FAMILIES, Family
from tools.engine.training.learner import FitContext

FAMILIES_OF_TEXT = [pytest.param(family, id=family.name) for family in FAMILIES if family.fits(texts().spec)]


# The filters of text_cnn also answer to windows of padding alone, with their bias.
BLIND_TO_PADDING = [case for case in FAMILIES_OF_TEXT if case.id != "text_cnn"]


@pytest.mark.parametrize("family", BLIND_TO_PADDING)
def test_padding_does_not_change_the_scores(family: Family) -> None:
    case = texts()
    learner = family.learner(family.defaults(case.spec)[0], case.spec, case.train, None, FitContext(max_epochs=1))
    list(learner.reports())
    (name,) = learner.input_names
    ids = case.validation.inputs[name]
    short = ids[(ids != 0).sum(axis=1) <= 9]
    assert len(short) > 5
    few, many = learner.predict({name: short[:, :9].copy()}), learner.predict({name: short})
    np.testing.assert_allclose(few, many, atol=1e-5)
    assert np.isfinite(learner.predict({name: np.zeros((2, 20), np.int64)})).all()


@pytest.mark.parametrize("family", FAMILIES_OF_TEXT)
def test_several_labels_of_one_text_are_learned(family: Family) -> None:
    case = texts()
    task = replace(
        case.spec.task, classes=("weather", "sport", "long"), multilabel=True, metric="f1_micro", n_outputs=3
    )
    spec = replace(case.spec, task=task)

    def labels(rows: Encoded) -> Encoded:
        long = (rows.inputs["tokens"] != 0).sum(axis=1) > 9
        return Encoded(rows.inputs, np.stack([rows.target == 0, rows.target == 1, long], axis=1).astype(np.float32))

    train, validation = labels(case.train), labels(case.validation)
    learner = family.learner(family.defaults(spec)[0], spec, train, None, FitContext(max_epochs=6))
    list(learner.reports())
    found = learner.predict(validation.inputs) > 0
    assert (found[:, :2] == (validation.target[:, :2] > 0)).mean() > 0.75


@pytest.mark.parametrize("family", [case for case in FAMILIES_OF_TEXT if case.id != "text_minilm"])
def test_long_texts_are_read_in_the_file_as_by_the_model(family: Family) -> None:
    case = texts()
    long = np.tile(case.train.inputs["tokens"], (1, 400 // case.spec.sequence_length + 1))[:60, :400]
    assert long.shape == (60, 400)
    spec = replace(case.spec, sequence_length=400)
    train = Encoded({"tokens": long}, case.train.target[:60])
    learner = family.learner(family.defaults(spec)[0], spec, train, None, FitContext(max_epochs=1))
    list(learner.reports())
    session = open_session(core_graph(learner, {"tokens": long[:8]}))
    for feed in ({"tokens": long[8:20]}, {"tokens": long[:3, :30].copy()}):
        np.testing.assert_allclose(run_session(session, feed)["scores"], learner.predict(feed), atol=1e-4)
