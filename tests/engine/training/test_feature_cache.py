"""Frozen features are computed once for each picture, in groups of one size."""

import torch
from torch import Tensor

from tools.engine.training.feature_cache import FeatureCache


class Counting:
    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, pixels: Tensor) -> Tensor:
        self.sizes.append(len(pixels))
        return pixels.float().flatten(1).sum(dim=1, keepdim=True)


def pictures(*values: int) -> Tensor:
    return torch.tensor(values, dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 2, 2).contiguous()


def test_a_picture_is_computed_once_whatever_batch_it_comes_in() -> None:
    cache, compute = FeatureCache(), Counting()
    assert cache.get("a", pictures(1, 2, 3), compute).tolist() == [[4.0], [8.0], [12.0]]
    assert cache.get("a", pictures(3, 1), compute).tolist() == [[12.0], [4.0]]
    assert compute.sizes == [8]
    assert cache.get("a", pictures(*range(10)), compute)[9].tolist() == [36.0]
    assert compute.sizes == [8, 8]


def test_another_network_has_features_of_its_own_and_the_oldest_are_forgotten() -> None:
    cache, compute = FeatureCache(most_bytes=8), Counting()
    cache.get("a", pictures(1, 2), compute)
    cache.get("b", pictures(1), lambda pixels: -compute(pixels))
    assert cache.get("b", pictures(1), compute).tolist() == [[-4.0]]
    assert len(compute.sizes) == 2
    cache.get("a", pictures(1), compute)
    assert len(compute.sizes) == 3


def test_no_pictures_have_no_features() -> None:
    assert FeatureCache().get("a", pictures(1)[:0], Counting()).shape == (0, 1)
