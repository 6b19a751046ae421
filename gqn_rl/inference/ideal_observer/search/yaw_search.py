"""The search over yaw: which candidates explain a view, on a grid turned by which angles.

From coarse to fine. Sets of cubes that make the wrong silhouette at every coarse yaw go first. What
is left is turned in ever smaller steps; a step may leave pixels along edges unexplained in
proportion to its size, and what leaves more than those goes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.inference.ideal_observer.candidates import Candidates
from gqn_rl.inference.ideal_observer.ray_casting import Rays, SilhouetteTable
from gqn_rl.inference.ideal_observer.search.pixels import clear_pixels, object_pixels, silhouette_of
from gqn_rl.inference.ideal_observer.search.pruning import FEW, SLACK, best_candidates
from gqn_rl.inference.ideal_observer.sightings import mismatches_of

QUARTER = np.pi / 2
"""A quarter turn of a set of cubes is another candidate."""
COARSE_YAWS = 30
"""Three degrees apart: half of that moves the contour by less than a pixel of 64."""
COARSE_PIXELS = 128
"""Pixels tested at the coarse yaws."""
REFINEMENT = 3
"""Each yaw is split into so many; odd, so that it stays among them."""
LEVELS = 5
"""Of refinement, down to 0.012 degrees: half of it moves no point by a hundredth of a pixel."""
FLIPS = 1.0
"""Share of the pixels that may change for each radian by which a candidate is turned."""
MOST_WORK = 1 << 19
"""Candidates times pixels of each level, above which only the best are kept. At 64 pixels those are
600, where a few dozen are usual; small views leave more open, and more are kept."""
FEWEST_PIXELS = 128
"""Counted for views of less, so that candidates are never more than 4,096."""


def search_yaw(
    candidates: Candidates,
    table: SilhouetteTable,
    image: NDArray[np.uint8],
    viewpoint: Viewpoints,
) -> Candidates:
    """Candidates at the yaws at which they explain a view.

    Args:
        candidates: all that there are, in grid orientation.
        table: of their cubes.
        image: uint8 (H, W, 3), from one pose.

    Returns:
        The candidates once for each yaw that is left. All yaws are steps of the same size, so that
        the prior of each, uniform over yaw, is in proportion to the one given.
    """
    step, pixels = QUARTER / COARSE_YAWS, object_pixels(silhouette_of(image))
    differing, yaws = _coarse(candidates, table, image, viewpoint)
    # Where nothing explains the view there is nothing to be exact about.
    may_fit = len(pixels) > 0 and differing.min() <= SLACK
    most = MOST_WORK // max(FEWEST_PIXELS, len(pixels)) if may_fit else FEW
    turn, row = np.divmod(best_candidates(differing.ravel(), SLACK, most), len(candidates))
    found = candidates[row].turned(yaws[turn], candidates.log_prior[row])
    for _ in range(LEVELS):
        step /= REFINEMENT
        shift = step * (np.arange(REFINEMENT) - REFINEMENT // 2)
        rows = np.repeat(np.arange(len(found)), REFINEMENT)
        finer = found[rows]
        finer = finer.turned(finer.yaw + np.tile(shift, len(found)), finer.log_prior)
        mismatches = mismatches_of(finer, ((image, viewpoint),), [pixels])
        allowed = SLACK + FLIPS * image.shape[0] * image.shape[1] * step / 2
        found = finer[best_candidates(mismatches, allowed, most)]
    return found


def _coarse(
    candidates: Candidates,
    table: SilhouetteTable,
    image: NDArray[np.uint8],
    viewpoint: Viewpoints,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """At how many pixels silhouettes do not fit, (Y, C), at Y coarse yaws; the yaws, (Y,)."""
    silhouette = silhouette_of(image)
    pixels = clear_pixels(silhouette, COARSE_PIXELS)
    yaws = (np.arange(COARSE_YAWS) + 0.5) * QUARTER / COARSE_YAWS
    seen = silhouette.ravel()[pixels]
    differing = np.stack(
        [table.mismatches(Rays.of(viewpoint, len(image), yaw[None], pixels), seen) for yaw in yaws]
    )
    return differing, yaws
