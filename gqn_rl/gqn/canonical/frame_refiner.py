"""Refinement of the frame, from within it.

All cells of the grid look alike from where their faces should be: if a frame is a little off, each
cell sees by how much the faces near it are off. The network says so for every cell and how sure it
is; the frame moves by the turn and the shift that explain these votes best.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gqn_rl.gqn.canonical.config import CanonicalConfig
from gqn_rl.gqn.canonical.frame import Frame
from gqn_rl.gqn.volumes.points import initialise

PARTS = 3
"""Points per cell and axis at which colours are read."""
REACH = 0.5
"""The largest shift in cells that a vote can ask for; a larger one means another plane."""
SHIFT_STIFFNESS, TURN_STIFFNESS = 1.0, 10.0
"""How much it takes to move a frame at all, in votes of one cell, and of one at a distance
of one edge from the axis."""


class FrameRefiner(nn.Module):
    """Votes of the cells, and the motion that fits them.

    Args:
        centres: float32 (cells ** 3, 3), centres of the cells in the frame.
        colours: channels of what is read at `PARTS` points per cell and axis.
    """

    centres: Tensor

    def __init__(self, config: CanonicalConfig, centres: Tensor, colours: int) -> None:
        super().__init__()
        channels = config.cell_channels
        # A stride of one cell, and a window one point wider than the cell on either side.
        self.within = nn.Conv3d(colours, channels, PARTS + 2, stride=PARTS, padding=1)
        self.around = nn.Conv3d(config.fine_channels, channels, 1)
        self.mixed = nn.Conv3d(channels, channels, 3, padding=1)
        self.votes = nn.Conv3d(channels, 6, 1)
        initialise(self)
        with torch.no_grad():
            self.votes.weight.mul_(0.1)
        self.register_buffer("centres", centres, persistent=False)

    def forward(self, frame: Frame, within: Tensor, around: Tensor) -> Frame:
        """A frame closer to the truth.

        Args:
            frame: N frames.
            within: (N, C, S, S, S) with S = PARTS * cells, colours in these frames.
            around: (N, C', cells, cells, cells), features of the world at the cells.
        """
        hidden = (self.within(within) + self.around(around)).relu()
        votes = self.votes(self.mixed(hidden).relu()).float().flatten(2).mT  # (N, cells ** 3, 6)
        turn, shift = rigid_motion(
            self.centres + frame.offset.detach()[:, None],
            REACH * votes[..., :3].tanh(),
            F.softplus(votes[..., 3:]),
        )
        return Frame(frame.yaw + turn, frame.offset + shift)


def rigid_motion(places: Tensor, votes: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """The small turn about the vertical and the shift of a frame that fit votes of its points best.

    Least squares, with stiffness that keeps a frame in place where nothing is known. A point at p
    in the turned axes appears to a frame turned by t and shifted by s at
    p + t (p_y, -p_x, 0) - s, so the motion t, s asks it to move by s + t (-p_y, p_x, 0).

    Args:
        places: float32 (N, S, 3), p.
        votes: float32 (N, S, 3), by how much the planes of the frame are to move there.
        weights: float32 (N, S, 3), at least 0, of each vote's components.

    Returns:
        turn, radians (N,); shift (N, 3).
    """
    lever = torch.stack([-places[..., 1], places[..., 0], torch.zeros_like(places[..., 0])], -1)
    total = weights.sum(1) + SHIFT_STIFFNESS  # (N, 3)
    mean_vote, mean_lever = (weights * votes).sum(1) / total, (weights * lever).sum(1) / total
    about = lever - mean_lever[:, None]
    moment = (weights * about * (votes - mean_vote[:, None])).sum((1, 2))
    inertia = (weights * about.square()).sum((1, 2)) + TURN_STIFFNESS
    turn = moment / inertia
    return turn, mean_vote - turn[:, None] * mean_lever
