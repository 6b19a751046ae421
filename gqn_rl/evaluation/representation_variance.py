"""Variance of a representation between scenes, and between views of one scene."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gqn_rl.data.synthetic import SceneDistribution, SceneViews, render_views
from gqn_rl.probes.features import SCENES_PER_CHUNK, Features
from gqn_rl.rendering import Renderer


@dataclass(frozen=True)
class VarianceComponents:
    """Components of a one-way analysis of variance (Fisher 1925), the mean over features.

    Every feature is scaled to unit variance over everything, so `within + across` is about 1.

    Attributes:
        within: variance between sets of views of one scene.
        across: variance between scenes, without what the choice of views adds to it.
    """

    within: float
    across: float

    @property
    def ratio(self) -> float:
        """0 where features say nothing about the scene, 1 where scene and views matter equally."""
        return self.across / max(self.within, 1e-12)

    def to_dict(self) -> dict[str, float]:
        return {"within": self.within, "across": self.across, "ratio": self.ratio}


def variance_components(features: NDArray[np.floating]) -> VarianceComponents:
    """Of features (scenes, sets, F); two scenes and two sets at least. Constants do not count."""
    r = features.astype(np.float64)
    spread = r.std(axis=(0, 1))
    r = r[..., spread > 0] / spread[spread > 0]
    if not r.shape[-1]:
        return VarianceComponents(0.0, 0.0)
    within = float(r.var(axis=1, ddof=1).mean())
    across = float(r.mean(axis=1).var(axis=0, ddof=1).mean()) - within / r.shape[1]
    return VarianceComponents(within, max(0.0, across))


def variance_by_views(
    encode: Features,
    renderer: Renderer,
    distribution: SceneDistribution,
    counts: Sequence[int],
    *,
    num_scenes: int,
    num_sets: int,
    rng: np.random.Generator,
    on_scenes: Callable[[int], object] | None = None,
) -> dict[int, VarianceComponents]:
    """Components by number of views; each scene is seen by `num_sets` independent sets of views.

    A larger set begins with the views of the smaller one.

    Args:
        on_scenes: called with the number of sets encoded, `len(counts) * num_scenes * num_sets`
            in all.
    """
    scenes = distribution.sample(rng, num_scenes).repeat(num_sets)
    views = render_views(renderer, scenes, max(counts), rng)
    found = {}
    for count in counts:
        parts = []
        for start in range(0, len(views), SCENES_PER_CHUNK):
            rows = slice(start, start + SCENES_PER_CHUNK)
            part = SceneViews(views.images[rows, :count], views.viewpoints[rows, :count])
            parts.append(encode(part))
            if on_scenes is not None:
                on_scenes(len(part))
        features = np.concatenate(parts)
        found[count] = variance_components(features.reshape(num_scenes, num_sets, -1))
    return found
