"""Sizes of the canonical GQN and its presets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gqn_rl.gqn.volumes.config import VolumeConfig


@dataclass(frozen=True)
class CanonicalConfig(VolumeConfig):
    """Architecture of `CanonicalGQN`; what views write is as in `VolumeConfig`.

    Attributes:
        frame_cells: cells of one cube edge per axis of the grid in the object's frame, even.
        finder_channels: width of the network that finds the frame.
        cell_channels, cell_coarse_channels: widths of the networks over the cells, at their own
            and at half their resolution.
        slot_channels: numbers of the scene representation per cell.
        latent_channels: latent variables per block of 2 x 2 x 2 cells of the frame.
    """

    family: ClassVar[str] = "canonical"
    retired: ClassVar[frozenset[str]] = frozenset(
        {"voxel_channels", "voxels_per_cell", "ray_samples"}
    )

    aggregate_channels: int = 32
    fine_channels: int = 32
    coarse_channels: int = 64
    slot_channels: int = 8
    latent_channels: int = 8
    frame_cells: int = 8
    finder_channels: int = 64
    cell_channels: int = 64
    cell_coarse_channels: int = 96


PRESETS = {
    "canonical-tiny": CanonicalConfig(
        cells=6,
        aggregate_channels=8,
        view_channels=16,
        fine_channels=8,
        coarse_channels=8,
        slot_channels=4,
        latent_channels=2,
        finder_channels=8,
        cell_channels=8,
        cell_coarse_channels=8,
    ),
    "canonical-small": CanonicalConfig(),
}
"""canonical-tiny is for tests."""
