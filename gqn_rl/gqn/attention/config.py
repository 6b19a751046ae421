"""Sizes of the attention GQN and its presets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gqn_rl.errors import UserError, unknown_name
from gqn_rl.gqn.attention.ray_encodings import RAY_ENCODINGS
from gqn_rl.gqn.config import Config


@dataclass(frozen=True)
class AttentionConfig(Config):
    """Architecture of `AttentionGQN`.

    Attributes:
        image_size: height and width of the images, in pixels; a multiple of `patch_size`.
        patch_size: height and width of a patch, in pixels.
        ray_encoding: how rays are described, one of `ray_encodings.RAY_ENCODINGS`.
        radius: of the ball around the origin that holds what is to be seen, in cube edges.
        width: numbers per token in all transformer layers; a multiple of `heads`.
        heads: attention heads of these layers.
        view_layers: self-attention layers among the patches of one view.
        slots: slots of the representation.
        write_heads: heads with which each slot gathers what the views say.
        write_channels: numbers that each of those heads gathers.
        slot_layers: self-attention layers that turn what was gathered into the representation.
        slot_channels: numbers of the representation per slot.
        latent_channels: latent variables per slot.
        scene_layers: self-attention layers over the slots with their latent.
        query_layers: layers in which a query ray attends to the scene.
    """

    family: ClassVar[str] = "attention"

    patch_size: int = 8
    ray_encoding: str = "points"
    radius: float = 3.7
    width: int = 128
    heads: int = 4
    view_layers: int = 2
    slots: int = 64
    write_heads: int = 4
    write_channels: int = 32
    slot_layers: int = 2
    slot_channels: int = 32
    latent_channels: int = 8
    scene_layers: int = 1
    query_layers: int = 3

    def __post_init__(self) -> None:
        if self.patch_size < 1 or self.image_size < 1 or self.image_size % self.patch_size:
            raise UserError(
                f"image_size is {self.image_size}, expected a multiple of "
                f"patch_size={self.patch_size}"
            )
        if self.heads < 1 or self.width < 1 or self.width % self.heads:
            raise UserError(f"width is {self.width}, expected a multiple of heads={self.heads}")
        if self.ray_encoding not in RAY_ENCODINGS:
            raise unknown_name("ray encoding", self.ray_encoding, RAY_ENCODINGS)
        if not self.radius > 0.0:
            raise UserError(f"radius is {self.radius}, expected above 0")
        self.require_at_least(1, "slots", "write_heads", "write_channels", "slot_channels")
        self.require_at_least(1, "latent_channels", "query_layers")
        self.require_at_least(0, "view_layers", "slot_layers", "scene_layers")


PRESETS = {
    "attention-tiny": AttentionConfig(
        patch_size=16,
        width=32,
        heads=2,
        view_layers=1,
        slots=8,
        write_heads=2,
        write_channels=8,
        slot_layers=1,
        slot_channels=16,
        latent_channels=4,
        scene_layers=1,
        query_layers=2,
    ),
    "attention-small": AttentionConfig(),
    "attention-base": AttentionConfig(
        width=256,
        heads=8,
        view_layers=4,
        slots=96,
        write_heads=8,
        write_channels=32,
        slot_layers=4,
        slot_channels=64,
        scene_layers=2,
        query_layers=4,
    ),
}
"""tiny is for tests."""
