"""Points of the lattice to volumes and back, and layers that are computed in another order."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gqn_rl.gqn.volumes.points import Ball, BlockedBall, subdivided
from gqn_rl.gqn.volumes.reading import read_volume


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


@pytest.mark.parametrize("sizes", [(4, 4, 4), (5, 3, 7), (1, 4, 2)])
def test_a_volume_is_read_trilinearly_and_repeats_its_rim(sizes: tuple[int, int, int]) -> None:
    volume = random(2, 3, *sizes)
    x, y, z = random(3, 2, 40, 5).unbind(0)  # many of them beyond the rim
    where = torch.stack([z, y, x], dim=-1)[:, None]
    expected = F.grid_sample(volume, where, padding_mode="border", align_corners=False)[:, :, 0]
    torch.testing.assert_close(read_volume(volume, x, y, z), expected)


def test_voxels_are_read_as_they_are_at_their_centres() -> None:
    volume = random(1, 1, 4, 4, 4)
    centres = (torch.arange(4, dtype=torch.float64) + 0.5) / 2 - 1
    x, y, z = (grid.reshape(1, 4, 16) for grid in torch.meshgrid([centres] * 3, indexing="ij"))
    torch.testing.assert_close(read_volume(volume, x, y, z).flatten(), volume.flatten())
