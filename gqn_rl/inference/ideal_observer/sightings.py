"""Sightings: what views have shown of each candidate's cubes, if it were the object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gqn_rl.geometry.viewpoint import FIELD_OF_VIEW, Viewpoints
from gqn_rl.inference.ideal_observer.candidates import FACES, Candidates
from gqn_rl.inference.ideal_observer.colours import Explanation, explain
from gqn_rl.inference.ideal_observer.palette import BLACK, Palette
from gqn_rl.inference.ideal_observer.ray_casting import segment, shared_rays

OUTLIER = 1e-4
"""Probability that a pixel is any colour at all: what the two renderers may differ in."""
MISMATCH = float(np.log(OUTLIER) - np.log(256.0**3))
"""Log-likelihood of a pixel that a candidate does not explain, nats."""
View: TypeAlias = tuple[NDArray[np.uint8], Viewpoints]
"""An image, uint8 (H, W, 3), and the one pose from which it was seen."""
CHUNK = 1024
"""Candidates compared at once, to bound memory."""


@dataclass(frozen=True, eq=False)
class Sightings:
    """Pixels of V views, sorted by what each of C candidates has there.

    Attributes:
        palette: the colours.
        counts: int32 (C, P, 6, L), pixels by cube, face and label.
        unexplained: int64 (C,), pixels with a colour where the candidate has nothing.
        num_pixels: in all views together.
        field_of_view: of the views, in radians.
    """

    palette: Palette
    counts: NDArray[np.int32]
    unexplained: NDArray[np.int64]
    num_pixels: int
    field_of_view: float = FIELD_OF_VIEW

    @staticmethod
    def none(candidates: Candidates, field_of_view: float = FIELD_OF_VIEW) -> Sightings:
        """Before the first view."""
        count, num_cubes = candidates.cubes.shape[:2]
        palette = Palette.empty()
        counts = np.zeros((count, num_cubes, len(FACES), len(palette)), np.int32)
        return Sightings(palette, counts, np.zeros(count, np.int64), 0, field_of_view)

    def __getitem__(self, index: NDArray) -> Sightings:
        """Those of some of the candidates."""
        return replace(self, counts=self.counts[index], unexplained=self.unexplained[index])

    def with_view(
        self,
        candidates: Candidates,
        image: NDArray[np.uint8],
        viewpoint: Viewpoints,
        pixels: NDArray[np.int64] | slice = slice(None),
    ) -> Sightings:
        """These and those of one more view.

        Args:
            image: uint8 (H, W, 3).
            viewpoint: one pose.
            pixels: which of the H * W pixels count.
        """
        palette, labels = self.palette.read(image)
        labels = labels[pixels]
        rays = shared_rays(candidates, viewpoint, len(image), pixels, self.field_of_view)
        cube, face = segment(candidates, rays)
        there, pixel = np.nonzero(cube >= 0)
        shape = (*self.counts.shape[:3], len(palette))
        place = (there, cube[there, pixel], face[there, pixel], labels[pixel])
        counts = np.bincount(np.ravel_multi_index(place, shape), minlength=int(np.prod(shape)))
        longer: NDArray[np.int32] = counts.reshape(shape).astype(np.int32)
        longer[..., : self.counts.shape[3]] += self.counts
        missed = np.count_nonzero((cube < 0) & (labels != BLACK), axis=1)
        return replace(
            self,
            palette=palette,
            counts=longer,
            unexplained=self.unexplained + missed,
            num_pixels=self.num_pixels + len(labels),
        )

    def explain(self, candidates: Candidates) -> Explanation:
        """The colours of the cubes that explain most."""
        shades = candidates.shades()
        if (shades == shades[:1]).all():
            shades = shades[:1]
        return explain(self.counts, shades, self.palette)

    def mismatches(self, explanation: Explanation) -> NDArray[np.int64]:
        """Pixels that each candidate does not explain, int64 (C,)."""
        shown = self.counts.sum(axis=(1, 2, 3), dtype=np.int64)
        return self.unexplained + shown - explanation.matched.sum(axis=1)


def mismatches_of(
    candidates: Candidates, views: tuple[View, ...], pixels: Sequence[NDArray[np.int64]]
) -> NDArray[np.int64]:
    """At how many of some pixels of each view candidates do not explain them, int64 (C,)."""
    parts = [np.zeros(0, np.int64)]
    for start in range(0, len(candidates), CHUNK):
        part = candidates[start : start + CHUNK]
        sightings = Sightings.none(part)
        for (image, viewpoint), counted in zip(views, pixels, strict=True):
            sightings = sightings.with_view(part, image, viewpoint, counted)
        parts.append(sightings.mismatches(sightings.explain(part)))
    return np.concatenate(parts)
