"""Points of the lattice to volumes and back, and layers that are computed in another order."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gqn_rl.gqn.lattice.points import Ball, BlockedBall, subdivided


def random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("ball_type", [Ball, BlockedBall])
def test_slots_come_back_from_a_volume_that_is_zero_elsewhere(ball_type: type[Ball]) -> None:
    ball = ball_type(6, 3.0, 2.7)
    slots = random(2, len(ball), 3)
    volume = ball.to_volume(slots)
    assert volume.shape == (2, 3, 6, 6, 6)
    assert torch.equal(ball.to_slots(volume), slots)
    assert int((volume != 0).sum()) == slots.numel()
    x, y, z = (int(i) for i in ((ball.points[5] + 3.0) - 0.5).round())
    assert torch.equal(volume[:, :, x, y, z], slots[:, 5])


def test_gradients_reach_every_slot_once() -> None:
    ball = Ball(6, 3.0, 2.7)
    slots = random(2, len(ball), 3).requires_grad_()
    ball.to_volume(slots).sum().backward()
    assert slots.grad is not None
    assert bool((slots.grad == 1).all())


@pytest.mark.parametrize("cells", [4, 6, 10])
@pytest.mark.parametrize("channels", [1, 5])
def test_convolving_blocks_gives_what_the_strided_layer_gives(cells: int, channels: int) -> None:
    ball = BlockedBall(cells, 3.0, 2.7)
    layer = nn.Conv3d(channels, 7, 4, stride=2, padding=1).double()
    slots = random(2, len(ball), channels)
    expected = layer(ball.to_volume(slots))
    torch.testing.assert_close(ball.convolve(ball.to_blocks(slots), layer), expected)


def test_subdividing_puts_each_part_in_its_cell() -> None:
    layer = nn.Conv3d(1, 8, 1)
    with torch.no_grad():
        layer.weight.fill_(1.0)
        layer.bias.copy_(torch.arange(8.0))  # type: ignore[union-attr]
        fine = subdivided(torch.tensor([0.0, 8.0])[None, None, :, None, None], layer, 2)
    assert fine.shape == (1, 1, 4, 2, 2)
    assert fine.flatten().tolist() == list(range(16))


@pytest.mark.parametrize("parts", [2, 3])
def test_subdividing_is_the_layer_with_its_outputs_moved(parts: int) -> None:
    layer = nn.Conv3d(4, 5 * parts**3, 1).double()
    volume = random(2, 4, 2, 3, 2)
    fine = subdivided(volume, layer, parts)
    split = layer(volume).unflatten(1, (5, parts, parts, parts))
    for i, j, k in ((0, 0, 0), (parts - 1, 0, 1), (1, 1, parts - 1)):
        torch.testing.assert_close(fine[:, :, i::parts, j::parts, k::parts], split[:, :, i, j, k])
