"""Representation networks: from one view to r_k; and the ways to aggregate views.

Figure S1 of Eslami et al. (2018) has three. `Tower` makes a map of a quarter of the image's size,
`Pool` averages it over all places, `Pyramid` shrinks the image to one place. The figure fixes
kernels, strides, widths and where the pose joins; a ReLU follows every convolution. A network of
one's own is a class here and a line in `REPRESENTATIONS`.

References:
    Eslami et al., Neural Scene Representation and Rendering, Science 360:1204, 2018, figure S1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gqn_rl.gqn.published.tiled_conv import PosedConv2d
from gqn_rl.gqn.view_aggregate import ViewAggregate


@dataclass(frozen=True)
class PublishedAggregate(ViewAggregate):
    """What views say, added up.

    Attributes:
        total: float (N, C, h, w), the sum of r_k over the views.
        count: float (N, 1), how many there are.
    """

    total: Tensor
    count: Tensor


class RepresentationNetwork(nn.Module):
    """psi: from images (N, 3, S, S) and poses (N, 7) to r_k (N, C, size, size), one view alone.

    Attributes:
        size: height and width of r_k.
    """

    size: int


class Tower(RepresentationNetwork):
    """Two blocks with a skip connection each; the pose joins between them.

    Args:
        channels: C, 256 in the paper.
        image_size: S, a multiple of 4.
    """

    def __init__(self, channels: int, image_size: int) -> None:
        super().__init__()
        half = channels // 2
        self.size = quarter = image_size // 4
        self.enter = nn.Conv2d(3, channels, 2, stride=2)
        self.skip1 = nn.Conv2d(channels, channels, 2, stride=2)
        self.narrow1 = nn.Conv2d(channels, half, 3, padding=1)
        self.widen1 = nn.Conv2d(half, channels, 2, stride=2)
        self.skip2 = PosedConv2d(channels, channels, 3, quarter)
        self.narrow2 = PosedConv2d(channels, half, 3, quarter)
        self.widen2 = nn.Conv2d(half, channels, 3, padding=1)
        self.leave = nn.Conv2d(channels, channels, 1)

    def forward(self, images: Tensor, viewpoints: Tensor) -> Tensor:
        """r_k (N, C, S / 4, S / 4) of images (N, 3, S, S) from poses (N, 7)."""
        x = self.enter(images).relu_()
        x = self.skip1(x).relu_() + self.widen1(self.narrow1(x).relu_()).relu_()
        narrow = self.narrow2(x, viewpoints).relu_()
        x = self.skip2(x, viewpoints).relu_() + self.widen2(narrow).relu_()
        out: Tensor = self.leave(x).relu_()
        return out


class Pool(Tower):
    """The tower averaged over all places: r_k is (N, C, 1, 1)."""

    def __init__(self, channels: int, image_size: int) -> None:
        super().__init__(channels, image_size)
        self.size = 1

    def forward(self, images: Tensor, viewpoints: Tensor) -> Tensor:
        tower = super().forward(images, viewpoints)
        dtype = torch.float64 if tower.dtype == torch.float64 else torch.float32
        return tower.mean(dim=(2, 3), keepdim=True, dtype=dtype)


class Pyramid(RepresentationNetwork):
    """Four convolutions whose windows do not overlap; the pose joins each pixel's colour.

    Args:
        channels: C, 256 in the paper.
        image_size: S, a multiple of 8; the last window is all that is left of the image, 8 x 8
            for the paper's 64 pixels.
    """

    size = 1

    def __init__(self, channels: int, image_size: int) -> None:
        super().__init__()
        eighth = channels // 8
        self.enter = PosedConv2d(3, eighth, 2, image_size, stride=2)
        self.second = nn.Conv2d(eighth, 2 * eighth, 2, stride=2)
        self.third = nn.Conv2d(2 * eighth, 4 * eighth, 2, stride=2)
        self.leave = nn.Conv2d(4 * eighth, channels, image_size // 8)

    def forward(self, images: Tensor, viewpoints: Tensor) -> Tensor:
        """r_k (N, C, 1, 1) of images (N, 3, S, S) from poses (N, 7)."""
        x = self.enter(images, viewpoints).relu_()
        x = self.second(x).relu_()
        x = self.third(x).relu_()
        out: Tensor = self.leave(x).relu_()
        return out


def total_of_views(aggregate: PublishedAggregate) -> Tensor:
    """r = sum of r_k, eq. S3: it grows with the number of views."""
    return aggregate.total


def mean_of_views(aggregate: PublishedAggregate) -> Tensor:
    """The sum divided by the number of views, zero where there is none."""
    return aggregate.total / aggregate.count.clamp(min=1.0)[..., None, None]


REPRESENTATIONS: dict[str, Callable[[int, int], RepresentationNetwork]] = {
    "tower": Tower,
    "pyramid": Pyramid,
    "pool": Pool,
}
"""Called with the number of channels and the size of the images."""
AGGREGATIONS = {"sum": total_of_views, "mean": mean_of_views}
