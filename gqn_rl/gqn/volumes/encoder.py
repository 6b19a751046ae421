"""Encoder of views into a volume: what one view says about each point of a lattice, and their sum.

The published network adds up one vector per view. Here every view writes to fixed anchors in the
world: an anchor reads the view's features where it appears in the image, and the answers of all
views are averaged with learned weights. That is attention of the anchors to the views with the
pattern given by projective geometry instead of learned; numerator and denominator of the average
are sums over views, so the state has a fixed size and the order of the views does not matter.

References:
    Eslami et al., Science 360:1204, 2018, eq. S3: r = sum over views of psi(x, v).
    Tung et al., Learning Spatial Common Sense with Geometry-Aware Recurrent Networks, CVPR 2019
    (unprojection of image features to a world grid).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gqn_rl.devices import lowered
from gqn_rl.geometry.rays import project
from gqn_rl.geometry.viewpoint import SPHERE_RADIUS
from gqn_rl.gqn.view_aggregate import ViewAggregate
from gqn_rl.gqn.volumes.config import VolumeConfig
from gqn_rl.gqn.volumes.points import OBJECT_RADIUS, Ball, BlockedBall, TwoScales, initialise

MAX_LOG_WEIGHT = 4.0
"""Views differ in weight at an anchor by a factor of at most exp(8)."""
POSE_FEATURES = 7


@dataclass(frozen=True)
class VolumeAggregate(ViewAggregate):
    """What views wrote to the anchors, and the colours they show at finer points.

    Attributes:
        numerator: float (N, C, A), weighted answers at the anchors.
        denominator: float32 (N, 1, A), their weights.
        colours: float32 (N, 5, B), at the finer points the sums over the views that show them of
            red, green, blue and foreground, all in [0, 1], and the number of those views.
    """

    numerator: Tensor
    denominator: Tensor
    colours: Tensor


class ViewNetwork(nn.Module):
    """Image features at a half and at a quarter of the resolution.

    Returns:
        fine (N, 3 + C / 8, H / 2, W / 2), the first three being the colours themselves, and
        coarse (N, C * 3 / 8, H / 4, W / 4).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, channels // 2, 4, stride=2, padding=1)
        self.fine = nn.Conv2d(channels // 2, channels // 8, 1)
        self.down = nn.Conv2d(channels // 2, channels, 3, stride=2, padding=1)
        self.blocks = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(4))
        self.coarse = nn.Conv2d(channels, channels * 3 // 8, 1)
        self.out_channels = 3 + channels // 8 + channels * 3 // 8

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        stem = self.stem(images).relu()
        x = self.down(stem).relu()
        for block in self.blocks:
            x = x + block(x).relu()
        # An anchor that projects onto the black background is empty: leave the colours readable.
        # At half the size that is the mean of 2 x 2 pixels, and faster than pooling.
        colours = F.interpolate(images, scale_factor=0.5, mode="bilinear")
        return torch.cat([colours, self.fine(stem)], dim=1), self.coarse(x)


class VolumeEncoder(nn.Module):
    """psi, from one view to its aggregate; and the network that makes a volume of their sum.

    Attributes:
        anchors: the points of the lattice at which views write and slots lie.
        carving: the points of a lattice twice as fine at which only colours are gathered: what is
            background in one view is empty, which gives sharp outlines to what the anchors know.
    """

    def __init__(self, config: VolumeConfig) -> None:
        super().__init__()
        self.config = config
        # One cell wider than the object, so that its surface always lies between anchors.
        cell = 2 * config.extent / config.cells
        self.anchors = Ball(config.cells, config.extent, OBJECT_RADIUS + cell / 2)
        self.carving = BlockedBall(2 * config.cells, config.extent, OBJECT_RADIUS + cell / 2)
        self.view = ViewNetwork(config.view_channels)
        self.modulate = nn.Linear(POSE_FEATURES, 2 * self.view.out_channels)
        self.write = nn.Linear(self.view.out_channels, config.aggregate_channels + 1)
        self.enter = nn.Conv3d(config.aggregate_channels + 1, config.fine_channels, 3, padding=1)
        self.carve = nn.Conv3d(5, config.fine_channels, 4, stride=2, padding=1)
        self.mixer = TwoScales(config.fine_channels, config.coarse_channels, blocks=2)
        initialise(self)
        with torch.no_grad():  # what a view shows counts before where it was taken from
            self.modulate.weight.mul_(0.1)

    def nothing_seen(self, n: int) -> VolumeAggregate:
        """Aggregate of no view, for n scenes."""
        weight = self.write.weight
        sizes = (
            (self.config.aggregate_channels, len(self.anchors)),
            (1, len(self.anchors)),
            (5, len(self.carving)),
        )
        return VolumeAggregate(*(weight.new_zeros(n, *size, dtype=torch.float32) for size in sizes))

    def encode_view(self, images: Tensor, viewpoints: Tensor) -> VolumeAggregate:
        """Aggregate of one view each of N scenes.

        Args:
            images: float (N, 3, H, W) in [0, 1].
            viewpoints: float (N, 7).
        """
        # Channels before points throughout: what is done to all channels of a point alike, and
        # that is nearly everything, then runs along contiguous memory.
        fine, coarse = self.view(images.contiguous(memory_format=torch.channels_last))
        where, depth = project(self.anchors.points, viewpoints, self.config.image_size)
        sampled = torch.cat([_sample(fine, where), _sample(coarse, where)], dim=1)
        pose = self._pose_features(viewpoints, depth)
        scale, shift = _along_points(self.modulate, pose).chunk(2, dim=1)
        hidden = torch.addcmul(shift, sampled.to(scale.dtype), 1 + scale).relu()
        written = _along_points(self.write, hidden)
        answer, log_weight = written[:, :-1], written[:, -1:].float()
        weight = (MAX_LOG_WEIGHT * (log_weight / MAX_LOG_WEIGHT).tanh()).exp()
        return VolumeAggregate(
            answer * weight.to(answer.dtype), weight, self._colours(images, viewpoints)
        )

    @torch.no_grad()
    def _colours(self, images: Tensor, viewpoints: Tensor) -> Tensor:
        """Red, green, blue, foreground and "is in the picture" at the fine points, (N, 5, B)."""
        where, _ = project(self.carving.points, viewpoints, self.config.image_size)
        foreground = (images.amax(dim=1, keepdim=True) > 0).to(images.dtype)
        read = _sample(torch.cat([images, foreground], dim=1), where)
        visible = (where.abs().amax(dim=-1) <= 1.0)[:, None].float()
        return torch.cat([read * visible, visible], dim=1)

    def _pose_features(self, viewpoints: Tensor, depth: Tensor) -> Tensor:
        """Depth of each anchor, direction from it to the camera, its position; (N, 7, A)."""
        points = self.anchors.points.expand(len(viewpoints), -1, -1)
        towards = F.normalize(viewpoints[:, None, :3] - points, dim=-1)
        relative_depth = (depth - SPHERE_RADIUS)[..., None] / self.config.extent
        return torch.cat([relative_depth, towards, points / self.config.extent], dim=-1).mT

    def features(self, aggregate: VolumeAggregate) -> Tensor:
        """What all views together say around each point, (N, C, X, Y, Z)."""
        mean = aggregate.numerator / (aggregate.denominator + 1e-3)
        total = (1.0 + aggregate.denominator).log()
        entered = self.enter(self.anchors.to_volume(lowered(torch.cat([mean, total], dim=1)).mT))
        mixed: Tensor = self.mixer((entered + self._carved(aggregate.colours)).relu())
        return mixed

    def _carved(self, colours: Tensor) -> Tensor:
        """What the mean colours say, at the lattice's own resolution; (N, C, X, Y, Z)."""
        count = colours[:, -1:]
        mean = colours[:, :-1] / count.clamp(min=1.0)
        known = lowered(torch.cat([mean, (1.0 + count).log()], dim=1)).mT
        return self.carving.convolve(self.carving.to_blocks(known), self.carve)


def _along_points(layer: nn.Linear, features: Tensor) -> Tensor:
    """A layer applied to the channels of (N, C, A), giving (N, C', A)."""
    weight = layer.weight.expand(len(features), -1, -1)
    return torch.baddbmm(layer.bias[:, None], weight, features)


def _sample(features: Tensor, where: Tensor) -> Tensor:
    """Bilinear reading (N, C, A) of features (N, C, h, w) at where (N, A, 2); zero outside."""
    return F.grid_sample(features.float(), where[:, None], align_corners=False)[:, :, 0]
