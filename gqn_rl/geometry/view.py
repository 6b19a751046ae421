"""Images with the poses they were taken from, and the only uint8 to float conversion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gqn_rl.errors import UserError
from gqn_rl.geometry.viewpoint import ENCODING_SIZE, Viewpoints

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Views:
    """N images and their poses.

    >>> from gqn_rl.geometry.viewpoint import sample_on_sphere
    >>> viewpoints = sample_on_sphere(np.random.default_rng(0), 3)
    >>> len(Views(np.zeros((3, 64, 64, 3), np.uint8), viewpoints))
    3
    >>> Views(np.zeros((3, 64, 64)), viewpoints)
    Traceback (most recent call last):
        ...
    ValueError: images is float64 (3, 64, 64), expected uint8 (N, H, W, 3)

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

    >>> import torch
    >>> images = to_float(torch.zeros(2, 3, 64, 64, 3, dtype=torch.uint8))
    >>> seen = torch.tensor([[True, True, True], [True, False, False]])
    >>> context = Context(images, torch.zeros(2, 3, 7), seen)
    >>> context.images.shape, context.mask.sum(dim=1)
    (torch.Size([2, 3, 3, 64, 64]), tensor([3, 1]))

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


def check_views(images: torch.Tensor, viewpoints: torch.Tensor, image_size: int) -> None:
    """Refuse what is not a batch of views of the right size and range."""
    expected = (3, image_size, image_size)
    if images.ndim != 5 or tuple(images.shape[2:]) != expected:
        raise UserError(
            f"images has shape {tuple(images.shape)}, expected (B, M, 3, {image_size}, "
            f"{image_size})"
        )
    if tuple(viewpoints.shape) != (*images.shape[:2], ENCODING_SIZE):
        raise UserError(
            f"viewpoints has shape {tuple(viewpoints.shape)}, expected "
            f"{(*images.shape[:2], ENCODING_SIZE)}"
        )
    if 0 in images.shape[:2]:
        raise UserError(
            f"the context has {images.shape[0]} scenes of {images.shape[1]} views, "
            "expected at least 1 of each"
        )
    if not bool(viewpoints.isfinite().all()):
        raise UserError("viewpoints contain NaN or infinity, expected finite numbers")
    if not images.is_floating_point():
        raise UserError(f"images is {images.dtype}, expected floating point in [0, 1]")
    low, high = float(images.min()), float(images.max())
    if not (low >= 0.0 and high <= 1.0):
        raise UserError(f"images range from {low:g} to {high:g}, expected within [0, 1]")
