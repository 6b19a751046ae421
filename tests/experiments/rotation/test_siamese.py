"""The baseline of the benchmark: a network that is trained, and is the same each time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from experiments.rotation.protocol import RotationPairs, depth_pairs, pictures
from experiments.rotation.siamese import SiameseResNet, resnet18, says_mirrored, train_siamese
from gqn_rl.rendering.raycast import RaycastRenderer
from gqn_rl.scenes.shape_pool import ShapePool
from gqn_rl.scenes.shape_source import shape_source

SMALL = RaycastRenderer(16)


@pytest.fixture(scope="module")
def pool() -> ShapePool:
    return shape_source(7, "train").pool().chiral()[:8]


def test_the_tower_is_the_network_of_the_paper() -> None:
    tower = resnet18()
    numbers = sum(weight.numel() for weight in tower.parameters())
    assert numbers == 11_689_512 - 1000 * (512 + 1)  # of torchvision's, without its last layer
    assert tower(torch.zeros(1, 3, 64, 64)).shape == (1, 512)


def test_a_training_is_the_same_again_and_another_with_another_seed(pool: ShapePool) -> None:
    def weights(seed: int) -> torch.Tensor:
        trained = train_siamese(lambda rng, n: depth_pairs(rng, n, pool), SMALL, 64, [seed])
        return torch.cat([part.flatten() for part in trained.network.state_dict().values()])

    before = torch.get_rng_state()
    first, again, other = weights(0), weights(0), weights(1)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


def dark_if_mirrored(rng: np.random.Generator, n: int, pool: ShapePool) -> RotationPairs:
    """Pairs of which pictures tell the answer without any rotation."""
    pairs = depth_pairs(rng, n, pool)
    light = np.where(pairs.mirrored, 0.2, 1.0)[:, None, None].astype(np.float32)
    return replace(pairs, second=replace(pairs.second, colour=pairs.second.colour * light))


@pytest.mark.slow
def test_what_pictures_tell_is_learned(pool: ShapePool) -> None:
    trained = train_siamese(lambda rng, n: dark_if_mirrored(rng, n, pool), SMALL, 1600, [0])
    pairs = dark_if_mirrored(np.random.default_rng(9), 100, pool)
    said = says_mirrored(trained.network, pictures(SMALL, pairs))
    assert (said == pairs.mirrored).mean() > 0.95
    assert 0.5 < trained.train_accuracy <= 1.0


def test_the_order_of_pairs_does_not_change_the_answers(pool: ShapePool) -> None:
    pairs = depth_pairs(np.random.default_rng(1), 300, pool)
    torch.manual_seed(0)
    network, seen = SiameseResNet().eval(), pictures(SMALL, pairs)
    said = says_mirrored(network, seen)
    turned = says_mirrored(network, (seen[0][::-1].copy(), seen[1][::-1].copy()))
    np.testing.assert_array_equal(said, turned[::-1])
