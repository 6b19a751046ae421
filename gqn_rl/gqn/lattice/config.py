"""Sizes of the lattice GQN and the presets that ship."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gqn_rl.gqn.volumes.config import VolumeConfig


@dataclass(frozen=True)
class LatticeConfig(VolumeConfig):
    """Architecture of `LatticeGQN`; slots lie at the points of the lattice.

    Attributes:
        voxel_channels: width of the layer that splits a cell into voxels.
        voxels_per_cell: the drawn volume has `cells` times this many voxels per axis.
        ray_samples: points along a query ray.
    """

    family: ClassVar[str] = "lattice"

    voxel_channels: int = 96
    voxels_per_cell: int = 3
    ray_samples: int = 32


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
