"""Image patches to tokens, each patch with its own ray.

References:
    Sajjadi et al., Scene Representation Transformer, CVPR 2022, section 3.1.
    Dosovitskiy et al., An Image is Worth 16x16 Words, ICLR 2021, eq. 1 (linear patch embedding).
"""

from __future__ import annotations

from torch import Tensor, nn

from gqn_rl.devices import full_precision
from gqn_rl.geometry.rays import pixel_directions
from gqn_rl.gqn.attention.config import AttentionConfig
from gqn_rl.gqn.attention.ray_encodings import Rays, make_ray_encoding, world_rays
from gqn_rl.gqn.attention.transformer import self_attention

PIXEL_SCALE = 6.0
"""Brings patches of the object above the size of what the rays add; black ones stay zero."""


class ViewEncoder(nn.Module):
    """Tokens of one view and their rays; views do not see each other, so each is encoded once."""

    directions: Tensor

    def __init__(self, config: AttentionConfig) -> None:
        super().__init__()
        self.patch_size = config.patch_size
        self.encoding = make_ray_encoding(config.ray_encoding, config.radius)
        self.embed_pixels = nn.Linear(3 * config.patch_size**2, config.width)
        self.embed_ray = nn.Linear(self.encoding.out_channels, config.width)
        self.layers = self_attention(config.view_layers, config.width, config.heads)
        self.norm = nn.LayerNorm(config.width)
        directions = patch_directions(config.image_size, config.patch_size)
        self.register_buffer("directions", directions, persistent=False)

    def forward(self, images: Tensor, viewpoints: Tensor) -> tuple[Tensor, Rays]:
        """Tokens (N, P, width) and rays (N, P) of images (N, 3, H, W) in [0, 1], poses (N, 7)."""
        pixels = self.embed_pixels(PIXEL_SCALE * to_patches(images, self.patch_size))
        with full_precision(images.device):  # wavelengths are too short for bf16
            poses = viewpoints[:, None].expand(-1, len(self.directions), -1)
            rays = world_rays(poses, self.directions.expand(len(poses), -1, -1))
            features = self.encoding(rays)
        tokens = self.layers(pixels + self.embed_ray(features))
        return self.norm(tokens), rays


def to_patches(images: Tensor, size: int) -> Tensor:
    """(N, 3, H, W) to (N, P, 3 * size * size), patches row by row."""
    n, channels, height, width = images.shape
    split = images.view(n, channels, height // size, size, width // size, size)
    return split.permute(0, 2, 4, 1, 3, 5).reshape(n, -1, channels * size * size)


def patch_directions(image_size: int, patch_size: int) -> Tensor:
    """Ray directions of the middles of patches in camera axes, float32 (P, 3)."""
    side = image_size // patch_size
    every = pixel_directions(image_size).view(side, patch_size, side, patch_size, 3)
    return every.mean(dim=(1, 3)).view(-1, 3)
