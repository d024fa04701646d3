from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from tools.engine.data.dataset import DataSpec, TaskSpec
from tools.engine.training.adamw import FlatAdamW
from tools.engine.training.augment import Augment
from tools.engine.training.batches import Batches
from tools.engine.training.dropout import Dropout, MaskPool, connect
from tools.engine.training.flat import FlatParameters
from tools.engine.training.losses import loss_for
from tools.engine.training.memory import memory_guard
from tools.engine.training.network import Network, build_seeded
from tools.engine.training.preprocessing import TabularInput
from tools.engine.training.schedule import factor
from tools.engine.training.selection import Best
from tools.engine.training.statistics import pixel_statistics, tabular_statistics
from tools.engine.training.work import Cadence, multiply_adds


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("width", [8, 400], ids=["few numbers", "many: the fused kernel"])
def test_the_flat_optimizer_takes_the_steps_of_torchs_adamw(width: int) -> None:
    mine = build_seeded(lambda: nn.Sequential(nn.Linear(5, width), nn.SiLU(), nn.Linear(width, width)), 0)
    peer = copy.deepcopy(mine)
    flat = FlatParameters(mine)
    optimizer = FlatAdamW(flat, 0.1, (0.9, 0.95))
    matrices = [p for p in peer.parameters() if p.dim() > 1]
    vectors = [p for p in peer.parameters() if p.dim() == 1]
    other = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}], betas=(0.9, 0.95)
    )
    for step in range(20):
        x = torch.randn(16, 5, generator=generator(step))
        rate = 1e-2 * (step + 1) / 20
        flat.clear()
        mine(x).square().mean().backward()
        flat.clip(0.05)
        optimizer.step(rate)
        other.zero_grad()
        peer(x).square().mean().backward()
        torch.nn.utils.clip_grad_norm_(peer.parameters(), 0.05)
        for group in other.param_groups:
            group["lr"] = rate
        other.step()
    for ours, theirs in zip(mine.parameters(), peer.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_flat_parameters_restore_a_snapshot_and_keep_channels_last_kernels() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    before = copy.deepcopy(model.state_dict())
    flat = FlatParameters(model, channels_last=True)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model[0].weight.is_contiguous(memory_format=torch.channels_last)
    kept = flat.snapshot()
    model(torch.randn(2, 3, 8, 8, generator=generator())).sum().backward()
    flat.values.add_(1.0)
    assert not torch.equal(model[0].weight, before["0.weight"])
    flat.restore(kept)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_batches_show_every_row_once_an_epoch_and_none_is_tiny() -> None:
    rows = torch.arange(103)
    batches = Batches([rows * 2, rows], 20, generator())
    orders = []
    for _ in range(3):
        seen = [batches.next() for _ in range(batches.per_epoch)]
        assert all(torch.equal(double, 2 * single) for double, single in seen)
        assert {len(single) for _, single in seen} <= {20, 21}
        orders.append(torch.cat([single for _, single in seen]))
        assert torch.equal(orders[-1].sort().values, rows)
    assert not torch.equal(orders[0], orders[1])


def test_batches_resume_in_the_middle_of_an_epoch() -> None:
    batches = Batches([torch.arange(50)], 7, generator())
    for _ in range(10):
        batches.next()
    other = Batches([torch.arange(50)], 7, generator(9))
    other.load_state(batches.state())
    for _ in range(4):
        assert torch.equal(batches.next()[0], other.next()[0])


def test_masks_from_the_pool_drop_what_dropout_drops() -> None:
    pool = MaskPool(0, generator())
    like = torch.empty(64, 50)
    masks = torch.stack([pool.mask(like, 0.3) for _ in range(400)])
    assert masks.unique().tolist() == pytest.approx([0.0, 1 / 0.7])
    assert float((masks == 0).float().mean()) == pytest.approx(0.3, abs=0.003)
    per_unit = (masks == 0).float().mean(dim=(0, 1))
    assert float(per_unit.std()) < 2 * math.sqrt(0.3 * 0.7 / (400 * 64))
    flat = masks.view(400, -1)
    neighbours = torch.corrcoef(torch.stack([flat[:, 0], flat[:, 1], flat[:, 50]]))
    assert float((neighbours - torch.eye(3)).abs().max()) < 0.2


def test_a_larger_pool_begins_like_a_smaller_one() -> None:
    small, large = MaskPool(5, generator()), MaskPool(5, generator())
    large.mask(torch.empty(1000), 0.5)
    large._generator.manual_seed(0)
    assert torch.equal(small.mask(torch.empty(10), 0.5), large.mask(torch.empty(10), 0.5))


def test_dropout_is_the_identity_in_eval_mode() -> None:
    layer = nn.Sequential(Dropout(0.5))
    connect(layer, MaskPool(0, generator()))
    x = torch.ones(100)
    assert torch.equal(layer.eval()(x), x)
    assert not torch.equal(layer.train()(x), x)


def test_schedules_warm_up_and_end_at_zero() -> None:
    for name in ("cosine", "flat"):
        values = [factor(name, p, 0.1) for p in np.linspace(0, 1, 101)]  # type: ignore[arg-type]
        assert values[0] < 0.02
        assert max(values) == 1.0
        assert values[-1] == pytest.approx(0.0, abs=1e-9)
    assert factor("flat", 0.5, 0.1) == 1.0
    assert factor("constant", 1.0, 0.1) == 1.0


@pytest.mark.parametrize(("per_epoch", "reports", "scored"), [(7, 3, 2), (10, 10, 3), (5, 1, 1), (100, 7, 7)])
def test_reports_end_with_each_epoch_and_the_last_one_is_scored(per_epoch: int, reports: int, scored: int) -> None:
    cadence = Cadence(per_epoch, reports, scored)
    steps, step = [], 0
    while step < 2 * per_epoch:
        step = cadence.next_report(step)
        steps.append(step)
    assert len(steps) == 2 * reports
    assert {per_epoch, 2 * per_epoch} <= set(steps)
    assert sum(cadence.is_scored(step) for step in steps) == 2 * scored
    assert cadence.is_scored(per_epoch)
    assert cadence.is_scored(2 * per_epoch)


class _Wide(Network):
    input_names = ("num",)

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1000, 2000)

    def body(self, *prepared: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.layer(prepared[0])
        return out


def test_long_epochs_report_often_without_scoring_too_often() -> None:
    data = torch.zeros(1, 1000).expand(50_000, 1000)
    assert multiply_adds(_Wide(), [data]) == 2_000_000
    cadence = Cadence.plan(_Wide(), [data], 200, n_validation=12_500)
    assert cadence.reports == pytest.approx(6 * 2e6 * 5e4 / 2e10 / 1.5, abs=1)
    assert cadence.scored == 1


def test_equal_scores_are_decided_by_the_validation_loss() -> None:
    best = Best(maximize=True)
    for step, (score, loss) in enumerate([(0.9, 1.0), (1.0, 0.9), (1.0, 0.2), (1.0, 0.5), (math.nan, 0.0)], 1):
        best.offer(score, loss, step, float(step), lambda step=step: [torch.tensor(step)])  # type: ignore[misc]
    assert best.step == 3
    lower = Best(maximize=False)
    for step, score in enumerate([3.0, 1.0, 2.0], 1):
        lower.offer(score, math.nan, step, float(step), list)
    assert lower.step == 2


def test_losses_follow_the_task() -> None:
    tokens = TaskSpec("generation", "", "bits_per_char", 4)
    scores, target = torch.zeros(2, 3, 4), torch.tensor([[1, 2, 0], [3, 0, 0]])
    assert float(loss_for(tokens)(scores, target)) == pytest.approx(math.log(4))
    many = TaskSpec("classification", "y", "f1_micro", 2, ("a", "b"), multilabel=True)
    assert float(loss_for(many)(torch.zeros(3, 2), torch.ones(3, 2))) == pytest.approx(math.log(2))
    value = TaskSpec("regression", "y", "r2", 1)
    far = torch.full((1, 1), 10.0)
    assert float(loss_for(value)(far, 0 * far)) == 100.0
    assert float(loss_for(value, regression="huber")(far, 0 * far)) == 9.5


def test_table_statistics_survive_gaps_constants_and_outliers() -> None:
    rng = np.random.default_rng(0)
    num = rng.normal(5, 2, (500, 4)).astype(np.float32)
    num[::5, 0], num[:, 1], num[0, 2], num[:, 3] = np.nan, 7.0, 1e12, np.nan
    spec = DataSpec("tabular", TaskSpec("classification", "y", "accuracy", 2), 500, n_numeric=4)
    for scaling in ("robust", "standard"):
        fitted = tabular_statistics(num, 4, scaling, 6)  # type: ignore[arg-type]
        assert fitted["missing"].tolist() == [0, 3]
        table = TabularInput(spec, fitted, smooth_clip=True, max_one_hot=8, n_bins=6)
        (flat,) = table(torch.from_numpy(num))
        assert flat.shape == (500, table.n_features) == (500, 4 + 2 + 4 * 6)
        assert torch.isfinite(flat).all()
        assert float(flat.abs().max()) <= 3.0
        assert float(flat[:, 1].abs().max()) == 0.0
        assert torch.equal(flat[:, 4] == 1, torch.isnan(torch.from_numpy(num[:, 0])))
    robust = tabular_statistics(num, 4, "robust", 0)
    assert robust["centre"][0] == pytest.approx(np.nanmedian(num[:, 0]), abs=1e-5)
    assert 1 / robust["scale"][0] == pytest.approx(np.subtract(*np.nanquantile(num[:, 0], [0.75, 0.25])), rel=1e-4)


def test_small_columns_are_one_hot_and_wide_ones_ids() -> None:
    task = TaskSpec("classification", "y", "accuracy", 2)
    spec = DataSpec("tabular", task, 4, cardinalities=(3, 20, 30))
    fitted = tabular_statistics(None, 0, "robust", 0)
    table = TabularInput(spec, fitted, smooth_clip=False, max_one_hot=8, n_bins=0)
    hot, ids = table(torch.tensor([[0, 1, 2], [1, 19, 29], [2, 0, 0]]))
    assert hot.tolist() == [[0, 0], [1, 0], [0, 1]]
    assert ids.tolist() == [[1, 22], [19, 49], [0, 20]]
    assert table.n_ids == 50


def test_pixels_are_centred_per_channel() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (20, 3, 4, 4), dtype=np.uint8)
    fitted = pixel_statistics(pixels, 3)
    scaled = (pixels - fitted["centre"][None, :, None, None]) * fitted["scale"][None, :, None, None]
    assert np.allclose(scaled.mean(axis=(0, 2, 3)), 0, atol=1e-4)
    assert np.allclose(scaled.std(axis=(0, 2, 3)), 1, atol=1e-4)


def test_shifts_move_pictures_and_keep_their_shape() -> None:
    images = torch.zeros(32, 1, 8, 8)
    images[:, :, 4, 4] = 1.0
    moved = Augment(shift=1)(images, generator())
    assert moved.shape == images.shape
    assert torch.equal(moved.sum(dim=(1, 2, 3)), torch.ones(32))
    assert len({tuple(image.nonzero()[0].tolist()) for image in moved[:, 0]}) > 1
    assert bool((moved[:, 0, 3:6, 3:6].sum(dim=(1, 2)) == 1).all())
    flipped = Augment(flip=True)(images, generator())
    assert {int(image.nonzero()[0, 1]) for image in flipped[:, 0]} == {3, 4}


def test_running_out_of_memory_is_a_memory_error_and_other_errors_are_not() -> None:
    with pytest.raises(MemoryError), memory_guard():
        torch.empty(2**60)
    with pytest.raises(MemoryError), memory_guard():
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
    with pytest.raises(RuntimeError, match="invalid for input of size"), memory_guard():
        torch.zeros(2, 2).view(3)
