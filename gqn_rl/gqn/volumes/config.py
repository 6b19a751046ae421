"""Sizes of what families with a volume share: how views are written to the world's lattice."""

from __future__ import annotations

from dataclasses import dataclass

from gqn_rl.errors import UserError
from gqn_rl.gqn.config import Config


@dataclass(frozen=True)
class VolumeConfig(Config):
    """Architecture of `VolumeEncoder`, and the channels of what is made from its features.

    Attributes:
        image_size: height and width of the images, in pixels; a multiple of 4.
        extent: half the side of the cube that the lattices fill, in cube edges.
        cells: cells per axis of the lattice, an even number.
        aggregate_channels: numbers that a view writes at one point of the lattice.
        slot_channels: numbers of the scene representation per slot.
        latent_channels: latent variables per block of 2 x 2 x 2 cells.
        view_channels: width of the network that reads images.
        fine_channels, coarse_channels: widths of the networks over the lattice, at its own and at
            half its resolution.
    """

    extent: float = 3.75
    cells: int = 12
    aggregate_channels: int = 24
    slot_channels: int = 4
    latent_channels: int = 4
    view_channels: int = 64
    fine_channels: int = 24
    coarse_channels: int = 48

    def __post_init__(self) -> None:
        if self.image_size < 16 or self.image_size % 4:
            raise UserError(
                f"image_size is {self.image_size}, expected a multiple of 4 of at least 16"
            )
        if self.cells < 4 or self.cells % 2:
            raise UserError(f"cells is {self.cells}, expected an even number of at least 4")
