"""Generator: slots and a latent to coloured cells, and the cells to pixels.

A cell is filled evenly with a density and a colour, and a ray adds up what it crosses. How long it
stays in a cell is computed exactly, so edges are as sharp as the densities are high. Brightness is
a learned function of the normal of the face through which a ray enters.

References:
    Kumar et al., Consistent Generative Query Networks, arXiv:1807.02033, 2018 (one latent for all
    queries of a scene).
    Max, Optical Models for Direct Volume Rendering, IEEE TVCG 1995, section 4 (emission and
    absorption along a ray).
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gqn_rl.gqn.canonical.config import CanonicalConfig
from gqn_rl.gqn.canonical.frame import Frame
from gqn_rl.gqn.canonical.traversal import Crossings, traverse
from gqn_rl.gqn.volumes.latent import VolumeLatentHead
from gqn_rl.gqn.volumes.points import Ball, TwoScales, initialise

DENSITY_SCALE = 10.0
INITIAL_DENSITY = -6.0
INITIAL_BRIGHTNESS = 1.5
MIN_LOG_SCALE = -3.0
"""A prior much sharper than that makes the divergence explode at the first surprise."""


class CellScene(NamedTuple):
    """N scenes that can be drawn.

    Attributes:
        frame: where the cells are.
        brightness: float32 (N, 6) in [0, 1], of faces as `Crossings.face` numbers them.
        content: float32 (N, 4, cells ** 3), density per cube edge, and colour in [0, 1].
    """

    frame: Frame
    brightness: Tensor
    content: Tensor


class CellGenerator(nn.Module):
    """Prior, posterior and decoder.

    Args:
        cells: that have a slot; shared with the representation network.
    """

    def __init__(self, config: CanonicalConfig, cells: Ball) -> None:
        super().__init__()
        self.config = config
        self.cells = cells
        slots, channels = config.slot_channels, config.cell_channels
        head = partial(VolumeLatentHead, hidden=channels, min_log_scale=MIN_LOG_SCALE)
        self.prior_head = head(slots, config.latent_channels)
        self.posterior_head = head(2 * slots, config.latent_channels)
        self.enter = nn.Conv3d(slots, channels, 3, padding=1)
        self.mixer = TwoScales(
            channels, config.cell_coarse_channels, 1, extra_channels=config.latent_channels
        )
        self.out = nn.Conv3d(channels, 4, 1)
        last = nn.Linear(32, 1)
        self.brightness = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), last)
        initialise(self)
        with torch.no_grad():  # start thin, and close to the standard normal
            self.prior_head.out.weight.mul_(0.01)
            self.posterior_head.out.weight.mul_(0.01)
            self.mixer.extra.weight.mul_(0.1)  # type: ignore[union-attr]
            self.out.weight.mul_(0.03)
            self.out.bias[0] = INITIAL_DENSITY  # type: ignore[index]
            last.weight.mul_(0.1)
            last.bias.fill_(INITIAL_BRIGHTNESS)

    def volume(self, slots: Tensor) -> Tensor:
        """Slots (N, S, C) as a volume."""
        return self.cells.to_volume(slots)

    def scene(self, frame: Frame, slots: Tensor, latent: Tensor) -> CellScene:
        """What fills the cells, given slots (N, S, C) and a latent (N, C', X, Y, Z)."""
        entered = self.enter(self.volume(slots)).relu()
        out = self.out(self.mixer(entered, latent)).float().flatten(2)
        density = DENSITY_SCALE * F.softplus(out[:, :1])
        content = torch.cat([density, out[:, 1:].sigmoid()], dim=1)
        return CellScene(frame, self.face_brightness(frame), content)

    def face_brightness(self, frame: Frame) -> Tensor:
        """Brightness of the faces of cells in a frame, float32 (N, 6), see `CellScene`."""
        axes = frame.axes()
        normals = torch.stack([axes, -axes], dim=2).flatten(1, 2)  # (N, 6, 3)
        return self.brightness(normals)[..., 0].float().sigmoid()

    def render(self, scene: CellScene, origins: Tensor, directions: Tensor) -> Tensor:
        """Colours of rays, float32 (N, R, 3) in [0, 1].

        Args:
            origins, directions: float32 (N, R, 3) in the world, directions of unit length.
        """
        frame = scene.frame
        crossed = traverse(frame.to_frame(origins), frame.turn(directions), self.config.frame_cells)
        return _composite(scene, crossed)


def _composite(scene: CellScene, crossed: Crossings) -> Tensor:
    n, rays, k = crossed.cell.shape
    met = scene.content.gather(2, crossed.cell.view(n, 1, -1).expand(-1, 4, -1))
    met = met.view(n, 4, rays, k)
    optical = met[:, 0] * crossed.length
    passed = (-(optical.cumsum(-1) - optical)).exp()
    shade = scene.brightness.gather(1, crossed.face.view(n, -1)).view(n, rays, k)
    weight = passed * -torch.expm1(-optical) * shade
    return (met[:, 1:] * weight[:, None]).sum(-1).mT
