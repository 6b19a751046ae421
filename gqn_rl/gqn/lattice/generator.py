"""Generator: slots and a latent to a coloured volume, and the volume to pixels.

The volume holds density and colour; a query ray adds up what it meets. The scenes are lit from a
fixed direction and have no highlights, so colour does not depend on the viewing direction and one
volume explains all views: predictions of different views agree with each other.

References:
    Kumar et al., Consistent Generative Query Networks, arXiv:1807.02033, 2018 (one latent for all
    queries of a scene).
    Mildenhall et al., NeRF, ECCV 2020, eq. 3 (quadrature of the volume rendering integral).
    Sun et al., Direct Voxel Grid Optimization, CVPR 2022 (activation after the interpolation,
    which keeps faces sharp within a voxel).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Independent

from gqn_rl.gqn.lattice.config import LatticeConfig
from gqn_rl.gqn.volumes.latent import VolumeLatentHead
from gqn_rl.gqn.volumes.points import OBJECT_RADIUS, Ball, TwoScales, initialise, subdivided
from gqn_rl.gqn.volumes.reading import read_volume

DENSITY_SCALE = 10.0
INITIAL_DENSITY = -6.5


class VolumeGenerator(nn.Module):
    """Prior, posterior and decoder.

    Args:
        anchors: where the slots lie; shared with the representation network.
    """

    def __init__(self, config: LatticeConfig, anchors: Ball) -> None:
        super().__init__()
        self.config = config
        self.anchors = anchors
        self.prior_head = VolumeLatentHead(config.slot_channels, config.latent_channels)
        self.posterior_head = VolumeLatentHead(2 * config.slot_channels, config.latent_channels)
        self.enter = nn.Conv3d(config.slot_channels, config.fine_channels, 3, padding=1)
        self.mixer = TwoScales(
            config.fine_channels,
            config.coarse_channels,
            blocks=1,
            extra_channels=config.latent_channels,
        )
        self.expand = nn.Conv3d(config.fine_channels, config.voxel_channels, 1)
        self.out = nn.Conv3d(config.voxel_channels, 4 * config.voxels_per_cell**3, 1)
        initialise(self)
        with torch.no_grad():  # start thin, and close to the standard normal
            self.prior_head.out.weight.mul_(0.01)
            self.posterior_head.out.weight.mul_(0.01)
            self.mixer.extra.weight.mul_(0.1)  # type: ignore[union-attr]
            self.out.weight.mul_(0.3)
            self.out.bias.view(4, -1)[0] = INITIAL_DENSITY  # type: ignore[union-attr]

    def prior(self, slots: Tensor) -> Independent:
        """pi(z | r) for slots (N, S, C)."""
        out: Independent = self.prior_head(self._volume(slots))
        return out

    def posterior(self, slots: Tensor, slots_with_queries: Tensor) -> Independent:
        """q(z | r, x): the second argument has seen the query views too."""
        both = torch.cat([slots, slots_with_queries], dim=-1)
        out: Independent = self.posterior_head(self._volume(both))
        return out

    def volume(self, slots: Tensor, latent: Tensor) -> Tensor:
        """Density (before softplus) and colour (before sigmoid), float32 (N, 4, X, Y, Z)."""
        entered = self.enter(self._volume(slots)).relu()
        cells = self.expand(self.mixer(entered, latent)).relu()
        voxels = subdivided(cells, self.out, self.config.voxels_per_cell)
        # Reading between voxels is three times as slow where channels come last.
        return voxels.contiguous().float()

    def _volume(self, slots: Tensor) -> Tensor:
        return self.anchors.to_volume(slots)

    def render(
        self,
        volume: Tensor,
        origins: Tensor,
        directions: Tensor,
        jitter: Tensor | None = None,
        ray_samples: int | None = None,
    ) -> Tensor:
        """Expected colour of each ray, float32 (N, R, 3) in [0, 1].

        Args:
            volume: see `volume`.
            origins, directions: float (N, R, 3); directions need not be normalised.
            jitter: (N, R, 1) in [0, 1), where in its interval each sample lies; None: in the
                middle.
            ray_samples: points per ray; None for the configured number.
        """
        samples = ray_samples or self.config.ray_samples
        directions = F.normalize(directions, dim=-1)
        closest = -(origins * directions).sum(-1, keepdim=True)  # (N, R, 1)
        distance2 = (origins + closest * directions).square().sum(-1, keepdim=True)
        half_chord = (OBJECT_RADIUS**2 - distance2).clamp(min=0.0).sqrt()
        steps = torch.arange(samples, device=volume.device, dtype=torch.float32)
        steps = steps + (0.5 if jitter is None else jitter)
        depth = closest + half_chord * (2 * steps / samples - 1)  # (N, R, K)
        extent = self.config.extent
        starts, slopes = (origins / extent).unbind(-1), (directions / extent).unbind(-1)
        places = [
            torch.addcmul(start[..., None], depth, slope[..., None])
            for start, slope in zip(starts, slopes, strict=True)
        ]
        # At the rim the outermost voxel is repeated: zeros would read as density.
        read = read_volume(volume, *places)  # (N, 4, R, K)
        optical = F.softplus(read[:, 0]) * (half_chord * 2 * DENSITY_SCALE / samples)
        passed = (-(optical.cumsum(-1) - optical)).exp()
        weight = passed * -torch.expm1(-optical)  # (N, R, K)
        return (read[:, 1:].sigmoid() * weight[:, None]).sum(-1).mT
