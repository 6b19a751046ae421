"""Sizes of the lattice GQN and the presets that ship."""

from __future__ import annotations

from dataclasses import dataclass

from gqn_rl.errors import UserError
from gqn_rl.gqn.config import Config


@dataclass(frozen=True)
class LatticeConfig(Config):
    """Architecture of `LatticeGQN`.

    Attributes:
        image_size: height and width of the images, in pixels; a multiple of 4.
        extent: half the side of the cube that the lattices fill, in cube edges.
        cells: cells per axis of the lattice, an even number.
        aggregate_channels: numbers that a view writes at one point of the lattice.
        slot_channels: numbers of the scene representation at one point of the lattice.
        latent_channels: latent variables per block of 2 x 2 x 2 cells.
        view_channels: width of the network that reads images.
        fine_channels, coarse_channels: widths of the networks over the lattice, at its own and at
            half its resolution.
        voxel_channels: width of the layer that splits a cell into voxels.
        voxels_per_cell: the drawn volume has `cells` times this many voxels per axis.
        ray_samples: points along a query ray.
    """

    extent: float = 3.75
    cells: int = 12
    aggregate_channels: int = 24
    slot_channels: int = 4
    latent_channels: int = 4
    view_channels: int = 64
    fine_channels: int = 24
    coarse_channels: int = 48
    voxel_channels: int = 96
    voxels_per_cell: int = 3
    ray_samples: int = 32

    def __post_init__(self) -> None:
        if self.image_size < 16 or self.image_size % 4:
            raise UserError(
                f"image_size is {self.image_size}, expected a multiple of 4 of at least 16"
            )
        if self.cells < 4 or self.cells % 2:
            raise UserError(f"cells is {self.cells}, expected an even number of at least 4")


PRESETS = {
    "tiny": LatticeConfig(
        cells=6,
        aggregate_channels=8,
        view_channels=16,
        fine_channels=8,
        coarse_channels=8,
        voxel_channels=16,
        ray_samples=16,
    ),
    "small": LatticeConfig(),
}
"""tiny is for tests, small is what ships."""
