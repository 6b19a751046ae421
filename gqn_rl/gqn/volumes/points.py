"""Regular lattices of points around the object, and layers that live on them.

Volumes are (N, C, X, Y, Z): the three spatial axes are the world's x, y and z in this order.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
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
        index: int64 (S,), which cells they are.
        source: int64 (cells ** 3,), the slot of each cell, S where it has none.
    """

    points: Tensor
    index: Tensor
    source: Tensor

    def __init__(self, cells: int, extent: float, radius: float) -> None:
        super().__init__()
        points = lattice_points(cells, extent)
        index = (points.norm(dim=-1) <= radius).nonzero()[:, 0]
        self.cells = cells
        self.register_buffer("points", points[index], persistent=False)
        self.register_buffer("index", index, persistent=False)
        source = torch.full((cells**3,), len(index))
        source[index] = torch.arange(len(index))
        self.register_buffer("source", source, persistent=False)

    def __len__(self) -> int:
        return len(self.index)

    def to_volume(self, slots: Tensor) -> Tensor:
        """(N, S, C) to (N, C, X, Y, Z), zero outside the ball."""
        return self._gather(slots, self.source, self.cells)

    def to_slots(self, volume: Tensor) -> Tensor:
        """(N, C, X, Y, Z) to (N, S, C)."""
        return volume.permute(0, 2, 3, 4, 1).flatten(1, 3).index_select(1, self.index)

    @staticmethod
    def _gather(slots: Tensor, source: Tensor, cells: int) -> Tensor:
        """Slots in any order and repeated, zero where there is none, as channels of a volume."""
        dense = F.pad(slots, (0, 0, 0, 1)).index_select(1, source)
        return dense.view(len(slots), cells, cells, cells, -1).permute(0, 4, 1, 2, 3)


class BlockedBall(Ball):
    """A ball whose cells are gathered in blocks of 2 x 2 x 2 for a convolution of stride 2.

    A 4 x 4 x 4 kernel that steps by 2, with a border of 1, sees 2 x 2 x 2 whole blocks if the
    blocks start one cell outside the lattice. As a convolution over blocks, with eight times the
    channels, it adds up the same products half as fast again: processors like wide channels.
    """

    block_source: Tensor

    def __init__(self, cells: int, extent: float, radius: float) -> None:
        super().__init__(cells, extent, radius)
        self.blocks = cells // 2 + 1
        framed = F.pad(self.source.view(cells, cells, cells), (1,) * 6, value=len(self))
        split = framed.view(self.blocks, 2, self.blocks, 2, self.blocks, 2)
        source = split.permute(0, 2, 4, 1, 3, 5).flatten()
        self.register_buffer("block_source", source, persistent=False)

    def to_blocks(self, slots: Tensor) -> Tensor:
        """(N, S, C) to (N, 8 * C, X, Y, Z) with `blocks` blocks an axis, zero outside the ball."""
        return self._gather(slots, self.block_source, self.blocks)

    @staticmethod
    def convolve(blocks: Tensor, layer: nn.Conv3d) -> Tensor:
        """What a layer with kernel 4, stride 2 and padding 1 makes of the lattice of `to_blocks`.

        Returns:
            (N, C', X, Y, Z) at half the lattice's resolution.
        """
        out, channels = layer.weight.shape[:2]
        split = layer.weight.view(out, channels, 2, 2, 2, 2, 2, 2)
        weight = split.permute(0, 3, 5, 7, 1, 2, 4, 6).reshape(out, 8 * channels, 2, 2, 2)
        return F.conv3d(blocks, weight, layer.bias)


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
        fine = (volume + subdivided(coarse.relu(), self.up, 2)).relu()
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


def subdivided(volume: Tensor, layer: nn.Conv3d, parts: int) -> Tensor:
    """Every cell into parts ** 3 by a 1 x 1 x 1 layer: (N, C, X, Y, Z) to (N, C', parts * X, ...).

    The layer has C' * parts ** 3 outputs, all parts of one channel together. They are computed the
    other way round, which leaves whole vectors of channels to be moved instead of single numbers.
    """
    n, _, x, y, z = volume.shape
    channels = layer.out_channels // parts**3
    assert layer.bias is not None
    weight, bias = (
        parameter.view(channels, parts**3, *parameter.shape[1:]).transpose(0, 1).flatten(0, 1)
        for parameter in (layer.weight, layer.bias)
    )
    split = F.conv3d(volume, weight, bias).permute(0, 2, 3, 4, 1)
    split = split.reshape(n, x, y, z, parts, parts, parts, channels)
    fine = split.permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(n, parts * x, parts * y, parts * z, -1)
    return fine.permute(0, 4, 1, 2, 3)
