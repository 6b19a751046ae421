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
from gqn_rl.gqn.volumes.points import Ball, initialise

YAWS = 12
"""Directions tried in a quarter turn; the peaks are wider than the 7.5 degrees between them."""
VOTES = 6
"""Per anchor and axis of the frame, the real and the imaginary part of the strength of a wave."""
SUM_SCALE = 0.05
"""Of sums over about a thousand anchors."""
ENERGY_FLOOR = 0.05
"""Energy at which directions begin to count: less of it says nothing and must not be magnified."""
INITIAL_SHARPNESS = 4.0
GAIN_SPEED = 20.0
INITIAL_GAIN = 0.1
"""Of the peak. A frame starts parallel to the world, where it is right for scenes in grid
orientation: their offsets can be learned at once, and with them where there is surface, without
which there is no peak to follow."""


class FrameFinder(nn.Module):
    """From features of the world's lattice to a frame.

    Args:
        anchors: the points of that lattice; shared with the representation network.
    """

    waves: Tensor
    directions: Tensor

    def __init__(self, config: CanonicalConfig, anchors: Ball) -> None:
        super().__init__()
        self.anchors = anchors
        channels = config.finder_channels
        self.hidden = nn.Conv3d(config.fine_channels, channels, 3, padding=1)
        self.mixed = nn.Conv3d(channels, channels, 1)
        self.votes = nn.Conv3d(channels, VOTES, 1)
        self.turn_hidden = nn.Linear(channels + YAWS, 64)
        self.turn = nn.Linear(64, 2)
        initialise(self)
        with torch.no_grad():
            self.votes.weight.mul_(0.1)
            self.turn_hidden.weight[:, channels:].mul_(0.1)
            self.turn.weight.mul_(0.1)
            self.turn.bias.copy_(torch.tensor([1.0, 0.0]))
        self.sharpness = nn.Parameter(torch.tensor(INITIAL_SHARPNESS))
        self.gain = nn.Parameter(torch.tensor(INITIAL_GAIN / GAIN_SPEED))
        yaws = ((torch.arange(YAWS) + 0.5) / YAWS - 0.5) * (math.pi / 2)
        both = torch.cat([yaws, yaws + math.pi / 2])
        self.register_buffer("waves", torch.stack([both.cos(), both.sin()]), persistent=False)
        self.register_buffer("directions", fourfold(yaws), persistent=False)

    def forward(self, world: Tensor) -> Frame:
        """From features (N, C, X, Y, Z)."""
        hidden = self.mixed(self.hidden(world).relu()).relu()
        votes = self.anchors.to_slots(self.votes(hidden)).float()  # (N, S, VOTES)
        pooled = hidden.float().mean((2, 3, 4))
        with full_precision(world.device):
            real, imaginary = votes.chunk(2, dim=-1)
            yaw = self._yaw(self._energy(real[..., 0] + real[..., 1]), pooled)
            places = Frame(yaw, votes.new_zeros(1, 3)).turn(self.anchors.points)
            return Frame(yaw, phase_offset(_phases(places, real, imaginary)))

    def _energy(self, surface: Tensor) -> Tensor:
        """Squared Fourier coefficients at the yaws tried and at right angles to them, (N, YAWS)."""
        places = self.anchors.points[:, :2] @ self.waves
        energy = _phases(places, surface[..., None]).square().sum(-1)  # (N, 2 * YAWS)
        return energy[:, :YAWS] + energy[:, YAWS:]

    def _yaw(self, energy: Tensor, pooled: Tensor) -> Tensor:
        share = YAWS * energy / (energy.sum(1, keepdim=True) + ENERGY_FLOOR)
        peak = (self.sharpness * share).softmax(1) @ self.directions
        learned = self.turn(self.turn_hidden(torch.cat([pooled, share], dim=1)).relu())
        return quarter_angle(learned + GAIN_SPEED * self.gain * peak)


def _phases(places: Tensor, real: Tensor, imaginary: Tensor | float = 0.0) -> Tensor:
    """Sums over S points of waves of period 1 with complex strengths.

    Args:
        places: float (N or 1, S, K), how far along each of K directions the points lie.
        real, imaginary: float (N, S, K or 1).

    Returns:
        float (N, K, 2), real and imaginary.
    """
    phase = 2 * math.pi * places
    cos, sin = phase.cos(), phase.sin()
    sums = [(real * cos - imaginary * sin).sum(1), (real * sin + imaginary * cos).sum(1)]
    return SUM_SCALE * torch.stack(sums, dim=-1)
