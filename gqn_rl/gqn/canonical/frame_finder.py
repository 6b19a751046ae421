"""Finding the frame of the object in features of the world.

The faces between cubes lie one edge apart. Where there is surface is therefore a wave of that
length along two horizontal directions at right angles: the direction in which the Fourier
coefficient of that wave is largest is the frame's yaw, and the phases are its offsets. The network
says where there is surface and corrects the yaw.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from gqn_rl.devices import full_precision
from gqn_rl.gqn.canonical.config import CanonicalConfig
from gqn_rl.gqn.canonical.frame import Frame, fourfold, phase_offset, quarter_angle
from gqn_rl.gqn.lattice.points import Ball, initialise

YAWS = 12
"""Directions tried in a quarter turn; the peaks are wider than the 7.5 degrees between them."""
INITIAL_SHARPNESS = 4.0
MAX_SHIFT = 0.5
"""From an anchor to the surface it votes for, in cube edges: anchors are not much further apart."""
FLOOR = 1.0
"""Energy at which directions begin to count: less of it says nothing and must not be magnified."""


class FrameFinder(nn.Module):
    """From features of the world's lattice to a frame.

    Args:
        anchors: the points of that lattice.
    """

    waves: Tensor
    directions: Tensor

    def __init__(self, config: CanonicalConfig, anchors: Ball) -> None:
        super().__init__()
        # In a list, because the representation network owns it.
        self._anchors = [anchors]
        channels = config.finder_channels
        self.hidden = nn.Conv3d(config.fine_channels, channels, 3, padding=1)
        self.mixed = nn.Conv3d(channels, channels, 1)
        self.votes = nn.Conv3d(channels, 5, 1)
        self.turn_hidden = nn.Linear(channels + YAWS, 64)
        self.turn = nn.Linear(64, 2)
        initialise(self)
        with torch.no_grad():
            self.votes.weight[2:].mul_(0.3)  # start with surface near the anchors
            self.turn.weight.mul_(0.1)
        self.sharpness = nn.Parameter(torch.tensor(INITIAL_SHARPNESS))
        yaws = ((torch.arange(YAWS) + 0.5) / YAWS - 0.5) * (math.pi / 2)
        both = torch.cat([yaws, yaws + math.pi / 2])
        self.register_buffer("waves", torch.stack([both.cos(), both.sin()]), persistent=False)
        self.register_buffer("directions", fourfold(yaws), persistent=False)

    def forward(self, world: Tensor) -> Frame:
        """From features (N, C, X, Y, Z)."""
        anchors = self._anchors[0]
        hidden = self.mixed(self.hidden(world).relu()).relu()
        votes = anchors.to_slots(self.votes(hidden)).float()  # (N, S, 5)
        pooled = hidden.float().mean((2, 3, 4))
        with full_precision(world.device):
            # How much surface there is across level and across vertical axes, and where exactly.
            level, vertical = votes[..., 0], votes[..., 1]
            places = anchors.points + MAX_SHIFT * votes[..., 2:].tanh()
            yaw = self._yaw(self._energy(level, places), pooled)
            turned = Frame(yaw, places.new_zeros(1, 3)).turn(places)
            strength = torch.stack([level, level, vertical], dim=-1)
            return Frame(yaw, phase_offset(_phases(strength, turned)))

    def _energy(self, level: Tensor, places: Tensor) -> Tensor:
        """Squared Fourier coefficients at the yaws tried and at right angles to them, (N, YAWS)."""
        sums = _phases(level[..., None], places[..., :2] @ self.waves)  # (N, 2 * YAWS, 2)
        energy = sums.square().sum(-1)
        return energy[:, :YAWS] + energy[:, YAWS:]

    def _yaw(self, energy: Tensor, pooled: Tensor) -> Tensor:
        share = YAWS * energy / (energy.sum(1, keepdim=True) + FLOOR)
        peak = (self.sharpness * share).softmax(1) @ self.directions
        correction = self.turn(self.turn_hidden(torch.cat([pooled, share], dim=1)).relu())
        return quarter_angle(peak + correction)


def _phases(strength: Tensor, places: Tensor) -> Tensor:
    """Sums over S points of unit waves at places (N, S, K), real and imaginary; (N, K, 2)."""
    phase = 2 * math.pi * places
    return (
        torch.stack([(strength * phase.cos()).sum(1), (strength * phase.sin()).sum(1)], dim=-1)
        / len(phase[0]) ** 0.5
    )
