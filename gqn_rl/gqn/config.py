"""Sizes of the lattice GQN and the presets that ship."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from gqn_rl.errors import UserError, unknown_name


@dataclass(frozen=True)
class LatticeConfig:
    """Architecture of `LatticeGQN`.

    Attributes:
        image_size: height and width of the images, in pixels; a multiple of 4.
        extent: half the side of the cube that the lattices fill, in cube edges.
        evidence_cells: cells per axis of the lattice that gathers evidence from views.
        evidence_channels: channels of one anchor's evidence.
        cells: cells per axis of the scene representation; half of evidence_cells.
        slot_channels: numbers per slot of the representation.
        latent_channels: latent variables per slot.
        view_channels, mixer_channels, generator_channels, voxel_channels: widths.
        voxels_per_cell: the drawn volume has evidence_cells times this many voxels per axis.
        ray_samples: points along a query ray.
    """

    image_size: int = 64
    extent: float = 3.75
    evidence_cells: int = 12
    evidence_channels: int = 24
    cells: int = 6
    slot_channels: int = 12
    latent_channels: int = 2
    view_channels: int = 64
    mixer_channels: int = 48
    generator_channels: int = 64
    voxel_channels: int = 24
    voxels_per_cell: int = 3
    ray_samples: int = 32

    def __post_init__(self) -> None:
        if self.image_size < 16 or self.image_size % 4:
            raise UserError(
                f"image_size is {self.image_size}, expected a multiple of 4 of at least 16"
            )
        if self.evidence_cells != 2 * self.cells:
            raise UserError(
                f"evidence_cells is {self.evidence_cells}, expected 2 * cells = {2 * self.cells}"
            )

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_dict(values: dict[str, Any], source: str = "configuration") -> LatticeConfig:
        """Inverse of `to_dict`; a key that does not belong is refused."""
        try:
            return LatticeConfig(**values)
        except TypeError as error:
            raise UserError(f"{source} does not describe a lattice GQN: {error}") from error


PRESETS = {
    "tiny": LatticeConfig(
        evidence_channels=8,
        slot_channels=4,
        view_channels=16,
        mixer_channels=16,
        generator_channels=16,
        voxel_channels=8,
        ray_samples=16,
    ),
    "small": LatticeConfig(),
}
"""tiny is for tests, small is what ships."""


def preset(name: str) -> LatticeConfig:
    if name not in PRESETS:
        raise unknown_name("preset", name, PRESETS)
    return PRESETS[name]
