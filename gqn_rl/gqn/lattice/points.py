"""Regular lattices of points around the object, and layers that live on them.

Volumes are (N, C, X, Y, Z): the three spatial axes are the world's x, y and z in this order.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

OBJECT_RADIUS = 3.7
"""No corner of a chain of seven cubes lies further than 3.6 edges from its barycentre."""


def lattice_points(cells: int, extent: float) -> Tensor:
    """Centres of the cells of a cube of side 2 * extent, float32 (cells ** 3, 3), x slowest."""
    steps = (torch.arange(cells, dtype=torch.float32) + 0.5) * (2 * extent / cells) - extent
    return torch.stack(torch.meshgrid(steps, steps, steps, indexing="ij"), dim=-1).reshape(-1, 3)


class Ball(nn.Module):
    """The cells of a lattice whose centres lie within `radius`: the only ones worth a slot.

    Attributes:
        points: float32 (S, 3), the centres of the cells kept, in cube edges.
    """

    points: Tensor
    index: Tensor

    def __init__(self, cells: int, extent: float, radius: float) -> None:
        super().__init__()
        points = lattice_points(cells, extent)
        index = (points.norm(dim=-1) <= radius).nonzero()[:, 0]
        self.cells = cells
        self.register_buffer("points", points[index], persistent=False)
        self.register_buffer("index", index, persistent=False)

    def __len__(self) -> int:
        return len(self.index)

    def to_volume(self, slots: Tensor) -> Tensor:
        """(N, S, C) to (N, C, X, Y, Z), zero outside the ball."""
        n, _, channels = slots.shape
        dense = slots.new_zeros(n, self.cells**3, channels)
        dense[:, self.index] = slots
        return dense.view(n, self.cells, self.cells, self.cells, channels).permute(0, 4, 1, 2, 3)

    def to_slots(self, volume: Tensor) -> Tensor:
        """(N, C, X, Y, Z) to (N, S, C)."""
        return volume.permute(0, 2, 3, 4, 1).flatten(1, 3)[:, self.index]


class ResidualVolume(nn.Module):
    """x + conv(relu(conv(relu(x)))) with 3x3x3 kernels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv3d(channels, channels, 3, padding=1)
        self.second = nn.Conv3d(channels, channels, 3, padding=1)

    def forward(self, volume: Tensor) -> Tensor:
        out: Tensor = volume + self.second(self.first(volume.relu()).relu())
        return out


class TwoScales(nn.Module):
    """A volume processed at its own and at half its resolution, and put together again.

    Args:
        channels, coarse_channels: widths at the two resolutions.
        blocks: residual blocks at the coarse one.
        extra_channels: of a coarse volume that joins there, such as a latent.
    """

    def __init__(
        self, channels: int, coarse_channels: int, blocks: int, extra_channels: int = 0
    ) -> None:
        super().__init__()
        self.down = nn.Conv3d(channels, coarse_channels, 4, stride=2, padding=1)
        self.extra = nn.Conv3d(extra_channels, coarse_channels, 1) if extra_channels else None
        self.blocks = nn.ModuleList(ResidualVolume(coarse_channels) for _ in range(blocks))
        self.up = nn.Conv3d(coarse_channels, 8 * channels, 1)
        self.refine = nn.Conv3d(channels, channels, 3, padding=1)

    def forward(self, volume: Tensor, extra: Tensor | None = None) -> Tensor:
        coarse = self.down(volume)
        if self.extra is not None:
            coarse = coarse + self.extra(extra)
        for block in self.blocks:
            coarse = block(coarse)
        fine = (volume + subdivide(self.up(coarse.relu()), 2)).relu()
        out: Tensor = fine + self.refine(fine).relu()
        return out


def initialise(network: nn.Module) -> None:
    """He initialisation of every layer, biases zero, residual branches a tenth.

    PyTorch's default shrinks the signal threefold in variance at every ReLU layer; over the depth
    of these networks what the views say would start far below the biases.

    References:
        He et al., Delving Deep into Rectifiers, ICCV 2015, eq. 10.
    """
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Conv3d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for module in network.modules():
        if isinstance(module, ResidualVolume):
            with torch.no_grad():
                module.second.weight.mul_(0.1)


def subdivide(volume: Tensor, parts: int) -> Tensor:
    """Every cell into parts ** 3: (N, parts ** 3 * C, X, Y, Z) to (N, C, parts * X, ...)."""
    n, channels, x, y, z = volume.shape
    split = volume.view(n, channels // parts**3, parts, parts, parts, x, y, z)
    order = split.permute(0, 1, 5, 2, 6, 3, 7, 4)
    return order.reshape(n, channels // parts**3, parts * x, parts * y, parts * z)
