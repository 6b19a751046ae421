"""The posterior over candidates where pixels are noisy.

A pixel is what a candidate shows there plus Gaussian noise of a known size. A face shows its
cube's colour times its brightness, so that of all pixels of a face their number and their sum are
enough, and the colour of a cube, normal around grey beforehand, is integrated out in closed form.
Two things are less than exact: colours are not normal (`colours.log_mass` is what they are), and
noise is cut off at 0 and 255. Both are alike for all candidates that show the same cubes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from gqn_rl.errors import unknown_name
from gqn_rl.geometry.viewpoint import FIELD_OF_VIEW, Viewpoints
from gqn_rl.inference.ideal_observer.candidates import FACES, Candidates
from gqn_rl.inference.ideal_observer.colours import BRIGHTEST, MEAN_BASE, Explanation
from gqn_rl.inference.ideal_observer.information import Subject, expected_information
from gqn_rl.inference.ideal_observer.ray_casting import segment, shared_rays
from gqn_rl.inference.ideal_observer.views import checked_viewpoints, checked_views

SPREAD = 100.0
"""Levels, standard deviation of a channel of a cube's colour before it is seen."""
GIVEN_UP = 40.0
"""Nats by which a candidate is less likely than the best, from which it is no longer looked at."""
CHUNK = 256
"""Candidates compared at once, to bound memory."""
NUMBER, SUMS = 0, slice(1, 4)


@dataclass(frozen=True, eq=False)
class NoisyPosterior:
    """What is known after some noisy views.

    >>> from gqn_rl.data.synthetic import SceneDistribution, render_views
    >>> from gqn_rl.inference.ideal_observer.candidates import grid_candidates
    >>> from gqn_rl.rendering import make_renderer
    >>> rng = np.random.default_rng(0)
    >>> scenes = SceneDistribution(num_cubes=4, shapes="all").sample(rng, 1)
    >>> views = render_views(make_renderer("raycast"), scenes, 1, rng)
    >>> noise = rng.normal(0.0, 40.0, views.images[0].shape)
    >>> noisy = np.clip(np.rint(views.images[0] + noise), 0, 255).astype(np.uint8)
    >>> posterior = NoisyPosterior.of(grid_candidates(4), 64, sd=40.0)
    >>> round(float(posterior.update(noisy, views.viewpoints[0]).probability.max()), 3)
    1.0

    Attributes:
        candidates: those that are left, C of them.
        seen: float64 (C, P, 6, 4), by cube and face the number of pixels and the sum of each
            channel.
        image_size: height and width of the views in pixels.
        sd: of the noise, in levels.
        field_of_view: of the views, in radians.
    """

    candidates: Candidates
    seen: NDArray[np.float64]
    image_size: int
    sd: float
    field_of_view: float = FIELD_OF_VIEW

    @staticmethod
    def of(
        candidates: Candidates, image_size: int, sd: float, field_of_view: float = FIELD_OF_VIEW
    ) -> NoisyPosterior:
        """Before the first view: the prior."""
        seen = np.zeros((*candidates.cubes.shape[:2], len(FACES), 4))
        return NoisyPosterior(candidates, seen, image_size, sd, field_of_view)

    def __len__(self) -> int:
        return len(self.candidates)

    def update(
        self, images: NDArray[np.uint8], viewpoints: Viewpoints | NDArray[np.floating]
    ) -> NoisyPosterior:
        """The posterior after more views; see `Posterior.update`."""
        images, poses = checked_views(images, viewpoints, self.image_size)
        found = self
        for row in range(len(images)):
            seen = found.seen + found._shown(images[row], poses[row : row + 1])
            found = replace(found, seen=seen)._pruned()
        return found

    @cached_property
    def log_joint(self) -> NDArray[np.float64]:
        """Log of prior times likelihood of each candidate, float64 (C,), nats, up to a constant."""
        power, light = self._evidence
        known = 1.0 / SPREAD**2
        best = np.square(light + MEAN_BASE * known) / (power + known)[..., None]
        told = 0.5 * (best - MEAN_BASE**2 * known - np.log1p(power * SPREAD**2)[..., None])
        return self.candidates.log_prior + told.sum(axis=(1, 2))

    @cached_property
    def probability(self) -> NDArray[np.float64]:
        """Of each candidate, float64 (C,); sums to 1."""
        return np.exp(self.log_joint - logsumexp(self.log_joint))

    def shares(self, count: int) -> NDArray[np.float64]:
        """See `Posterior.shares`."""
        found = np.bincount(self.candidates.shape, self.probability, minlength=count)
        return np.asarray(found, dtype=np.float64)

    def expected_information(
        self, viewpoints: Viewpoints | NDArray[np.floating], about: str = "shape"
    ) -> NDArray[np.float64]:
        """What a view without noise from each of N poses is expected to tell about the shape,
        float64 (N,), bits; see `Posterior.expected_information`."""
        if about != "shape":
            raise unknown_name("subject", about, ("shape",))
        power, light = self._evidence
        mean = (light + MEAN_BASE / SPREAD**2) / (power + 1 / SPREAD**2)[..., None]
        colour = np.rint(mean).clip(0, BRIGHTEST).astype(np.int64)
        explanation = Explanation((power > 0).astype(np.int64), colour, colour)
        none = np.zeros(power.shape, bool)
        return expected_information(
            self.candidates,
            explanation,
            self.probability,
            Subject(self.candidates.shape, none),
            checked_viewpoints(viewpoints),
            self.image_size,
            self.field_of_view,
        )

    @cached_property
    def _evidence(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """How firmly each cube's colour is known, (C, P), and that times what it is, (C, P, 3)."""
        shade = self.candidates.shades()[:, None]  # (C, 1, 6)
        power = (self.seen[..., NUMBER] * np.square(shade)).sum(axis=2) / self.sd**2
        light = (self.seen[..., SUMS] * shade[..., None]).sum(axis=2) / self.sd**2
        return power, light

    def _shown(self, image: NDArray[np.uint8], viewpoint: Viewpoints) -> NDArray[np.float64]:
        """`seen` of one view alone."""
        pixels = image.reshape(-1, 3).astype(np.float64)
        weights = np.concatenate([np.ones((len(pixels), 1)), pixels], axis=1)
        shape = self.seen.shape[1:3]
        parts = [np.zeros((0, *self.seen.shape[1:]))]
        for start in range(0, len(self), CHUNK):
            some = self.candidates[start : start + CHUNK]
            rays = shared_rays(some, viewpoint, self.image_size, field_of_view=self.field_of_view)
            cube, face = segment(some, rays)
            there, pixel = np.nonzero(cube >= 0)
            place = np.ravel_multi_index(
                (there, cube[there, pixel], face[there, pixel]), (len(some), *shape)
            )
            size = len(some) * shape[0] * shape[1]
            columns = [np.bincount(place, part[pixel], minlength=size) for part in weights.T]
            parts.append(np.stack(columns, axis=-1).reshape(len(some), *shape, 4))
        return np.concatenate(parts)

    def _pruned(self) -> NoisyPosterior:
        kept = np.flatnonzero(self.log_joint > self.log_joint.max() - GIVEN_UP)
        return replace(self, candidates=self.candidates[kept], seen=self.seen[kept])
