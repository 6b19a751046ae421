"""The second look at a frame: votes of the cells, and the motion that fits them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gqn_rl.gqn.canonical.config import PRESETS
from gqn_rl.gqn.canonical.frame import Frame
from gqn_rl.gqn.canonical.frame_refiner import FrameRefiner, rigid_motion
from gqn_rl.gqn.canonical.representation import COLOURS, CanonicalRepresentation

SURE = 1e4


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def frames(n: int, generator: torch.Generator) -> Frame:
    return Frame(
        0.4 * torch.randn(n, generator=generator), 0.3 * torch.randn(n, 3, generator=generator)
    )


def votes_towards(here: Frame, there: Frame, points: Tensor) -> tuple[Tensor, Tensor]:
    """Places in the turned axes, and by how much each point appears to have moved."""
    return here.turn(points), here.to_frame(points) - there.to_frame(points)


def test_true_votes_bring_a_frame_to_the_other_one(generator: torch.Generator) -> None:
    here = frames(6, generator)
    there = Frame(here.yaw + 0.02, here.offset + torch.tensor([0.05, -0.04, 0.03]))
    points = 2 * torch.randn(6, 300, 3, generator=generator)
    turn, shift = rigid_motion(*votes_towards(here, there, points), torch.full((6, 300, 3), SURE))
    torch.testing.assert_close(turn, there.yaw - here.yaw, rtol=0, atol=1e-4)
    torch.testing.assert_close(shift, there.offset - here.offset, rtol=0, atol=1e-3)


def test_votes_without_weight_move_nothing_and_change_nothing(generator: torch.Generator) -> None:
    here = frames(2, generator)
    there = Frame(here.yaw - 0.03, here.offset + 0.04)
    points = 2 * torch.randn(2, 80, 3, generator=generator)
    places, votes = votes_towards(here, there, points)
    weights = torch.full((2, 80, 3), SURE)
    plain = rigid_motion(places, votes, weights)
    weights[:, 40:] = 0.0
    wild = votes.clone()
    wild[:, 40:] = 100.0
    some = rigid_motion(places, wild, weights)
    for one, other in zip(plain, some, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-3)
    turn, shift = rigid_motion(places, wild, torch.zeros_like(weights))
    assert not turn.any()
    assert not shift.any()


def test_a_refiner_without_opinion_leaves_frames_where_they_are(
    generator: torch.Generator,
) -> None:
    config = PRESETS["canonical-tiny"]
    network = CanonicalRepresentation(config)
    refiner: FrameRefiner = network.refiner
    with torch.no_grad():
        refiner.votes.weight.zero_()
        refiner.votes.bias.zero_()
    size = config.frame_cells
    frame = frames(3, generator)
    within = torch.randn(3, COLOURS, *[3 * size] * 3, generator=generator)
    around = torch.randn(3, config.fine_channels, *[size] * 3, generator=generator)
    refined = refiner(frame, within, around)
    torch.testing.assert_close(refined.pack(), frame.pack())


def test_gradients_reach_votes_and_the_frame_before(generator: torch.Generator) -> None:
    config = PRESETS["canonical-tiny"]
    refiner = CanonicalRepresentation(config).refiner
    size = config.frame_cells
    frame = Frame(*(part.requires_grad_() for part in frames(2, generator)))
    within = torch.randn(2, COLOURS, *[3 * size] * 3, generator=generator)
    around = torch.randn(2, config.fine_channels, *[size] * 3, generator=generator)
    refiner(frame, within, around).pack().square().sum().backward()
    for parameter in [*refiner.parameters(), frame.yaw, frame.offset]:
        assert parameter.grad is not None
        assert parameter.grad.abs().max() > 0
