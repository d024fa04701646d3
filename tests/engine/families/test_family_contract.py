"""What every registered family must do, on small real data of its modality."""

from __future__ import annotations

import gc
import io
import itertools
import time
import warnings
import weakref
from pathlib import Path

import numpy as np
import onnxruntime as ort
import optuna
import pytest
import torch

from tests.engine.families.real_sets import RealSet, sets_for
from tools.engine.data.dataset import Encoded
from tools.engine.families.family import FAMILIES, Family, Params
from tools.engine.training.learner import Learner

CASES = [
    pytest.param(family, case, id=f"{family.name}-{case.name}")
    for family in FAMILIES
    for case in sets_for(family.modality)
    if family.fits(case.spec)
]
THOROUGH = [
    pytest.param(*case.values, id=case.id, marks=pytest.mark.slow if case.values[0].name == "text_minilm" else ())
    for case in CASES  # reading and exporting 90 MB of weights again and again takes its time
]
FIRST = [
    pytest.param(family, next(case for case in sets_for(family.modality) if family.fits(case.spec)), id=family.name)
    for family in FAMILIES
    if any(family.fits(case.spec) for case in sets_for(family.modality))  # pretrained ones need their weights
]


def draw(family: Family, case: RealSet, seed: int) -> Params:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    return family.suggest(study.ask(), case.spec)  # type: ignore[arg-type]


def make(family: Family, case: RealSet, params: Params | None = None, **fields: object) -> Learner:
    params = params or family.defaults(case.spec)[0]
    return family.learner(params, case.spec, case.train, case.validation, case.context(**fields))


def some_rows(encoded: Encoded, n: int) -> dict[str, np.ndarray]:
    return encoded.rows(np.arange(n)).inputs


@pytest.mark.parametrize(("family", "case"), CASES)
def test_every_default_lies_in_the_space(family: Family, case: RealSet) -> None:
    defaults = family.defaults(case.spec)
    assert len(defaults) >= 2
    for params in defaults:
        trial = optuna.trial.FixedTrial(params)
        assert family.suggest(trial, case.spec) == params  # type: ignore[arg-type]
        for name, distribution in trial.distributions.items():
            inside = distribution._contains(distribution.to_internal_repr(params[name]))
            assert inside, f"{name} = {params[name]} is outside of {distribution}"


@pytest.mark.parametrize(("family", "case"), FIRST)
def test_structure_names_parameters_of_the_space(family: Family, case: RealSet) -> None:
    names = set().union(*(draw(family, case, seed) for seed in range(30)))
    assert family.structure <= names
    assert names - family.structure, "there are training settings too"
    assert family.title
    assert family.source


@pytest.mark.parametrize(("family", "case"), THOROUGH)
def test_any_configuration_trains_a_step_and_predicts(family: Family, case: RealSet) -> None:
    for seed in range(4):
        learner = make(family, case, draw(family, case, seed), deadline=time.time() + 0.05)
        report = next(learner.reports())
        assert np.isfinite(report.train_loss)
        assert np.isfinite(report.score)
        raw = learner.predict(case.validation.inputs)
        shape = (len(case.validation), case.spec.task.n_outputs)
        assert raw.dtype == np.float32
        assert raw.shape == (shape if case.spec.modality != "corpus" else (*case.truth.shape, shape[1]))
        assert np.isfinite(raw).all()


@pytest.mark.parametrize(("family", "case"), CASES)
def test_training_beats_the_trivial_baseline(family: Family, case: RealSet) -> None:
    context = case.context(max_epochs=25 if case.spec.modality == "tabular" else 6)
    learner = family.learner(family.defaults(case.spec)[0], case.spec, case.train, case.validation, context)
    reports = list(learner.reports())
    best = learner.restore_best()
    assert reports[-1].final
    assert [report.final for report in reports[:-1]] == [False] * (len(reports) - 1)
    assert [report.step for report in reports] == list(range(1, len(reports) + 1))
    assert context.score is not None
    score = context.score(learner.predict(case.validation.inputs))
    assert score == pytest.approx(reports[best - 1].score, abs=1e-6)
    margin = (score - case.trivial) * (1 if context.maximize else -1)
    assert margin > 0.15 if case.spec.task.kind != "generation" else margin > 0.3


@pytest.mark.parametrize(("family", "case"), FIRST)
def test_the_same_seed_gives_the_same_model_and_leaves_the_global_generator_alone(
    family: Family, case: RealSet
) -> None:
    def train(seed: int) -> np.ndarray:
        learner = make(family, case, seed=seed, max_epochs=2)
        list(learner.reports())
        return learner.predict(case.validation.inputs)

    before = torch.get_rng_state()
    first = train(1)
    torch.rand(7)
    np.random.default_rng()
    assert np.array_equal(first, train(1))
    if family.name not in ("linear", "text_linear", "text_minilm"):  # convex: every seed ends in the same place
        assert not np.array_equal(first, train(2))
    torch.set_rng_state(before)
    train(1)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(("family", "case"), FIRST)
