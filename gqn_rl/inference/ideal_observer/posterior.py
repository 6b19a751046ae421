"""The posterior over candidates, and what follows from it: shapes, views not yet seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from gqn_rl.errors import UserError, unknown_name
from gqn_rl.geometry.viewpoint import FIELD_OF_VIEW, Viewpoints
from gqn_rl.inference.ideal_observer.candidates import Candidates
from gqn_rl.inference.ideal_observer.colours import Explanation
from gqn_rl.inference.ideal_observer.information import Subject, appearances, expected_information
from gqn_rl.inference.ideal_observer.predictive import draw
from gqn_rl.inference.ideal_observer.ray_casting import POSITION_DIGITS
from gqn_rl.inference.ideal_observer.search.pruning import (
    FEW,
    MOST_UNEXPLAINED,
    SLACK,
    best_candidates,
)
from gqn_rl.inference.ideal_observer.sightings import MISMATCH, Sightings, View
from gqn_rl.inference.ideal_observer.views import checked_viewpoints, checked_views
from gqn_rl.scenes.scene import sample_colours
from gqn_rl.scenes.shape_catalogue import shape_catalogue

NEGLIGIBLE = 1e-7
"""Candidates less probable than this are left out of predictions."""
ABOUT = ("scene", "cubes", "shape", "view")


@dataclass(frozen=True, eq=False)
class Posterior:
    """What is known after some views.

    >>> from gqn_rl.data.synthetic import SceneDistribution, render_views
    >>> from gqn_rl.rendering import make_renderer
    >>> rng = np.random.default_rng(0)
    >>> scenes = SceneDistribution(num_cubes=5, shapes="all").sample(rng, 1)
    >>> views = render_views(make_renderer("raycast"), scenes, 2, rng)
    >>> images, poses = views.images[0], views.viewpoints[0]
    >>> from gqn_rl.inference.ideal_observer import IdealObserver
    >>> posterior = IdealObserver(num_cubes=5).observe(images[:1], poses[:1])
    >>> then = posterior.update(images[1:], poses[1:])
    >>> posterior.mean(poses[1:]).shape, posterior.entropy >= then.entropy
    ((1, 3, 64, 64), True)

    Attributes:
        candidates: those that are left, C of them.
        sightings: what has been seen of each.
        explanation: the colours of their cubes.
        image_size: height and width of the views in pixels.
        search_again: what moves candidates a little for them to explain one view more, where they
            have a position of their own; None where they have none.
        views: that have been seen, if they are searched again.
        field_of_view: of the views, in radians.
    """

    candidates: Candidates
    sightings: Sightings
    explanation: Explanation
    image_size: int
    search_again: Callable[[Candidates, tuple[View, ...]], Candidates] | None = None
    views: tuple[View, ...] = ()
    field_of_view: float = FIELD_OF_VIEW

    @staticmethod
    def of(
        candidates: Candidates,
        image_size: int,
        search_again: Callable[[Candidates, tuple[View, ...]], Candidates] | None = None,
        field_of_view: float = FIELD_OF_VIEW,
    ) -> Posterior:
        """Before the first view: the prior."""
        sightings = Sightings.none(candidates, field_of_view)
        explanation = sightings.explain(candidates)
        found = Posterior(candidates, sightings, explanation, image_size, search_again)
        return replace(found, field_of_view=field_of_view)

    def __len__(self) -> int:
        return len(self.candidates)

    def __getitem__(self, index: NDArray) -> Posterior:
        """Over some of the candidates only."""
        explanation, sightings = self.explanation, self.sightings[index]
        kept = Explanation(
            explanation.matched[index], explanation.low[index], explanation.high[index]
        )
        return replace(
            self, candidates=self.candidates[index], sightings=sightings, explanation=kept
        )

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
        candidates, sightings, views = self.candidates, self.sightings, self.views
        new: tuple[View, ...] = ((image, viewpoint),)
        if self.search_again is not None:
            views = (*views, *new)
            if len(views) > 1:
                candidates, new = self.search_again(candidates, views), views
                sightings = Sightings.none(candidates, self.field_of_view)
        for seen in new:
            sightings = sightings.with_view(candidates, *seen)
        found = replace(
            self,
            candidates=candidates,
            sightings=sightings,
            explanation=sightings.explain(candidates),
            views=views,
        )
        most = None if found.is_explained else FEW
        return found[best_candidates(found.mismatches, SLACK, most)]

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
        return max(0.0, float(-(p * np.log2(p)).sum()))

    @property
    def is_explained(self) -> bool:
        """Whether some candidate explains the views, but for a pixel in 500.

        False for views of something else: two objects, another number of cubes, noise. All numbers
        stay finite then, and say which candidate comes closest.
        """
        return bool(self.mismatches.min() <= MOST_UNEXPLAINED * self.sightings.num_pixels)

    def shapes(self) -> NDArray[np.float64]:
        """Probability of each shape of the catalogue, float64 (S,)."""
        return self.shares(shape_catalogue(self.candidates.cubes.shape[1]).num_shapes)

    def shares(self, count: int) -> NDArray[np.float64]:
        """Probability of each of the first `count` numbers of shapes, float64 (count,)."""
        found = np.bincount(self.candidates.shape, self.probability, minlength=count)
        return np.asarray(found, dtype=np.float64)

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
        bases, size = kept.explanation.bases(), self.image_size
        mean = np.zeros((len(poses), 3, size, size))
        for row, weight in enumerate(kept.probability):
            one = np.array([row])
            lens = size, self.field_of_view
            mean += weight * draw(kept.candidates[one], bases[one], poses, *lens)[0]
        return mean.astype(np.float32)

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
        lens = self.image_size, self.field_of_view
        return np.floor(draw(drawn.candidates, bases, poses, *lens))

    def expected_information(
        self,
        viewpoints: Viewpoints | NDArray[np.floating],
        about: str = "scene",
        query: Viewpoints | NDArray[np.floating] | None = None,
    ) -> NDArray[np.float64]:
        """What a view from each of N poses is expected to tell, float64 (N,), bits.

        The expected reduction of the entropy of what is asked about, see `information`.

        Args:
            about: "scene" for the cubes and all their colours, "cubes" for where they are in
                their grid, "shape" for the shape, "view" for the view from `query`.
            query: one pose, for about="view".

        Raises:
            UserError: for something else to ask about, or no query where one is needed.
        """
        poses = checked_viewpoints(viewpoints)
        kept = self[np.flatnonzero(self.probability > NEGLIGIBLE)]
        return expected_information(
            kept.candidates,
            kept.explanation,
            kept.probability,
            kept._subject(about, query),
            poses,
            self.image_size,
            self.field_of_view,
        )

    def _subject(self, about: str, query: Viewpoints | NDArray[np.floating] | None) -> Subject:
        sets = np.round(self.candidates.cubes, POSITION_DIGITS).reshape(len(self), -1)
        cubes = np.unique(sets, axis=0, return_inverse=True)[1].reshape(-1)
        none = np.zeros_like(self.explanation.is_known)
        if about == "scene":
            return Subject(cubes, ~none)
        if about == "cubes":
            return Subject(cubes, none)
        if about == "shape":
            return Subject(self.candidates.shape, none)
        if about != "view":
            raise unknown_name("subject", about, ABOUT)
        if query is None:
            raise UserError('about="view" needs the query view')
        pose = checked_viewpoints(query)
        if len(pose) != 1:
            raise UserError(f"query has {len(pose)} poses, expected 1")
        lens = self.image_size, self.field_of_view
        return Subject(*appearances(self.candidates, self.explanation, pose, *lens))
