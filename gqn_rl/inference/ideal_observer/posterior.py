"""The posterior over candidates, and what follows from it: shapes, views not yet seen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from gqn_rl.errors import UserError, unknown_name
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.inference.ideal_observer.candidates import Candidates
from gqn_rl.inference.ideal_observer.colours import Explanation
from gqn_rl.inference.ideal_observer.information import expected_information
from gqn_rl.inference.ideal_observer.predictive import draw
from gqn_rl.inference.ideal_observer.sightings import MISMATCH, Sightings
from gqn_rl.inference.ideal_observer.views import checked_views, checked_viewpoints
from gqn_rl.scenes.scene import sample_colours
from gqn_rl.scenes.shape_catalogue import shape_catalogue

SLACK = 6
"""Candidates that leave so many more pixels unexplained than the best are given up: each costs 26
nats, so that what is lost is below e^-150 of the posterior."""
MOST_UNEXPLAINED = 0.002
"""Share of pixels up to which views count as explained; the renderers differ in a ten-thousandth."""
NEGLIGIBLE = 1e-7
"""Candidates less probable than this are left out of predictions."""
ABOUT = ("candidate", "shape")


@dataclass(frozen=True, eq=False)
class Posterior:
    """What is known after some views.

    Attributes:
        candidates: those that are left, C of them.
        sightings: what has been seen of each.
        explanation: the colours of their cubes.
        num_cubes, image_size: P, and height and width of the views in pixels.
    """

    candidates: Candidates
    sightings: Sightings
    explanation: Explanation
    image_size: int

    @staticmethod
    def of(candidates: Candidates, image_size: int) -> Posterior:
        """Before the first view: the prior."""
        sightings = Sightings.none(candidates)
        return Posterior(candidates, sightings, sightings.explain(candidates), image_size)

    def __len__(self) -> int:
        return len(self.candidates)

    def __getitem__(self, index: NDArray) -> Posterior:
        """Over some of the candidates only."""
        explanation, sightings = self.explanation, self.sightings[index]
        kept = Explanation(
            explanation.matched[index], explanation.low[index], explanation.high[index]
        )
        return Posterior(self.candidates[index], sightings, kept, self.image_size)

    def update(
        self, images: NDArray[np.uint8], viewpoints: Viewpoints | NDArray[np.floating]
    ) -> Posterior:
        """The posterior after more views.

        Args:
            images: uint8 (M, H, W, 3).
            viewpoints: M poses, or their encodings (M, 7).

        Raises:
            UserError: for anything else, or views of another size than the ones before.
        """
        images, poses = checked_views(images, viewpoints, self.image_size)
        found = self
        for row in range(len(images)):
            found = found._with_view(images[row], poses[row : row + 1])
        return found

    def _with_view(self, image: NDArray[np.uint8], viewpoint: Viewpoints) -> Posterior:
        sightings = self.sightings.with_view(self.candidates, image, viewpoint)
        explanation = sightings.explain(self.candidates)
        found = Posterior(self.candidates, sightings, explanation, self.image_size)
        kept = found.mismatches <= found.mismatches.min() + SLACK
        return found if kept.all() else found[np.flatnonzero(kept)]

    @cached_property
    def mismatches(self) -> NDArray[np.int64]:
        """Pixels of all views that each candidate does not explain, int64 (C,)."""
        return self.sightings.mismatches(self.explanation)

    @cached_property
    def log_joint(self) -> NDArray[np.float64]:
        """Log of prior times likelihood of each candidate, float64 (C,), nats.

        The likelihood is the prior probability of the colours that the cubes must have to explain
        what is seen, times `sightings.MISMATCH` for each pixel that stays unexplained.
        """
        likelihood = self.explanation.log_mass() + MISMATCH * self.mismatches
        return self.candidates.log_prior + likelihood

    @cached_property
    def probability(self) -> NDArray[np.float64]:
        """Of each candidate, float64 (C,); sums to 1."""
        return np.exp(self.log_joint - logsumexp(self.log_joint))

    @property
    def entropy(self) -> float:
        """Of the candidates, bits."""
        p = self.probability[self.probability > 0]
        return float(-(p * np.log2(p)).sum())

    @property
    def is_explained(self) -> bool:
        """Whether some candidate explains the views, but for a pixel in 500.

        False for views of something else: two objects, another number of cubes, noise. All numbers
        stay finite then, and say which candidate comes closest.
        """
        return bool(self.mismatches.min() <= MOST_UNEXPLAINED * self.sightings.num_pixels)

    def shapes(self) -> NDArray[np.float64]:
        """Probability of each shape of the catalogue, float64 (S,)."""
        count = shape_catalogue(self.candidates.cubes.shape[1]).num_shapes
        return np.bincount(self.candidates.shape, self.probability, minlength=count)

    def handedness(self, shape: int) -> NDArray[np.float64]:
        """Probability that the object is `shape`, and that it is its mirror image, given that it
        is one of the two: float64 (2,); a half each where it is neither, or both are the same."""
        mirror = int(shape_catalogue(self.candidates.cubes.shape[1]).mirror[shape])
        both = self.shapes()[[shape, mirror]]
        return both / both.sum() if both.sum() > 0 else np.full(2, 0.5)

    def mean(self, viewpoints: Viewpoints | NDArray[np.floating]) -> NDArray[np.float32]:
        """The mean of the predictive distribution of views from N poses.

        Cubes whose colour has not been seen have the mean of all colours.

        Returns:
            float32 (N, 3, H, W), 0 to 255.
        """
        poses = checked_viewpoints(viewpoints)
        kept = self[np.flatnonzero(self.probability > NEGLIGIBLE)]
        images = draw(kept.candidates, kept.explanation.bases(), poses, self.image_size)
        return np.einsum("c,cnkhw->nkhw", kept.probability, images).astype(np.float32)

    def sample(
        self,
        viewpoints: Viewpoints | NDArray[np.floating],
        num_samples: int,
        rng: np.random.Generator,
    ) -> NDArray[np.float32]:
        """Views from N poses of objects drawn from the posterior, each the same from all poses.

        Returns:
            float32 (num_samples, N, 3, H, W), whole numbers from 0 to 255.
        """
        poses = checked_viewpoints(viewpoints)
        if num_samples < 1:
            raise UserError(f"num_samples is {num_samples}, expected at least 1")
        drawn = self[rng.choice(len(self), num_samples, p=self.probability)]
        known = drawn.explanation.is_known[..., None]
        fresh = np.floor(255.0 * sample_colours(rng, num_samples, known.shape[1]))
        bases = np.where(known, np.floor(drawn.explanation.bases()), fresh)
        return np.floor(draw(drawn.candidates, bases, poses, self.image_size))

    def expected_information(
        self, viewpoints: Viewpoints | NDArray[np.floating], about: str = "candidate"
    ) -> NDArray[np.float64]:
        """What a view from each of N poses is expected to tell, float64 (N,), bits.

        The expected reduction of the entropy of the candidates (about="candidate") or of the
        shapes (about="shape"), see `information.expected_information`.
        """
        if about not in ABOUT:
            raise unknown_name("about", about, ABOUT)
        kept = self[np.flatnonzero(self.probability > NEGLIGIBLE)]
        subject = kept.candidates.shape if about == "shape" else np.arange(len(kept))
        return expected_information(
            kept.candidates,
            kept.explanation,
            kept.probability,
            subject,
            checked_viewpoints(viewpoints),
            self.image_size,
        )
