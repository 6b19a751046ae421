"""The frame of an object: how the grid of its cells is placed in the world."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

LEAST_LENGTH = 0.3


class Frame(NamedTuple):
    """N frames; the convention is that of `SceneBatch.grid_poses`.

    Points of the frame are in cells of one cube edge; cell boundaries lie at whole numbers.

    Attributes:
        yaw: float (N,), radians by which the frame's x axis is turned from the world's.
        offset: float (N, 3), where the frame's origin lies, along the turned axes.
    """

    yaw: Tensor
    offset: Tensor

    @staticmethod
    def unpack(numbers: Tensor) -> Frame:
        """Inverse of `pack`, from the first four of more numbers a row."""
        return Frame(numbers[:, 0], numbers[:, 1:4])

    def pack(self) -> Tensor:
        """float (N, 4): yaw, offset."""
        return torch.cat([self.yaw[:, None], self.offset], dim=1)

    def axes(self) -> Tensor:
        """The frame's axes in the world, (N, 3, 3), an axis a row."""
        cos, sin = self.yaw.cos(), self.yaw.sin()
        zero, one = torch.zeros_like(cos), torch.ones_like(cos)
        rows = ([cos, sin, zero], [-sin, cos, zero], [zero, zero, one])
        return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=1)

    def turn(self, vectors: Tensor) -> Tensor:
        """World directions (N or 1, S, 3) along the frame's axes."""
        x, y, z = vectors.unbind(-1)
        cos, sin = self.yaw.cos()[:, None], self.yaw.sin()[:, None]
        return torch.stack([cos * x + sin * y, cos * y - sin * x, z.expand_as(cos * x)], dim=-1)

    def to_frame(self, points: Tensor) -> Tensor:
        """World points (N or 1, S, 3) in the frame."""
        return self.turn(points) - self.offset[:, None]

    def to_world(self, points: Tensor) -> Tensor:
        """Inverse of `to_frame`."""
        x, y, z = (points + self.offset[:, None]).unbind(-1)
        cos, sin = self.yaw.cos()[:, None], self.yaw.sin()[:, None]
        return torch.stack([cos * x - sin * y, sin * x + cos * y, z], dim=-1)


def direction_angle(vectors: Tensor) -> Tensor:
    """Angles of vectors (..., 2) in radians, with a gradient that stays bounded for short ones."""
    x, y = vectors.unbind(-1)
    length2 = (x * x + y * y).clamp(min=LEAST_LENGTH**2).detach()
    # To first order in the vector this is the angle.
    change = (x.detach() * y - y.detach() * x) / length2
    return torch.atan2(y, x).detach() + change - change.detach()


def fourfold(angles: Tensor) -> Tensor:
    """Unit vectors (..., 2) of angles that mean the same after a quarter turn."""
    return torch.stack([(4 * angles).cos(), (4 * angles).sin()], dim=-1)


def quarter_angle(vectors: Tensor) -> Tensor:
    """Inverse of `fourfold`, in [-pi / 4, pi / 4]."""
    return direction_angle(vectors) / 4


def phase_offset(vectors: Tensor) -> Tensor:
    """Offsets in [-0.5, 0.5] of which `vectors` (..., 2) are the phases, with a period of 1."""
    return direction_angle(vectors) / (2 * math.pi)


def grid_pose_error(inferred: Tensor, truth: Tensor) -> Tensor:
    """How far inferred grid poses are from the true ones, as seen by the grid.

    A grid looks the same after a quarter turn and after a shift by one cube edge, so the error is
    one minus the cosine of each difference, in these periods. The true offset is expressed in the
    axes of the quarter turn nearest to the inferred yaw.

    Args:
        inferred: float (B, K, 4); truth: float (B, 4), rows with NaN do not count.

    Returns:
        float32 (B,), the mean over K; 0 if all poses are right, about 5 for guesses.
    """
    known = truth.isfinite().all(-1)
    truth = truth.masked_fill(~known[:, None], 0.0)[:, None]
    difference = inferred[..., 0] - truth[..., 0]
    turns = (difference.detach() * (2 / math.pi)).round() * (math.pi / 2)
    cos, sin = turns.cos(), turns.sin()
    x, y, z = truth[..., 1:].unbind(-1)
    offset = torch.stack([cos * x + sin * y, cos * y - sin * x, z.expand_as(cos)], dim=-1)
    wrong = 2 * (1 - (4 * difference).cos())
    wrong = wrong + (1 - (2 * math.pi * (inferred[..., 1:] - offset)).cos()).sum(-1)
    return wrong.mean(-1).masked_fill(~known, 0.0)
