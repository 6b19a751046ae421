"""Images with the poses they were taken from, and the only uint8 to float conversion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gqn_rl.geometry.viewpoint import Viewpoints

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Views:
    """N images and their poses.

    Attributes:
        images: uint8 (N, H, W, 3).
        viewpoints: N poses.
    """

    images: NDArray[np.uint8]
    viewpoints: Viewpoints

    def __post_init__(self) -> None:
        shape = self.images.shape
        if self.images.dtype != np.uint8 or len(shape) != 4 or shape[3] != 3:
            raise ValueError(f"images is {self.images.dtype} {shape}, expected uint8 (N, H, W, 3)")
        if shape[0] != len(self.viewpoints):
            raise ValueError(f"{shape[0]} images but {len(self.viewpoints)} viewpoints")

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Context:
    """What has been seen of B scenes, M views each.

    Attributes:
        images: float (B, M, 3, H, W) in [0, 1].
        viewpoints: float (B, M, 7), `Viewpoints.encode`.
        mask: bool (B, M), which views count; None for all of them.
    """

    images: torch.Tensor
    viewpoints: torch.Tensor
    mask: torch.Tensor | None = None


def to_float(images: torch.Tensor) -> torch.Tensor:
    """uint8 (..., H, W, 3) to float32 (..., 3, H, W) in [0, 1]."""
    import torch

    if images.dtype != torch.uint8 or images.shape[-1] != 3:
        raise ValueError(
            f"images is {images.dtype} {tuple(images.shape)}, expected uint8 (..., H, W, 3)"
        )
    return images.movedim(-1, -3).to(torch.float32) / 255.0


def to_uint8(images: torch.Tensor) -> torch.Tensor:
    """float (..., 3, H, W) in [0, 1], clipped, to uint8 (..., H, W, 3)."""
    import torch

    return (images.float().clamp(0, 1) * 255).round().to(torch.uint8).movedim(-3, -1)
