"""The attention GQN: views write to slots, queries are rays that attend to them."""

from __future__ import annotations

from torch import Tensor
from torch.distributions import Independent

from gqn_rl.devices import full_precision
from gqn_rl.geometry.rays import pixel_directions
from gqn_rl.gqn.attention.config import PRESETS, AttentionConfig
from gqn_rl.gqn.attention.generator import RayGenerator
from gqn_rl.gqn.attention.ray_encodings import world_rays
from gqn_rl.gqn.attention.slots import AdditiveWrite, SlotAggregate, SlotReader
from gqn_rl.gqn.attention.transformer import initialise
from gqn_rl.gqn.attention.view_encoder import ViewEncoder
from gqn_rl.gqn.scene_latent import SceneLatentGQN


class AttentionGQN(SceneLatentGQN[SlotAggregate]):
    """A GQN whose representation is a set of slots.

    The flat representation r holds the slots' numbers, slot after slot: F = slots * slot_channels;
    `write.places` says where in the world each slot lies.

    References:
        Sajjadi et al., Scene Representation Transformer, CVPR 2022.
        Jaegle et al., Perceiver IO, ICLR 2022.
    """

    config_type = AttentionConfig
    presets = PRESETS
    max_rays = 1 << 17  # each has features of the transformer's width
    representation_modules = ("view_encoder", "write", "reader")
    config: AttentionConfig
    directions: Tensor

    def __init__(self, config: AttentionConfig) -> None:
        super().__init__(config, config.slots * config.slot_channels)
        self.view_encoder = ViewEncoder(config)
        self.write = AdditiveWrite(config)
        self.reader = SlotReader(config)
        for part in (self.view_encoder, self.write, self.reader):
            initialise(part)
        self.generator = RayGenerator(config)
        self.register_buffer("directions", pixel_directions(config.image_size), persistent=False)

    def nothing_seen(self, n: int) -> SlotAggregate:
        slots, heads, channels = self.write.queries.shape
        nothing = self.write.queries.new_zeros(n, slots, heads, channels)
        return SlotAggregate(nothing, nothing[..., 0])

    def encode_view(self, images: Tensor, viewpoints: Tensor) -> SlotAggregate:
        tokens, rays = self.view_encoder(images, viewpoints)
        aggregate: SlotAggregate = self.write(tokens, rays)
        return aggregate

    def representation(self, aggregate: SlotAggregate) -> Tensor:
        slots: Tensor = self.reader(aggregate)
        return slots.flatten(1)

    def prior(self, r: Tensor) -> Independent:
        return self.generator.prior(self._slots(r))

    def posterior(self, r: Tensor, r_with_queries: Tensor) -> Independent:
        return self.generator.posterior(self._slots(r), self._slots(r_with_queries))

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return (self.config.slots, self.config.latent_channels)

    def decode(self, r: Tensor, latent: Tensor) -> Tensor:
        """Scene tokens, see `RayGenerator.scene`."""
        return self.generator.scene(self._slots(r), latent)

    def draw(
        self, scene: Tensor, viewpoints: Tensor, pixels: Tensor, jitter: Tensor | None = None
    ) -> Tensor:
        with full_precision(scene.device):
            rays = world_rays(viewpoints, self.directions[pixels])
        return self.generator.colours(scene, rays, self.write.places)

    def _slots(self, r: Tensor) -> Tensor:
        return r.view(len(r), self.config.slots, self.config.slot_channels)
