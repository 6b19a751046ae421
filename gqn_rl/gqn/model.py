"""The one interface of every GQN family.

What a family decides is how evidence is gathered and how a scene is drawn; everything written in
terms of these steps (representing, predicting, standardising, loading) lives here once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from gqn_rl.errors import UserError
from gqn_rl.gqn.evidence import Evidence
from gqn_rl.view import Context
from gqn_rl.viewpoint import ENCODING_SIZE


class GenerativeQueryNetwork(nn.Module, ABC):
    """Views to representation, representation and pose to predicted view.

    Args:
        image_size: height and width of the images, in pixels.
        representation_size: F, the length of the flat representation.

    Attributes:
        representation_mean, representation_scale: float32 (F,), statistics over training scenes
            that `standardise` uses; stored with the weights.
    """

    representation_mean: Tensor
    representation_scale: Tensor

    def __init__(self, image_size: int, representation_size: int) -> None:
        super().__init__()
        self.image_size = image_size
        self.representation_size = representation_size
        self.register_buffer("representation_mean", torch.zeros(representation_size))
        self.register_buffer("representation_scale", torch.ones(representation_size))

    # What a family implements.

    @abstractmethod
    def nothing_seen(self, n: int) -> Evidence:
        """Evidence about n scenes of which there is no view yet."""

    @abstractmethod
    def look(self, images: Tensor, viewpoints: Tensor) -> Evidence:
        """Evidence of one view each of N scenes, images (N, 3, H, W) in [0, 1], poses (N, 7)."""

    @abstractmethod
    def representation(self, evidence: Evidence) -> Tensor:
        """The scene representation r, float32 (N, F)."""

    @abstractmethod
    def prior(self, r: Tensor) -> Distribution:
        """pi(z | r)."""

    @abstractmethod
    def posterior(self, r: Tensor, r_with_queries: Tensor) -> Distribution:
        """q(z | r, x): the second representation has seen the query views too."""

    @abstractmethod
    def imagine(self, r: Tensor, latent: Tensor) -> Tensor:
        """One drawable scene per row, from a representation and a latent."""

    @abstractmethod
    def draw(
        self, scene: Tensor, viewpoints: Tensor, pixels: Tensor, jitter: Tensor | None = None
    ) -> Tensor:
        """Mean colour of some pixels of imagined scenes.

        Args:
            scene: from `imagine`, N rows.
            viewpoints: float (N, R, 7), a pose for each pixel.
            pixels: int64 (N, R), row * W + column.
            jitter: (N, R, 1) in [0, 1) where drawing involves sampling along rays.

        Returns:
            float32 (N, R, 3) in [0, 1].
        """

    # What all families share.

    @property
    def device(self) -> torch.device:
        return self.representation_mean.device

    def standardise(self, r: Tensor) -> Tensor:
        """r (N, F) with zero mean and unit spread over the scenes of training."""
        return (r - self.representation_mean) / self.representation_scale

    def gather(self, context: Context) -> Evidence:
        """Evidence of all views of a context, added up."""
        images, viewpoints = context.images, context.viewpoints
        check_views(images, viewpoints, self.image_size)
        b, m = images.shape[:2]
        each = self.look(images.flatten(0, 1), viewpoints.flatten(0, 1))
        mask = context.mask
        if mask is None:
            mask = torch.ones(b, m, dtype=torch.bool, device=images.device)
        return each.sum_views(mask)

    def represent(self, images: Tensor, viewpoints: Tensor) -> Tensor:
        """Representation of scenes seen from several views.

        Args:
            images: float (B, M, 3, H, W) in [0, 1].
            viewpoints: float (B, M, 7), `Viewpoints.encode`.

        Returns:
            float32 (B, F), the same for any order of the views.
        """
        return self.representation(self.gather(Context(images, viewpoints)))

    def predict(
        self,
        context: Context,
        query_viewpoint: Tensor,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """The view from a new pose, with a latent drawn from the prior.

        Args:
            query_viewpoint: float (B, 7).
            generator: source of randomness; the same one gives the same sample.

        Returns:
            float32 (B, 3, H, W) in [0, 1].
        """
        evidence = self.gather(context)
        expected = (len(context.images), ENCODING_SIZE)
        if tuple(query_viewpoint.shape) != expected:
            raise UserError(
                f"query_viewpoint has shape {tuple(query_viewpoint.shape)}, expected {expected}"
            )
        r = self.representation(evidence)
        scene = self.imagine(r, sample(self.prior(r), generator))
        return self.draw_images(scene, query_viewpoint)

    def draw_images(self, scene: Tensor, viewpoint: Tensor) -> Tensor:
        """Whole images (N, 3, H, W) of imagined scenes, one pose (N, 7) each."""
        n, size = len(viewpoint), self.image_size
        pixels = torch.arange(size * size, device=viewpoint.device).expand(n, -1)
        colour = self.draw(scene, viewpoint[:, None].expand(-1, size * size, -1), pixels)
        return colour.view(n, size, size, 3).permute(0, 3, 1, 2)

    @staticmethod
    def from_pretrained(
        name_or_path: str | Path = "small", device: str | torch.device = "cpu"
    ) -> GenerativeQueryNetwork:
        """Shipped weights by name, or a checkpoint by path; in evaluation mode."""
        from gqn_rl.gqn.checkpoint import load_checkpoint, pretrained_path

        return load_checkpoint(pretrained_path(name_or_path), device=device)[0]


def sample(distribution: Any, generator: torch.Generator | None = None) -> Tensor:
    """A reparametrised draw from an Independent Normal with an explicit source of randomness."""
    normal = distribution.base_dist
    noise = torch.randn(
        normal.loc.shape, generator=generator, device=normal.loc.device, dtype=normal.loc.dtype
    )
    drawn: Tensor = normal.loc + normal.scale * noise
    return drawn


def check_views(images: Tensor, viewpoints: Tensor, image_size: int) -> None:
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
    if not bool(torch.isfinite(viewpoints).all()):
        raise UserError("viewpoints contain NaN or infinity, expected finite numbers")
    if not images.is_floating_point():
        raise UserError(f"images is {images.dtype}, expected floating point in [0, 1]")
    low, high = float(images.min()), float(images.max())
    if not (low >= 0.0 and high <= 1.0):
        raise UserError(f"images range from {low:g} to {high:g}, expected within [0, 1]")
