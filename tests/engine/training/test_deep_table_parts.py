from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from tests.engine.families.real_sets import labels, numbers, softmax, values
from tools.engine.data.dataset import DataSpec, TaskSpec
from tools.engine.families.family import FAMILIES
from tools.engine.training.adamw import FlatAdamW
from tools.engine.training.column_tokens import ColumnBlock
from tools.engine.training.flat import FlatParameters
from tools.engine.training.members import SharedLinear, mean_prediction
from tools.engine.training.network import build_seeded
from tools.engine.training.schedule import factor
from tools.engine.training.statistics import tabular_statistics
from tools.engine.training.table_front import TableFront
from tools.engine.training.work import affordable_epochs


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_scores_of_the_ensemble_decode_to_the_mean_of_the_members_predictions() -> None:
    raw = torch.randn(5, 7, 3, generator=generator()) * 4
    classes = TaskSpec("classification", "y", "accuracy", 3, (0, 1, 2))
    torch.testing.assert_close(mean_prediction(raw, classes).softmax(dim=1), raw.softmax(dim=2).mean(dim=0))
    several = TaskSpec("classification", "y", "f1_micro", 3, ("a", "b", "c"), multilabel=True)
    torch.testing.assert_close(mean_prediction(raw, several).sigmoid(), raw.sigmoid().mean(dim=0))
    value = TaskSpec("regression", "y", "r2", 3)
    torch.testing.assert_close(mean_prediction(raw, value), raw.mean(dim=0))


@pytest.mark.parametrize("multilabel", [False, True])
def test_members_that_are_very_sure_keep_the_scores_finite(multilabel: bool) -> None:
    task = TaskSpec("classification", "y", "accuracy", 2, (0, 1), multilabel=multilabel)
    scores = mean_prediction(torch.tensor([[[500.0, -500.0]], [[400.0, -400.0]]]), task)
    assert torch.isfinite(scores).all()
    assert scores[0, 0] > scores[0, 1] + 100


def test_a_shared_layer_is_one_linear_layer_per_member() -> None:
    layer = build_seeded(lambda: SharedLinear(4, 6, 3, first=True, own=True), 0)
    assert layer.before is not None
    assert layer.after is not None
    assert layer.bias is not None
    assert set(layer.before.tolist()) == {-1.0, 1.0}
    assert not torch.equal(layer.before[:6], layer.before[6:12]), "members begin apart"
    with torch.no_grad():
        layer.after.copy_(torch.randn(12, generator=generator(1)))
        layer.bias.copy_(torch.randn(12, generator=generator(2)))
    x = torch.randn(5, 6, generator=generator(3))
    for member in range(4):
        sign, scale, shift = layer.before.view(4, 6), layer.after.view(4, 3), layer.bias.view(4, 3)
        alone = layer.shared(x * sign[member]) * scale[member] + shift[member]
        torch.testing.assert_close(layer(x[None])[member], alone)


def test_the_exported_graph_of_tabm_gives_the_mean_probability_of_its_members() -> None:
    from tools.engine.export.graph import core_graph
    from tools.engine.export.runtime import open_session, run_session

    for case in (numbers(), labels(), values()):
        family = FAMILIES.get("tabm")
        params = family.defaults(case.spec)[0] | {"members": 4, "width": 32}
        learner = family.learner(params, case.spec, case.train, case.validation, case.context(max_epochs=2))
        list(learner.reports())
        feed = {name: case.validation.inputs[name][:7] for name in learner.input_names}
        network = learner.module()
        assert network is not None
        with torch.no_grad():
            prepared = network.prepare(*(torch.from_numpy(array) for array in feed.values()))
            each = network.training_scores(*prepared).unflatten(0, (4, 7)).numpy()
        found = run_session(open_session(core_graph(learner, feed)), feed, ["scores"])["scores"]
        if case.spec.task.kind == "regression":
            expected = each.mean(axis=0)
        elif case.spec.task.multilabel:
            expected, found = (1 / (1 + np.exp(-each))).mean(axis=0), 1 / (1 + np.exp(-found))
        else:
            expected, found = softmax(each).mean(axis=0), softmax(found)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


