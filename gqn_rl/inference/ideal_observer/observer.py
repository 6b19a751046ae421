"""The observer: everything that the growth rule can make, tested against views."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gqn_rl.errors import UserError, unknown_name
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.inference.ideal_observer.candidates import (
    Candidates,
    given_candidates,
    grid_candidates,
    with_shape_prior,
)
from gqn_rl.inference.ideal_observer.posterior import Posterior
from gqn_rl.inference.ideal_observer.ray_casting import Rays, SilhouetteTable
from gqn_rl.inference.ideal_observer.search.pixels import (
    contour_pixels,
    silhouette_of,
    spread_pixels,
)
from gqn_rl.inference.ideal_observer.search.position_search import search_again, search_position
from gqn_rl.inference.ideal_observer.search.pruning import FEW, SLACK, best_candidates
from gqn_rl.inference.ideal_observer.search.yaw_search import search_yaw
from gqn_rl.inference.ideal_observer.views import checked_views
from gqn_rl.rendering.base import WIDEST, radians_of
from gqn_rl.scenes.scene import POSITIONS
from gqn_rl.scenes.shepard_metzler import check_num_cubes

ORIENTATIONS = ("grid", "free")
COARSE_PIXELS = 256


class IdealObserver:
    """Knows how scenes are made and drawn, and what views of one leave open.

    >>> from gqn_rl.data.synthetic import SceneDistribution, render_views
    >>> from gqn_rl.rendering import make_renderer
    >>> rng = np.random.default_rng(0)
    >>> scenes = SceneDistribution(num_cubes=5, shapes="all").sample(rng, 1)
    >>> views = render_views(make_renderer("raycast"), scenes, 2, rng)
    >>> images, poses = views.images[0], views.viewpoints[0]
    >>> posterior = IdealObserver(num_cubes=5).observe(images[:1], poses[:1])
    >>> posterior.is_explained, round(float(posterior.shapes().max()), 3)
    (True, 1.0)

    Args:
        num_cubes: P, cubes per object.
        orientation: "grid" or "free", see `gqn_rl.geometry.rotations.sample_orientations`.
        shape_prior: (S,), probability of each shape of the catalogue; None for that of the growth
            rule.
        position: "centred", or "random" for objects that stand anywhere, in grid orientation, see
            `gqn_rl.scenes.scene.sample_positions`.
        field_of_view: of the views, in degrees; less than 45 for centred objects in grid
            orientation.
        shapes: int (S, P, 3), cubes of the only shapes there are, all alike likely, of any number
            of cubes; a candidate's `shape` is then its number among these. Not beside
            `shape_prior`.

    Raises:
        UserError: for other values than these.
    """

    def __init__(
        self,
        num_cubes: int = 7,
        orientation: str = "grid",
        shape_prior: NDArray[np.float64] | None = None,
        position: str = "centred",
        field_of_view: float = WIDEST,
        shapes: NDArray[np.integer] | None = None,
    ) -> None:
        check_num_cubes(num_cubes)
        if orientation not in ORIENTATIONS:
            raise unknown_name("orientation", orientation, ORIENTATIONS)
        if position not in POSITIONS:
            raise unknown_name("position", position, POSITIONS)
        if position != POSITIONS[0] and orientation != "grid":
            raise UserError(f'orientation is "{orientation}", expected "grid" for any position')
        self.field_of_view = radians_of(field_of_view)
        if field_of_view != WIDEST and (orientation, position) != (ORIENTATIONS[0], POSITIONS[0]):
            raise UserError(
                f"field_of_view is {field_of_view!r}, expected {WIDEST:g} unless orientation is "
                f'"{ORIENTATIONS[0]}" and position "{POSITIONS[0]}"'
            )
        self.orientation = orientation
        self.position = position
        self.candidates: Candidates = _candidates(num_cubes, shape_prior, shapes)
        """All that there are, in grid orientation."""

    def prepare(self) -> None:
        """Build what all scenes share, a tenth of a second for seven cubes; done when needed."""
        _ = self._silhouettes

    def observe(
        self, images: NDArray[np.uint8], viewpoints: Viewpoints | NDArray[np.floating]
    ) -> Posterior:
        """The posterior after M views.

        Args:
            images: uint8 (M, H, H, 3), M at least 1.
            viewpoints: M poses, or their encodings (M, 7).

        Raises:
            UserError: for anything else.
        """
        images, poses = checked_views(images, viewpoints)
        left = self._coarse(images[0], poses[:1])
        again = None if self.position == POSITIONS[0] else search_again
        prior = Posterior.of(left, images.shape[1], again, self.field_of_view)
        return prior.update(images, poses)

    def _coarse(self, image: NDArray[np.uint8], viewpoint: Viewpoints) -> Candidates:
        """The candidates that the first view does not rule out at a closer look at the contour."""
        if self.position != POSITIONS[0]:
            return search_position(self.candidates, image, viewpoint)
        if self.orientation == "free":
            return search_yaw(self.candidates, self._silhouettes, image, viewpoint)
        silhouette = silhouette_of(image)
        has_contour = 0 < silhouette.sum() < silhouette.size  # a narrow camera may see none
        pixels = (contour_pixels if has_contour else spread_pixels)(silhouette, COARSE_PIXELS)
        angle = self.field_of_view
        rays = Rays.of(viewpoint, len(image), np.zeros(1), pixels, field_of_view=angle)
        differing = self._silhouettes.mismatches(rays, silhouette.ravel()[pixels])
        most = None if differing.min() <= SLACK else FEW
        return self.candidates[best_candidates(differing, SLACK, most)]

    @cached_property
    def _silhouettes(self) -> SilhouetteTable:
        return SilhouetteTable(self.candidates.cubes)


def _candidates(
    num_cubes: int,
    shape_prior: NDArray[np.float64] | None,
    shapes: NDArray[np.integer] | None,
) -> Candidates:
    """All that there are; see `IdealObserver`."""
    if shapes is None:
        candidates = grid_candidates(num_cubes)
        return candidates if shape_prior is None else with_shape_prior(candidates, shape_prior)
    received = np.shape(shapes)
    if shape_prior is not None or len(received) != 3 or received[1:] != (num_cubes, 3):
        raise UserError(
            f"shapes has shape {received}, expected (S, {num_cubes}, 3) and no shape_prior"
        )
    return given_candidates(np.asarray(shapes))
