"""The lattice GQN: views write to points in the world, queries read along rays."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Independent

from gqn_rl.devices import full_precision
from gqn_rl.geometry.rays import camera_axes, pixel_directions
from gqn_rl.gqn.lattice.config import PRESETS, LatticeConfig
from gqn_rl.gqn.lattice.generator import VolumeGenerator
from gqn_rl.gqn.lattice.representation import LatticeRepresentation
from gqn_rl.gqn.scene_latent import SceneLatentGQN
from gqn_rl.gqn.volumes.encoder import VolumeAggregate


class LatticeGQN(SceneLatentGQN[VolumeAggregate]):
    """A GQN whose representation is a lattice of slots around the object.

    The flat representation r is the slots' numbers, slot after slot; `slot_points` says where in
    the world each slot lies.
    """

    config_type = LatticeConfig
    presets = PRESETS
    config: LatticeConfig
    directions: Tensor

    def __init__(self, config: LatticeConfig) -> None:
        network = LatticeRepresentation(config)
        super().__init__(config, len(network.anchors) * config.slot_channels)
        self.network = network
        self.generator = VolumeGenerator(config, network.anchors)
        self.register_buffer("directions", pixel_directions(config.image_size), persistent=False)

    @property
    def slot_points(self) -> Tensor:
        """float32 (S, 3): where the slots lie, in cube edges from the object's barycentre."""
        return self.network.anchors.points

    def nothing_seen(self, n: int) -> VolumeAggregate:
        return self.network.nothing_seen(n)

    def encode_view(self, images: Tensor, viewpoints: Tensor) -> VolumeAggregate:
        return self.network.encode_view(images, viewpoints)

    def representation(self, aggregate: VolumeAggregate) -> Tensor:
        slots: Tensor = self.network(aggregate)
        return slots.flatten(1)

    def prior(self, r: Tensor) -> Independent:
        return self.generator.prior(self._slots(r))

    def posterior(self, r: Tensor, r_with_queries: Tensor) -> Independent:
        return self.generator.posterior(self._slots(r), self._slots(r_with_queries))

    @property
    def latent_shape(self) -> tuple[int, ...]:
        blocks = self.config.cells // 2
        return (self.config.latent_channels, blocks, blocks, blocks)

    def decode(self, r: Tensor, latent: Tensor) -> Tensor:
        """Density and colour volumes, see `VolumeGenerator.volume`."""
        return self.generator.volume(self._slots(r), latent)

    def draw(
        self, scene: Tensor, viewpoints: Tensor, pixels: Tensor, jitter: Tensor | None = None
    ) -> Tensor:
        with full_precision(scene.device):  # points along a ray lie closer than bf16 can tell
            axes = camera_axes(viewpoints)  # (N, R, 3, 3)
            directions = torch.einsum("nra,nrai->nri", self.directions[pixels], axes)
            return self.generator.render(scene, viewpoints[..., :3], directions, jitter)

    def _slots(self, r: Tensor) -> Tensor:
        slots: Tensor = r.unflatten(1, (-1, self.config.slot_channels))
        return slots
