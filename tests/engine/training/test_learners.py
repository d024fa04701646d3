from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from tests.engine.families.real_sets import numbers, values
from tools.core.errors import OptimizationError
from tools.engine.data.dataset import Encoded
from tools.engine.families.family import FAMILIES, Params
from tools.engine.training.learner import FitContext
from tools.engine.training.loop import TorchLearner

PLAIN: Params = {"scaling": "standard", "features": "plain", "penalty": "l2", "strength": 1.0}


def test_the_linear_model_reaches_the_optimum_of_scikit_learn() -> None:
    case = numbers()
    learner = FAMILIES.get("linear").learner(PLAIN, case.spec, case.train, None, FitContext())
    started = time.process_time()
    list(learner.reports())
    assert time.process_time() - started < 1.0
    scaler = StandardScaler().fit(case.train.inputs["num"].astype(np.float64))
    peer = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(
        scaler.transform(case.train.inputs["num"]), case.train.target
    )
    expected = peer.predict_proba(scaler.transform(case.validation.inputs["num"]))
    assert np.abs(case.decode(learner.predict(case.validation.inputs)) - expected).max() < 0.01


def test_the_linear_model_reaches_the_optimum_of_ridge_regression() -> None:
    case = values()
    # The squared error's gradient carries a factor of two, so the penalty's half strength is ridge's alpha.
    params = PLAIN | {"strength": 20.0}
    learner = FAMILIES.get("linear").learner(params, case.spec, case.train, None, FitContext())
    list(learner.reports())
    scaler = StandardScaler().fit(case.train.inputs["num"].astype(np.float64))
    peer = Ridge(alpha=10.0).fit(scaler.transform(case.train.inputs["num"]), case.train.target[:, 0])
    expected = peer.predict(scaler.transform(case.validation.inputs["num"]))
    assert np.abs(learner.predict(case.validation.inputs)[:, 0] - expected).max() < 0.01


def test_a_strong_l1_penalty_makes_weights_vanish() -> None:
    case = numbers()
    zeros = []
    for strength in (0.01, 10.0):
        params = PLAIN | {"penalty": "l1", "strength": strength}
        learner = FAMILIES.get("linear").learner(params, case.spec, case.train, None, FitContext())
        losses = [report.train_loss for report in learner.reports()]
        assert losses == sorted(losses, reverse=True)
        module = learner.module()
        assert module is not None
        zeros.append(float((module.get_parameter("linear.weight") == 0).float().mean()))
    assert zeros[0] + 0.3 < zeros[1] < 1.0


def test_a_loss_that_is_not_finite_ends_the_trial_with_a_reason() -> None:
    case = numbers()
    family = FAMILIES.get("mlp")
    spoiled = Encoded(case.train.inputs, case.train.target)
    params = family.defaults(case.spec)[0] | {"lr": 1e30}
    learner = family.learner(params, case.spec, spoiled, case.validation, case.context())
    with pytest.raises(OptimizationError, match="not finite"):
        list(learner.reports())


def test_a_learner_without_rows_says_so_when_trained() -> None:
    case = numbers()
    family = FAMILIES.get("mlp")
    learner = family.learner(family.defaults(case.spec)[0], case.spec, None, None, case.context())
    with pytest.raises(OptimizationError, match="without training rows"):
        next(learner.reports())


def test_patience_ends_a_training_that_no_longer_improves() -> None:
    case = numbers()
    family = FAMILIES.get("mlp")
    context = case.context(max_epochs=5000)
    learner = family.learner(family.defaults(case.spec)[0], case.spec, case.train, case.validation, context)
    reports = list(learner.reports())
    assert reports[-1].final
    assert reports[-1].epoch < 2000
    assert learner.restore_best() < len(reports)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_hardly_any_rows_still_train(n: int) -> None:
    case = numbers()
    few = case.train.rows(np.arange(n) * 50)
    for name in ("mlp", "linear"):
        family = FAMILIES.get(name)
        context = case.context(max_epochs=2)
        learner = family.learner(family.defaults(case.spec)[0], case.spec, few, case.validation, context)
        assert np.isfinite([report.score for report in learner.reports()]).all()


@pytest.mark.parametrize("thrift", [1, 2])
def test_batches_in_parts_make_the_same_updates(thrift: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.engine.training.loop.has_bf16", lambda device: False)
    case = numbers()
    family = FAMILIES.get("mlp")
    params = family.defaults(case.spec)[0] | {"dropout": 0.0, "batch_size": 100}
    scores = []
    for level in (0, thrift):
        learner = family.learner(
            params, case.spec, case.train, case.validation, case.context(max_epochs=3, thrift=level)
        )
        losses = [report.train_loss for report in learner.reports()]
        scores.append((losses, learner.predict(case.validation.inputs)))
    assert scores[0][0] == pytest.approx(scores[1][0], rel=1e-3)
    assert np.abs(scores[0][1] - scores[1][1]).max() < 0.02


def test_the_last_level_of_thrift_trains_in_bfloat16_where_the_device_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    case = numbers()
    family = FAMILIES.get("mlp")
    for has, level in ((True, 2), (False, 2), (True, 1)):
        monkeypatch.setattr("tools.engine.training.loop.has_bf16", lambda device, has=has: has)
        learner = family.learner(
            family.defaults(case.spec)[0], case.spec, case.train, case.validation, case.context(thrift=level)
        )
        assert isinstance(learner, TorchLearner)
        assert learner.recipe.bf16 == (has and level == 2)
