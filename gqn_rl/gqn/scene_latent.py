"""Families with one latent for a whole scene, which draw single pixels.

One imagined scene explains all queries, so predictions of different views agree with each other,
and a training step draws a few hundred rays instead of whole images.

References:
    Kumar et al., Consistent Generative Query Networks, arXiv:1807.02033, 2018.
    Sohn, Lee and Yan, Learning Structured Output Representation using Deep Conditional Generative
    Models, NIPS 2015, eq. 7 (drawing some scenes from the prior while training).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Independent, Normal, kl_divergence

from gqn_rl.geometry.view import to_float
from gqn_rl.gqn.draws import Draws
from gqn_rl.gqn.model import AggregateType, GenerativeQueryNetwork
from gqn_rl.gqn.objective import Sampling, SceneTerms
from gqn_rl.gqn.query_rays import QueryRays, sample_query_rays


class SceneLatentGQN(GenerativeQueryNetwork[AggregateType]):
    """A GQN with a latent for a scene; a family adds how that becomes a scene, and a scene pixels.

    Attributes:
        max_rays: rays drawn at once where whole images are asked for, which bounds the memory.
    """

    max_rays = 1 << 19
    compiled = ("encode_view", "representation", "prior", "posterior", "decode", "draw")

    @abstractmethod
    def prior(self, r: Tensor) -> Independent:
        """pi(z | r), an Independent Normal."""

    @abstractmethod
    def posterior(self, r: Tensor, r_with_queries: Tensor) -> Independent:
        """q(z | r, x): the second representation has seen the query views too."""

    @abstractmethod
    def decode(self, r: Tensor, latent: Tensor) -> Any:
        """One drawable scene per row, from a representation and a latent."""

    @abstractmethod
    def draw(
        self, scene: Any, viewpoints: Tensor, pixels: Tensor, jitter: Tensor | None = None
    ) -> Tensor:
        """Mean colour of some pixels of imagined scenes.

        Args:
            scene: from `decode`, N rows.
            viewpoints: float (N, R, 7), a pose for each pixel.
            pixels: int64 (N, R), row * W + column.
            jitter: (N, R, 1) in [0, 1) where drawing involves sampling along rays; None: the
                middle of each interval.

        Returns:
            float32 (N, R, 3) in [0, 1].
        """

    def imagine(self, r: Tensor, noise: Tensor) -> Any:
        return self.decode(r, reparametrise(self.prior(r), noise))

    def draw_images(self, scene: Any, viewpoints: Tensor) -> Tensor:
        return self.draw_thinned(scene, viewpoints, 1)

    def draw_thinned(self, scene: Any, viewpoints: Tensor, stride: int) -> Tensor:
        """See `GenerativeQueryNetwork`; no other pixels are computed."""
        n, size = len(viewpoints), self.image_size
        square = torch.arange(size * size, device=viewpoints.device).view(size, size)
        wanted = square[::stride, ::stride]
        parts = []
        for pixels in torch.split(wanted.flatten(), max(1, self.max_rays // n)):
            poses = viewpoints[:, None].expand(-1, len(pixels), -1)
            parts.append(self.draw(scene, poses, pixels.expand(n, -1)))
        return torch.cat(parts, dim=1).view(n, *wanted.shape, 3).permute(0, 3, 1, 2)

    def kl(self, aggregate: AggregateType, images: Tensor, viewpoints: Tensor) -> Tensor:
        r = self.representation(aggregate)
        r_with_query = self.representation(aggregate.plus(self.encode_view(images, viewpoints)))
        return kl_divergence(self.posterior(r, r_with_query), self.prior(r))

    def bound(
        self,
        images: Tensor,
        viewpoints: Tensor,
        is_query: Tensor,
        *,
        draws: Draws,
        sampling: Sampling,
    ) -> SceneTerms:
        rays = sample_query_rays(images, is_query, sampling.num_rays, draws)
        each = self.encode_views(to_float(images), viewpoints)
        r = self.representation(each.sum_views(~is_query))
        latent, kl, r_all = self._training_latent(r, each, draws, sampling.prior_share)
        scene = self.decode(r, latent)
        error = self._error(scene, viewpoints, rays, draws)
        return SceneTerms(error, kl, is_query.sum(1).to(error.dtype), (r, r_all))

    def _training_latent(
        self, r: Tensor, each: AggregateType, draws: Draws, prior_share: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Latents of some scenes from the posterior, of the others from the prior.

        Args:
            each: the aggregate of every single view.

        Returns:
            latents; KL(posterior || prior), (B,), 0 for the others; the representation of all
            views, of the others that of the context.
        """
        prior = self.prior(r)
        latent = reparametrise(prior, draws.normal(*prior.event_shape))
        noise = draws.normal(*prior.event_shape)
        kl = torch.zeros_like(latent.flatten(1)[:, 0])
        informed = rows_of_the_posterior(draws, prior_share)
        if not len(informed):
            return latent, kl, r
        # Only for them: what the posterior sees is half of the work of a step.
        views = torch.ones(len(r), len(each.parts[0]) // len(r), dtype=torch.bool, device=r.device)
        r_all = self.representation(each.sum_views(views).select(informed))
        posterior = self.posterior(r[informed], r_all)
        price = kl_divergence(posterior, _rows(prior, informed))
        return (
            latent.index_copy(0, informed, reparametrise(posterior, noise[informed])),
            kl.index_copy(0, informed, price),
            r.index_copy(0, informed, r_all),
        )

    def _error(self, scene: Any, viewpoints: Tensor, rays: QueryRays, draws: Draws) -> Tensor:
        """Estimated mean squared error over all pixels of the query views, (B,)."""
        poses = viewpoints.gather(1, rays.view[..., None].expand(-1, -1, viewpoints.shape[-1]))
        colour = self.draw(scene, poses, rays.pixel, draws.uniform(rays.pixel.shape[1], 1))
        return ((colour - rays.colour).square().mean(-1) * rays.weight).sum(-1)


def reparametrise(distribution: Independent, noise: Tensor) -> Tensor:
    """The value of an Independent Normal that belongs to standard normal noise."""
    normal = distribution.base_dist
    value: Tensor = normal.loc + normal.scale * noise.to(normal.loc.dtype)
    return value


def rows_of_the_posterior(draws: Draws, prior_share: float) -> Tensor:
    """Which scenes of a batch draw their latent from the posterior, int64 (K,).

    The others, `prior_share` of them, are spread evenly over the batch. Which rows they are does
    not depend on chance, so nothing has to wait for a device to tell how many there are.
    """
    row = torch.arange(draws.rows.start, draws.rows.stop, dtype=torch.float64)
    from_prior = ((row + 1) * prior_share).floor() > (row * prior_share).floor()
    return (~from_prior).nonzero()[:, 0].to(draws.device)


def _rows(distribution: Independent, rows: Tensor) -> Independent:
    """An Independent Normal of some rows only."""
    normal = distribution.base_dist
    return Independent(
        Normal(normal.loc[rows], normal.scale[rows], validate_args=False),
        distribution.reinterpreted_batch_ndims,
    )
