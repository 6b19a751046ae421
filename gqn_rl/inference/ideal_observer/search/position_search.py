"""The search over positions: which candidates explain a view, and where they then stand.

From coarse to fine. The rectangle that a silhouette fills says where each set of cubes must stand
to fill it too; sets that cannot go first, and then those that make another silhouette there. What
is left is moved in ever smaller steps, across the view and along it; a step may leave pixels along
edges unexplained in proportion to its size, and what leaves more than those goes.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from gqn_rl.geometry.rays import HALF_TANGENT
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.inference.ideal_observer.candidates import Candidates
from gqn_rl.inference.ideal_observer.ray_casting import segment, shared_rays
from gqn_rl.inference.ideal_observer.search.pixels import (
    USUAL_SIZE,
    clear_pixels,
    object_pixels,
    silhouette_of,
)
from gqn_rl.inference.ideal_observer.search.pruning import SLACK, best_candidates
from gqn_rl.inference.ideal_observer.sightings import View, mismatches_of
from gqn_rl.scenes.scene import room_to_stand

CORNERS = np.array(list(product((-0.5, 0.5), repeat=3)))
"""Of a cube, (8, 3), from its centre."""
FITS = 4
"""Rounds of finding the corners that touch the rectangle, and where these put the set."""
OFF = 1.0
"""Pixels by which a side of the rectangle may be missed, of 64: its sides are known to half."""
COARSE_PIXELS = 256
"""Pixels tested after that."""
ACROSS, ALONG = 0.1, 0.4
"""Cube edges by which the rectangle may be wrong: a pixel, and as much of the size."""
SPLIT = (-1, 0, 1)
LEVELS = 6
"""Of refinement, each a third of the last: down to a thousandth of a pixel."""
FLIPS = 2000.0
"""Pixels of 64 x 64 that may change for each cube edge by which a candidate moves."""
MOST = 96
"""Candidates that are kept at each level."""
LEVELS_AGAIN, FEW_AGAIN = 2, 16
"""Where the search goes on when a further view has come, with the best so many candidates."""
LEAST_ROOM = 1e-6
"""Cube edges; what has less stands in the middle of the view."""


def search_position(
    candidates: Candidates, image: NDArray[np.uint8], viewpoint: Viewpoints
) -> Candidates:
    """Candidates at the positions at which they explain a view.

    Args:
        candidates: all that there are, each at the origin.
        image: uint8 (H, W, 3), from one pose.

    Returns:
        The candidates once for each position that is left, with the prior of standing within the
        smallest step of it, where positions are distributed as `sample_positions` has them.
    """
    found = _coarse(candidates, silhouette_of(image), viewpoint)
    found = _closer(found, ((image, viewpoint),), 0)
    room = room_to_stand(found.cubes)
    cell = np.prod(_steps(len(image), LEVELS))
    share = np.log(cell / (4 / 3 * np.pi * np.maximum(room, LEAST_ROOM) ** 3))
    share = np.where(room > LEAST_ROOM, share, 0.0)
    return found.moved(found.position, found.log_prior + share)


def search_again(candidates: Candidates, views: tuple[View, ...]) -> Candidates:
    """Candidates at positions near theirs that explain all of some views, the first of which is
    the one that the positions were sought for."""
    pixels = [object_pixels(silhouette_of(image)) for image, _ in views]
    best = best_candidates(mismatches_of(candidates, views, pixels), np.inf, FEW_AGAIN)
    return _closer(candidates[best], views, LEVELS_AGAIN)


def _steps(image_size: int, level: int) -> NDArray[np.float64]:
    """Cube edges across, across and along the first view, of a level of refinement, (3,)."""
    scale = max(1.0, USUAL_SIZE / image_size)
    return 2 * scale * np.array([ACROSS, ACROSS, ALONG]) / len(SPLIT) ** level


def _closer(found: Candidates, views: tuple[View, ...], level: int) -> Candidates:
    """The search from the step of a level, which is the range to be searched, to the last."""
    image, viewpoint = views[0]
    basis = _basis(silhouette_of(image), viewpoint)
    pixels = [object_pixels(silhouette_of(image)) for image, _ in views]
    directions = np.array(list(product(SPLIT, repeat=3)))
    for finer in range(level + 1, LEVELS + 1):
        step = _steps(len(image), finer)
        moves = (directions * step) @ basis
        rows = np.repeat(np.arange(len(found)), len(moves))
        moved = found[rows]
        moved = moved.moved(moved.position + np.tile(moves, (len(found), 1)), moved.log_prior)
        free = room_to_stand(moved.cubes) > LEAST_ROOM
        moved = moved[free | (np.abs(moved.position).max(axis=1) == 0)]
        allowed = SLACK + FLIPS * len(views) * len(image) / USUAL_SIZE * step[0] / 2
        found = moved[best_candidates(mismatches_of(moved, views, pixels), allowed, MOST)]
    return found


def _coarse(
    candidates: Candidates, silhouette: NDArray[np.bool_], viewpoint: Viewpoints
) -> Candidates:
    """What may make the silhouette, about where it then stands."""
    if not silhouette.any():
        return candidates[np.argsort(-candidates.log_prior, kind="stable")[:FEW_AGAIN]]
    size, room = len(silhouette), room_to_stand(candidates.cubes)
    position, off = fit_rectangle(candidates.cubes, silhouette, viewpoint)
    off = off * USUAL_SIZE / size
    outside = np.linalg.norm(position, axis=1) - room
    reach = ACROSS + ALONG * max(1.0, USUAL_SIZE / size)
    fits = np.flatnonzero((off <= max(OFF, 1.5 * float(off.min()))) & (outside <= reach))
    if not len(fits):
        fits = np.argsort(off, kind="stable")[:FEW_AGAIN]
    position = np.where(room[fits, None] > LEAST_ROOM, position[fits], 0.0)
    found = candidates[fits].moved(position, candidates.log_prior[fits])
    pixels = clear_pixels(silhouette, COARSE_PIXELS)
    cube, _ = segment(found, shared_rays(found, viewpoint, size, pixels))
    differing = ((cube >= 0) != silhouette.ravel()[pixels]).sum(axis=1)
    kept = best_candidates(differing, SLACK, MOST * len(SPLIT))
    return found[kept]


def fit_rectangle(
    cubes: NDArray[np.float64], silhouette: NDArray[np.bool_], viewpoint: Viewpoints
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where sets of cubes stand if they fill the rectangle around a silhouette.

    A corner that touches a side of the rectangle lies in a plane through the camera: four linear
    equations for three coordinates, if it is known which corners touch.

    Args:
        cubes: (C, P, 3), world coordinates of the cubes from the barycentre.
        silhouette: bool (H, H), true somewhere.
        viewpoint: one pose.

    Returns:
        World coordinates of the barycentres, (C, 3), and by how many pixels the worst side is
        missed, (C,).
    """
    sides = _sides(silhouette)  # left, right, bottom, top; tangents
    axes = viewpoint.axes()[0]
    corners = (cubes[:, :, None] + CORNERS).reshape(len(cubes), -1, 3)
    seen = (corners - viewpoint.position[0]) @ axes.T  # (C, 8 P, 3): right, up, forward
    shift = np.zeros((len(cubes), 3))
    rows = np.arange(len(cubes))
    off = np.zeros((len(cubes), 4))
    for _ in range(FITS):
        place = seen + shift[:, None]
        flat = place[..., :2] / np.maximum(place[..., 2:], 1e-3)
        touching = np.stack([flat.argmin(1), flat.argmax(1)], axis=-1).reshape(-1, 4)
        corner = seen[rows[:, None], touching]  # (C, 4, 3)
        axis = np.array([0, 0, 1, 1])
        normal = np.zeros((4, 3))
        normal[np.arange(4), axis] = 1.0
        normal[:, 2] = -sides
        value = -(corner * normal).sum(-1)  # normal . shift = value
        shift = value @ np.linalg.pinv(normal).T
        depth = np.maximum((corner + shift[:, None])[..., 2], 1e-3)
        off = np.abs(shift @ normal.T - value) / depth
    pixels = off.max(axis=1) * len(silhouette) / (2 * HALF_TANGENT)
    return shift @ axes, pixels


def _sides(silhouette: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Tangents of the rectangle's left, right, bottom and top side, (4,).

    Each lies between the last pixel of the object and the next one, in the middle.
    """
    size = len(silhouette)
    columns, rows = np.flatnonzero(silhouette.any(0)), np.flatnonzero(silhouette.any(1))
    across = np.array([columns[0] - 0.5, columns[-1] + 0.5])
    down = np.array([rows[-1] + 0.5, rows[0] - 0.5])
    # Pixels are sampled where `gqn_rl.geometry.rays.pixel_directions` says.
    return np.concatenate([2 * across / size - 1, 1 - 2 * (down + 1) / size]) * HALF_TANGENT


def _basis(silhouette: NDArray[np.bool_], viewpoint: Viewpoints) -> NDArray[np.float64]:
    """Two directions across the view of the object and one along it, (3, 3), rows, world."""
    axes = viewpoint.axes()[0]
    sides = _sides(silhouette) if silhouette.any() else np.zeros(4)
    along = np.array([sides[:2].mean(), sides[2:].mean(), 1.0]) @ axes
    along /= np.linalg.norm(along)
    right = np.cross(along, axes[1])
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(right, along), along])
