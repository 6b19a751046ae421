"""Representation network: evidence in the world, read again in the frame of the object.

Views write to the world's lattice as in the lattice family. From it the frame is found, and what
was written is read at the cells of the frame: shift the object or turn it, and the cells hold the
same. Frame and cells together are the representation.

References:
    Jaderberg et al., Spatial Transformer Networks, NIPS 2015.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gqn_rl.devices import full_precision
from gqn_rl.gqn.canonical.config import CanonicalConfig
from gqn_rl.gqn.canonical.frame import Frame
from gqn_rl.gqn.canonical.frame_finder import FrameFinder
from gqn_rl.gqn.lattice.points import Ball, TwoScales, initialise, lattice_points
from gqn_rl.gqn.lattice.representation import LatticeEvidence, LatticeFeatures

FRAME_RADIUS = 4.0
"""No cube of a chain of seven lies in a cell whose centre is further from the frame's origin."""
COLOURS = 5
CORRECTION_SCALE = 0.1


class CanonicalRepresentation(LatticeFeatures):
    """Evidence to frame and slots.

    Attributes:
        cells: the cells of the frame that have a slot.
        centres: float32 (cells ** 3, 3), their centres in the frame; and `inner`, the centres of
            the eighths of each, float32 (8 * cells ** 3, 3).
    """

    config: CanonicalConfig
    centres: Tensor
    inner: Tensor

    def __init__(self, config: CanonicalConfig) -> None:
        super().__init__(config)
        size, channels = config.frame_cells, config.cell_channels
        self.cells = Ball(size, size / 2, FRAME_RADIUS)
        self.finder = FrameFinder(config, self.anchors)
        self.enter_cells = nn.Conv3d(config.fine_channels + 8 * COLOURS, channels, 1)
        self.cell_mixer = TwoScales(channels, config.cell_coarse_channels, blocks=2)
        self.correct_hidden = nn.Conv3d(channels, channels, 1)
        self.correct = nn.Linear(channels, 4)
        self.to_slots = nn.Conv3d(channels, config.slot_channels, 1)
        for part in (self.enter_cells, self.cell_mixer, self.correct_hidden, self.to_slots):
            initialise(part)
        nn.init.zeros_(self.correct.weight)
        nn.init.zeros_(self.correct.bias)
        centres = lattice_points(size, size / 2)
        self.register_buffer("centres", centres, persistent=False)
        inner = (centres[:, None] + lattice_points(2, 0.5)).flatten(0, 1)
        self.register_buffer("inner", inner, persistent=False)

    def forward(self, evidence: LatticeEvidence) -> Tensor:
        """The scene representation (N, F): frame, then the slots one after the other."""
        world = self.features(evidence)
        frame = self.finder(world)
        entered = self.enter_cells(self._inside(world, evidence.colours, frame)).relu()
        mixed = self.cell_mixer(entered)
        frame = self._corrected(frame, mixed)
        slots = self.cells.to_slots(self.to_slots(mixed)).float()
        return torch.cat([frame.pack(), slots.flatten(1)], dim=1)

    def _inside(self, world: Tensor, colours: Tensor, frame: Frame) -> Tensor:
        """Features of the world and colours, where the cells of the frame are; (N, C, X, Y, Z)."""
        size, extent = self.config.frame_cells, self.config.extent
        shape = (len(world), -1, size, size, size)
        count = colours[:, -1:]
        mean = torch.cat([colours[:, :-1] / count.clamp(min=1.0), (1.0 + count).log()], dim=1)
        with full_precision(world.device):
            around = read_at(world.float(), frame.to_world(self.centres) / extent)
            known = self.carving.to_volume(mean.mT)
            within = read_at(known, frame.to_world(self.inner) / extent)
        within = within.unflatten(2, (-1, 8)).transpose(2, 3).reshape(shape)  # type: ignore[no-untyped-call]
        return torch.cat([around.view(shape), within], dim=1)

    def _corrected(self, frame: Frame, mixed: Tensor) -> Frame:
        """Frame after a second look at it, from within."""
        pooled = self.correct_hidden(mixed).relu().float().mean((2, 3, 4))
        change = CORRECTION_SCALE * self.correct(pooled).float()
        return Frame(frame.yaw + change[:, 0], frame.offset + change[:, 1:])


def read_at(volume: Tensor, places: Tensor) -> Tensor:
    """Trilinear reading (N, C, S) at places (N, S, 3) from -1 to 1, face to face; zero outside."""
    # grid_sample wants the fastest axis first.
    where = places.flip(-1)[:, None, None]
    return F.grid_sample(volume, where, align_corners=False)[:, :, 0, 0]
