"""Representation network: the view aggregate in the world, read again in the frame of the object.

Views write to the world's lattice as in the lattice family. From it the frame is found, and what
was written is read at the cells of the frame: shift the object or turn it, and the cells hold the
same. Frame and cells together are the representation.

References:
    Jaderberg et al., Spatial Transformer Networks, NIPS 2015.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from gqn_rl.devices import full_precision
from gqn_rl.gqn.canonical.config import CanonicalConfig
from gqn_rl.gqn.canonical.frame import Frame
from gqn_rl.gqn.canonical.frame_finder import FrameFinder
from gqn_rl.gqn.canonical.frame_refiner import PARTS, FrameRefiner
from gqn_rl.gqn.volumes.encoder import VolumeAggregate, VolumeEncoder
from gqn_rl.gqn.volumes.points import Ball, TwoScales, initialise, lattice_points
from gqn_rl.gqn.volumes.reading import read_at

FRAME_RADIUS = 4.0
"""No cube of a chain of seven lies in a cell whose centre is further from the frame's origin."""
COLOURS = 5


class Reading(NamedTuple):
    """What views say of N scenes, in the world.

    Attributes:
        world: float (N, C, X, Y, Z), features of the lattice.
        known: float32 (N, COLOURS, X', Y', Z'), what `CanonicalRepresentation` reads in frames.
    """

    world: Tensor
    known: Tensor


class CanonicalRepresentation(VolumeEncoder):
    """From an aggregate to frame and slots.

    Attributes:
        cells: the cells of the frame that have a slot.
        centres: float32 (cells ** 3, 3), their centres in the frame; and `inner`, the centres of
            the eighths of each, float32 (8 * cells ** 3, 3).
        fine: float32 ((PARTS * cells) ** 3, 3), points from which the frame is refined.
    """

    config: CanonicalConfig
    centres: Tensor
    inner: Tensor
    fine: Tensor

    def __init__(self, config: CanonicalConfig) -> None:
        super().__init__(config)
        size, channels = config.frame_cells, config.cell_channels
        self.cells = Ball(size, size / 2, FRAME_RADIUS)
        self.finder = FrameFinder(config, self.anchors)
        self.enter_cells = nn.Conv3d(config.fine_channels + 8 * COLOURS, channels, 1)
        self.cell_mixer = TwoScales(channels, config.cell_coarse_channels, blocks=2)
        self.to_slots = nn.Conv3d(channels, config.slot_channels, 1)
        for part in (self.enter_cells, self.cell_mixer, self.to_slots):
            initialise(part)
        centres = lattice_points(size, size / 2)
        self.refiner = FrameRefiner(config, centres, COLOURS)
        self.register_buffer("centres", centres, persistent=False)
        inner = (centres[:, None] + lattice_points(2, 0.5)).flatten(0, 1)
        self.register_buffer("inner", inner, persistent=False)
        fine = lattice_points(PARTS * size, size / 2)
        self.register_buffer("fine", fine, persistent=False)

    def forward(self, aggregate: VolumeAggregate) -> Tensor:
        """The scene representation (N, F): frame, then the slots one after the other."""
        reading = self.read(aggregate)
        return self.filled(reading, self.frame(reading))

    def in_frame(self, aggregate: VolumeAggregate, frame: Frame) -> Tensor:
        """The same in another frame than the one that would be found."""
        return self.filled(self.read(aggregate), frame)

    def read(self, aggregate: VolumeAggregate) -> Reading:
        """What the aggregate says in the world, whatever the frame is."""
        return Reading(self.features(aggregate), self._known_colours(aggregate.colours))

    def frame(self, reading: Reading) -> Frame:
        """The frame that is found."""
        return self._refined(self.finder(reading.world), reading.world, reading.known)

    def filled(self, reading: Reading, frame: Frame) -> Tensor:
        """The scene representation in a frame."""
        entered = self.enter_cells(self._inside(reading.world, reading.known, frame)).relu()
        slots = self.cells.to_slots(self.to_slots(self.cell_mixer(entered))).float()
        return torch.cat([frame.pack(), slots.flatten(1)], dim=1)

    def _known_colours(self, colours: Tensor) -> Tensor:
        """Mean colours and the logarithm of the number of views, float32 (N, COLOURS, X, Y, Z)."""
        count = colours[:, -1:]
        mean = torch.cat([colours[:, :-1] / count.clamp(min=1.0), (1.0 + count).log()], dim=1)
        volume: Tensor = self.carving.to_volume(mean.mT)
        return volume

    def _refined(self, frame: Frame, world: Tensor, known: Tensor) -> Frame:
        """What is read there says how the frame has to move, not how the readings depend on it."""
        here = Frame(frame.yaw.detach(), frame.offset.detach())
        size = self.config.frame_cells
        with full_precision(world.device):
            around = self._around(world, here)
            within = read_at(known, here.to_world(self.fine) / self.config.extent)
        within = within.view(len(world), COLOURS, *[PARTS * size] * 3)
        refined: Frame = self.refiner(frame, within, around)
        return refined

    def _inside(self, world: Tensor, known: Tensor, frame: Frame) -> Tensor:
        """Features of the world and colours, where the cells of the frame are; (N, C, X, Y, Z)."""
        with full_precision(world.device):
            around = self._around(world, frame)
            within = read_at(known, frame.to_world(self.inner) / self.config.extent)
        within = within.unflatten(2, (-1, 8)).transpose(2, 3)
        return torch.cat([around, within.reshape(len(world), -1, *around.shape[2:])], dim=1)

    def _around(self, world: Tensor, frame: Frame) -> Tensor:
        """Features of the world at the centres of the cells, float32 (N, C, X, Y, Z)."""
        places = frame.to_world(self.centres) / self.config.extent
        return read_at(world.float(), places).view(*world.shape[:2], *[self.config.frame_cells] * 3)
