"""Ray casting of many candidates: silhouettes at chosen pixels, and whole segmented views."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from gqn_rl.geometry.rays import pixel_directions
from gqn_rl.geometry.rotations import yaw_matrices
from gqn_rl.geometry.viewpoint import FIELD_OF_VIEW, Viewpoints
from gqn_rl.inference.ideal_observer.candidates import ORIGIN, Candidates
from gqn_rl.rendering.raycast import BEYOND, HALF_EDGE, nearest_cube

SLAB_TESTS_PER_CHUNK = 1 << 18
"""Cubes times rays tested at once: the intermediates then stay in a processor's cache."""
POSITION_DIGITS = 6
"""Positions that agree to a millionth of a cube edge are one."""
BITS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1).astype(np.uint8)
"""Ones in each byte."""


@lru_cache(maxsize=8)
def _camera_directions(image_size: int, field_of_view: float) -> NDArray[np.float32]:
    return pixel_directions(image_size, field_of_view).T.contiguous().numpy()


@dataclass(frozen=True)
class Rays:
    """The rays of one view in the frames of N grids, or of one that all share.

    Attributes:
        origin: float32 (N, 3).
        directions: float32 (N, 3, R), or (1, 3, R) for grids that are all turned alike.
    """

    origin: NDArray[np.float32]
    directions: NDArray[np.float32]

    @staticmethod
    def of(
        viewpoint: Viewpoints,
        image_size: int,
        yaw: NDArray[np.float64],
        pixels: NDArray[np.integer] | slice = slice(None),
        position: NDArray[np.float64] = ORIGIN,
        field_of_view: float = FIELD_OF_VIEW,
    ) -> Rays:
        """Rays through pixels of a view, row by row.

        Args:
            viewpoint: one pose.
            yaw: (N,) of the grids; grids that are all turned alike need one row only.
            pixels: which of the H * W pixels.
            position: (N, 3) of the grids, or (3,) where they share it.
            field_of_view: in radians.
        """
        to_grid = yaw_matrices(yaw).transpose(0, 2, 1)
        origin = (to_grid @ (viewpoint.position[0] - position)[..., None])[..., 0]
        origin = origin.astype(np.float32)
        axes = (to_grid @ viewpoint.axes()[0].T).astype(np.float32)  # (N, 3, 3)
        camera = _camera_directions(image_size, field_of_view)[:, pixels]
        # Added up one axis after the other, as the renderer does: the same edges to the bit.
        directions = axes[:, :, 0, None] * camera[0]
        directions += axes[:, :, 1, None] * camera[1]
        directions += axes[:, :, 2, None] * camera[2]
        return Rays(origin, directions)

    def __getitem__(self, rows: slice) -> Rays:
        """The rays of some of the grids; of the shared one, whichever are asked for."""
        shared = len(self.directions) == 1
        directions = self.directions if shared else self.directions[rows]
        return Rays(self.origin if len(self.origin) == 1 else self.origin[rows], directions)


class SilhouetteTable:
    """Which rays hit which candidates, for grids that are all turned alike.

    Candidates share their cubes' positions (9,449 of them make up the 48,335 cubes of all sets of
    seven), so that rays are tested against positions and hits are looked up: one bit a ray.

    Args:
        cubes: (C, P, 3), see `Candidates.cubes`.
    """

    def __init__(self, cubes: NDArray[np.float64]) -> None:
        flat = np.round(cubes.reshape(-1, 3), POSITION_DIGITS)
        positions, index = np.unique(flat, axis=0, return_inverse=True)
        self._positions = positions.astype(np.float32)
        self._index = index.reshape(cubes.shape[:2])

    def mismatches(self, rays: Rays, silhouette: NDArray[np.bool_]) -> NDArray[np.int64]:
        """At how many of R pixels each candidate is there and the object is not, or the reverse.

        Args:
            rays: of one grid.
            silhouette: bool (R,), where the view shows the object.

        Returns:
            int64 (C,).
        """
        hits = self._hits(rays)
        covered = np.bitwise_or.reduce(hits[self._index], axis=1)
        return BITS[covered ^ np.packbits(silhouette)].sum(axis=1, dtype=np.int64)

    def _hits(self, rays: Rays) -> NDArray[np.uint8]:
        """Which rays hit a cube at each position, one bit a ray."""
        directions = rays.directions[0]
        inverse = 1.0 / np.where(directions == 0, np.float32(1e-12), directions)  # (3, R)
        reach = HALF_EDGE * np.abs(inverse)
        relative = self._positions - rays.origin[0]
        chunk = max(1, SLAB_TESTS_PER_CHUNK // max(1, inverse.shape[1]))
        parts = []
        for start in range(0, len(relative), chunk):
            centre = relative[start : start + chunk, 0, None] * inverse[0]
            enter, leave = centre - reach[0], centre + reach[0]
            for axis in (1, 2):
                centre = relative[start : start + chunk, axis, None] * inverse[axis]
                np.maximum(enter, centre - reach[axis], out=enter)
                np.minimum(leave, centre + reach[axis], out=leave)
            parts.append(np.packbits((enter < leave) & (enter > 0), axis=1))
        return np.concatenate(parts)


def segment(candidates: Candidates, rays: Rays) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """What each candidate shows along each ray.

    Args:
        rays: of each candidate's grid, or of the one that all share.

    Returns:
        cube: int8 (C, R), -1 for the background; face: int8 (C, R), into `candidates.FACES`, 0
        where there is none.
    """
    count, num_cubes = candidates.cubes.shape[:2]
    num_rays = rays.directions.shape[2]
    cube = np.empty((count, num_rays), np.int8)
    face = np.empty((count, num_rays), np.int8)
    mask = torch.ones((1, num_cubes), dtype=torch.bool)
    chunk = max(1, SLAB_TESTS_PER_CHUNK // max(1, num_cubes * num_rays))
    for start in range(0, count, chunk):
        rows = slice(start, start + chunk)
        part = rays[rows]
        cubes = torch.from_numpy(candidates.cubes[rows].astype(np.float32))
        origin, directions = torch.from_numpy(part.origin), torch.from_numpy(part.directions)
        distance, index, axis = nearest_cube(origin, directions, cubes, mask)
        along = directions.expand(len(cubes), -1, -1).gather(1, axis[:, None])[:, 0]
        hit = distance < BEYOND / 2
        cube[rows] = torch.where(hit, index, -1).numpy()
        face[rows] = ((2 * axis + (along < 0)) * hit).numpy()
    return cube, face


def shared_rays(
    candidates: Candidates,
    viewpoint: Viewpoints,
    image_size: int,
    pixels: NDArray[np.integer] | slice = slice(None),
    field_of_view: float = FIELD_OF_VIEW,
) -> Rays:
    """Rays in the candidates' frames; of one frame where all of them share it. See `Rays.of`."""
    yaw, position = candidates.yaw, candidates.position
    yaw = yaw[:1] if (yaw == yaw[:1]).all() else yaw
    position = position[:1] if (position == position[:1]).all() else position
    return Rays.of(viewpoint, image_size, yaw, pixels, position, field_of_view)