class TwoRates(nn.Module):
    def __init__(self, width: int, slow: float) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(5, width), nn.Linear(width, 3)
        self.rate_factors = {"second": slow}


@pytest.mark.parametrize("width", [8, 20_000], ids=["few numbers", "many: the fused kernel"])
def test_a_rate_factor_scales_the_steps_of_its_part_and_not_the_decay(width: int) -> None:
    moved = []
    for slow in (1.0, 0.25):
        model = build_seeded(partial(TwoRates, width, slow), 0)
        before = [parameter.detach().clone() for parameter in (model.first.weight, model.second.weight)]
        flat = FlatParameters(model)
        optimizer = FlatAdamW(flat, 0.5, (0.9, 0.95))
        model.second(model.first(torch.randn(16, 5, generator=generator()))).square().mean().backward()
        optimizer.step(1e-2)
        after = (model.first.weight, model.second.weight)
        # What decay alone leaves is taken off.
        moved.append([(new - 0.995 * old).detach() for new, old in zip(after, before, strict=True)])
    torch.testing.assert_close(moved[1][0], moved[0][0])
    torch.testing.assert_close(moved[1][1], 0.25 * moved[0][1], rtol=1e-3, atol=1e-6)


def test_waves_start_and_end_at_nothing_and_peak_four_times() -> None:
    rates = [factor("waves", step / 3000, 0.0) for step in range(3001)]
    assert max(rates[0], rates[-1]) <= 2e-3
    peaks = [i for i in range(1, 3000) if rates[i - 1] < rates[i] >= rates[i + 1]]
    assert len(peaks) == 4
    assert all(rates[peak] > 0.999 for peak in peaks)


def test_epochs_follow_from_the_work_within_bounds() -> None:
    small, large = (affordable_epochs(5.0, 50_000, n, 128, 4, 100) for n in (500, 20_000))
    assert small == 100
    assert 4 <= large < 40
    assert affordable_epochs(5.0, 10**9, 10**6, 128, 4, 100) == 4


@pytest.mark.parametrize("embedding", ["plain", "periodic", "piecewise"])
def test_the_front_of_a_table_has_the_width_it_says(embedding: str) -> None:
    task = TaskSpec("regression", "y", "r2", 1)
    spec = DataSpec("tabular", task, 50, n_numeric=3, cardinalities=(4, 40))
    num = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    num[::5, 1] = np.nan
    fitted = tabular_statistics(num, 3, "robust", 6)
    n_bins = 6 if embedding == "piecewise" else 0
    front = build_seeded(lambda: TableFront(spec, fitted, embedding, 4, 0.1, n_bins), 0)  # type: ignore[arg-type]
    cat = torch.tensor([[3, 39]]).repeat(50, 1)
    out = front(*front.prepare(torch.from_numpy(num), cat))
    assert out.shape == (50, front.n_out)
    assert torch.isfinite(out).all()


def test_the_last_block_answers_for_the_summary_what_a_full_block_would() -> None:
    full, last = (build_seeded(partial(ColumnBlock, 16, 4, 1.33, 0.0, False, ends), 0) for ends in (False, True))
    x = torch.randn(5, 9, 16, generator=generator())
    torch.testing.assert_close(last(x), full(x)[:, :1])


def test_realmlp_does_not_predict_beyond_what_it_has_seen() -> None:
    case = values()
    family = FAMILIES.get("realmlp")
    learner = family.learner(
        family.defaults(case.spec)[0], case.spec, case.train, case.validation, case.context(max_epochs=2)
    )
    list(learner.reports())
    far = learner.predict({name: array * 50 for name, array in case.validation.inputs.items()})
    assert case.train.target.min() <= far.min()
    assert far.max() <= case.train.target.max()


def test_a_residual_network_trains_on_one_row() -> None:
    case = numbers()
    family = FAMILIES.get("tabular_resnet")
    one = case.train.rows(np.arange(1))
    context = case.context(max_epochs=2)
    learner = family.learner(family.defaults(case.spec)[0], case.spec, one, case.validation, context)
    assert np.isfinite([report.score for report in learner.reports()]).all()
