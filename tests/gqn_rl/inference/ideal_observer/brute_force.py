"""The posterior by its definition: every candidate drawn in full, every colour tried."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import permutations

import numpy as np

from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.inference.ideal_observer.candidates import Candidates
from gqn_rl.inference.ideal_observer.colours import TOLERANCE
from gqn_rl.inference.ideal_observer.sightings import OUTLIER
from gqn_rl.rendering.raycast import RaycastRenderer
from gqn_rl.scenes.scene import SceneBatch

LIGHT = np.array([0.42, 0.27, 0.87]) / np.linalg.norm([0.42, 0.27, 0.87])
SHADES = 0.6 + 0.35 * np.array([0.0, *LIGHT])
"""Brightness of the faces turned away from the light, and of those towards +x, +y and +z."""
ANYTHING = OUTLIER / 256.0**3
"""Probability of each colour of a pixel that is an outlier."""


def every_base() -> tuple[np.ndarray, np.ndarray]:
    """The bases that cubes can have, (K, 3), and about how likely each is, (K,)."""
    rows, weights = [], []
    for smallest in range(64):
        middle = np.arange(smallest, 255)
        base = np.stack([np.full_like(middle, 255), middle, np.full_like(middle, smallest)], 1)
        for order in permutations(range(3)):
            rows.append(base[:, order])
            weights.append(np.full(len(base), 1 / (6 * 64 * len(base))))
    return np.concatenate(rows), np.concatenate(weights)


Fits = Callable[[int, int, int, int], np.ndarray]
"""Which bases (K,) show a colour (red, green, blue) on a face of some brightness (0 to 255)."""


def fits_among(bases: np.ndarray) -> Fits:
    @cache
    def fits(level: int, red: int, green: int, blue: int) -> np.ndarray:
        shade = SHADES[np.abs(SHADES * 255 - level).argmin()]
        shown = np.floor(bases * shade)
        return (np.abs(shown - (red, green, blue)) <= TOLERANCE).all(axis=1)

    return fits


def posterior_by_brute_force(
    candidates: Candidates, images: np.ndarray, viewpoints: np.ndarray, field_of_view: float = 45.0
) -> np.ndarray:
    """Probability of every candidate in grid orientation, float64 (C,).

    Args:
        images: uint8 (M, H, W, 3); viewpoints: (M, 7).
    """
    count, num_cubes = candidates.cubes.shape[:2]
    scenes = SceneBatch(
        candidates.cubes.copy(),
        np.ones((count, num_cubes), bool),
        np.tile(np.eye(3), (count, 1, 1)),
        np.ones((count, num_cubes, 3), np.float32),  # white: the picture is the brightness
    )
    renderer = RaycastRenderer(images.shape[1], field_of_view=field_of_view)
    shade, cube = [], []
    for pose in viewpoints:
        poses = Viewpoints.decode(np.tile(pose, (count, 1)))
        drawn, index = renderer.render_with_segmentation(scenes, poses)
        shade.append(drawn[..., 0].reshape(count, -1) / 255.0)
        cube.append(index.reshape(count, -1))
    shades, cubes = np.concatenate(shade, 1), np.concatenate(cube, 1)
    seen = images.reshape(-1, 3).astype(int)
    bases, weights = every_base()
    fits = fits_among(bases)
    joint = [
        _log_likelihood(shades[row], cubes[row], num_cubes, seen, fits, weights)
        for row in range(count)
    ]
    joint = np.array(joint) + candidates.log_prior
    probability = np.exp(joint - joint.max())
    return probability / probability.sum()


def _log_likelihood(
    shade: np.ndarray,
    cube: np.ndarray,
    num_cubes: int,
    seen: np.ndarray,
    fits: Fits,
    weights: np.ndarray,
) -> float:
    black = (seen[cube < 0] == 0).all(axis=1)
    total = float(np.where(black, np.log1p(-OUTLIER), np.log(ANYTHING)).sum())
    for number in range(num_cubes):
        mine = cube == number
        rows = np.column_stack([np.round(shade[mine] * 255), seen[mine]]).astype(int)
        kinds, pixels = np.unique(rows, axis=0, return_counts=True)
        each = np.zeros(len(weights))
        for kind, times in zip(kinds.tolist(), pixels, strict=True):
            each += times * np.where(fits(*kind), np.log1p(-OUTLIER), np.log(ANYTHING))
        best = each.max()
        total += float(best + np.log(weights @ np.exp(each - best)))
    return total