def test_a_learner_that_nobody_holds_is_gone_at_once(family: Family, case: RealSet) -> None:
    gc.collect()
    gc.disable()  # a cycle would keep its memory, of the GPU too, until the next collection
    try:
        learner = make(family, case, max_epochs=1)
        list(learner.reports())
        gone = weakref.ref(learner)
        del learner
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.slow
@pytest.mark.parametrize(("family", "case"), FIRST)
def test_pausing_and_saving_change_nothing(family: Family, case: RealSet, tmp_path: Path) -> None:
    defaults = family.defaults(case.spec)
    params = min(defaults, key=lambda one: make(family, case, one).n_parameters)
    whole = make(family, case, params, max_epochs=4)
    expected = [(report.step, report.train_loss, report.score) for report in whole.reports()]
    paused = make(family, case, params, max_epochs=4)
    seen = []
    for _ in range(len(expected)):
        seen += [(report.step, report.train_loss, report.score) for report in itertools.islice(paused.reports(), 1)]
    assert seen == expected
    stopped = make(family, case, params, max_epochs=4)
    seen = [(report.step, report.train_loss, report.score) for report in itertools.islice(stopped.reports(), 1)]
    stopped.save(tmp_path / "state", resumable=True)
    resumed = make(family, case, params, max_epochs=4)
    resumed.load(tmp_path / "state")
    seen += [(report.step, report.train_loss, report.score) for report in resumed.reports()]
    assert seen == expected
    for learner in (whole, paused, resumed):
        assert learner.restore_best() == whole.restore_best()
    probabilities = whole.predict(case.validation.inputs)
    assert np.array_equal(paused.predict(case.validation.inputs), probabilities)
    assert np.array_equal(resumed.predict(case.validation.inputs), probabilities)


@pytest.mark.parametrize(("family", "case"), CASES)
def test_a_saved_model_loads_into_a_learner_without_data(family: Family, case: RealSet, tmp_path: Path) -> None:
    learner = make(family, case, max_epochs=1)
    list(learner.reports())
    learner.restore_best()
    learner.save(tmp_path / "state")
    params = family.defaults(case.spec)[0]
    empty = family.learner(params, case.spec, None, None, case.context())
    empty.load(tmp_path / "state")
    assert np.array_equal(empty.predict(case.validation.inputs), learner.predict(case.validation.inputs))
    assert empty.n_parameters == learner.n_parameters


@pytest.mark.parametrize(("family", "case"), THOROUGH)
def test_the_untrained_model_has_full_size_and_exports(family: Family, case: RealSet) -> None:
    for params in family.defaults(case.spec)[:2]:
        untrained = family.learner(params, case.spec, None, None, case.context())
        trained = make(family, case, params)
        # Marks of missing values are known only from data; they add one weight per column and unit at most.
        assert untrained.n_parameters <= trained.n_parameters < 1.3 * untrained.n_parameters
        check_export(untrained, case.validation)


@pytest.mark.parametrize(("family", "case"), THOROUGH)
def test_the_trained_model_exports_with_free_batch_and_length(family: Family, case: RealSet) -> None:
    for params in (family.defaults(case.spec)[0], draw(family, case, 1)):
        learner = make(family, case, params, deadline=time.time() + 0.1)
        list(learner.reports())
        check_export(learner, case.validation)


def exported_module(learner: Learner, rows: Encoded) -> bytes:
    names = learner.input_names
    module = learner.module()
    assert module is not None
    axes = {name: {0: "batch", **({1: "length"} if name == "tokens" else {})} for name in names}
    file = io.BytesIO()
    example = tuple(torch.from_numpy(some_rows(rows, 3)[name]) for name in names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, example, file, dynamo=False, opset_version=18, input_names=list(names), output_names=["scores"],
            dynamic_axes={**axes, "scores": {0: "batch"}},
        )  # fmt: skip
    return file.getvalue()


def check_export(learner: Learner, rows: Encoded) -> None:
    names = learner.input_names
    assert all(rows.inputs[name].shape[1] for name in names)
    graph = learner.onnx_core()
    content = exported_module(learner, rows) if graph is None else graph.SerializeToString()
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    for batch, length in itertools.product((1, 7), (None, 5)):
        feed = {name: array for name, array in some_rows(rows, batch).items() if name in names}
        if length is not None and "tokens" in feed:
            feed["tokens"] = np.ascontiguousarray(feed["tokens"][:, :length])
        expected = learner.predict(feed)
        np.testing.assert_allclose(session.run(["scores"], feed)[0], expected, rtol=1e-3, atol=2e-4)


@pytest.mark.parametrize(("family", "case"), FIRST)
def test_the_deadline_ends_training_with_a_scored_model(family: Family, case: RealSet) -> None:
    params = family.defaults(case.spec)[0]
    many = np.tile(np.arange(len(case.train)), 40)
    context = case.context(deadline=time.time() + 0.6, max_epochs=10_000)
    learner = family.learner(params, case.spec, case.train.rows(many), case.validation, context)
    reports = list(learner.reports())
    assert time.time() - context.deadline < 5.0  # without the deadline it would train for many minutes
    assert reports[-1].final
    assert np.isfinite(reports[-1].score)
    assert learner.restore_best() >= 1


@pytest.mark.parametrize(("family", "case"), FIRST)
def test_without_validation_rows_the_last_state_is_kept(family: Family, case: RealSet) -> None:
    context = case.context(score=None, max_epochs=2)
    learner = family.learner(family.defaults(case.spec)[0], case.spec, case.train, None, context)
    reports = list(learner.reports())
    assert all(np.isnan(report.score) for report in reports)
    assert learner.restore_best() == len(reports)
    assert reports[-1].epoch <= 2
