"""Candidates: the objects that a scene may hold, each with how likely it is before any view."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gqn_rl.errors import UserError
from gqn_rl.geometry.rotations import GRID_ROTATIONS, yaw_matrices
from gqn_rl.rendering.base import AMBIENT, DIFFUSE, unit_light
from gqn_rl.scenes.shape_catalogue import shape_catalogue

FACES = np.array(
    [[-1, 0, 0], [1, 0, 0], [0, -1, 0], [0, 1, 0], [0, 0, -1], [0, 0, 1]], dtype=np.float64
)
"""Outward normals (6, 3) of a cube's faces in the frame of its object."""
ORIGIN = np.zeros(3)


@dataclass(frozen=True, eq=False)
class Candidates:
    """C objects, each a set of cubes on a grid that is turned about the vertical axis.

    >>> candidates = grid_candidates(num_cubes=7)
    >>> len(candidates), candidates.cubes.shape, round(float(np.exp(candidates.log_prior).sum()), 6)
    (6905, (6905, 7, 3), 1.0)

    Attributes:
        cubes: float64 (C, P, 3), cube centres in the frame of the grid, in cube edges; their
            barycentre is its origin.
        yaw: float64 (C,), by how much the grid is turned, radians.
        log_prior: float64 (C,), nats.
        shape: int64 (C,), indices into `gqn_rl.scenes.shape_catalogue.shape_catalogue`.
        position: float64 (C, 3), world coordinates of the barycentre; by default the origin, at
            which cameras look.
    """

    cubes: NDArray[np.float64]
    yaw: NDArray[np.float64]
    log_prior: NDArray[np.float64]
    shape: NDArray[np.int64]
    position: NDArray[np.float64] = field(default_factory=lambda: ORIGIN)

    def __post_init__(self) -> None:
        count, num_cubes = self.cubes.shape[:2]
        object.__setattr__(self, "position", np.broadcast_to(self.position, (count, 3)))
        expectations = {"cubes": (count, num_cubes, 3)} | dict.fromkeys(
            ("yaw", "log_prior", "shape"), (count,)
        )
        for name, expected in expectations.items():
            received = getattr(self, name).shape
            if received != expected:
                raise ValueError(f"{name} has shape {received}, expected {expected}")

    def __len__(self) -> int:
        return len(self.cubes)

    def __getitem__(self, index: NDArray | slice) -> Candidates:
        """Select candidates with a slice, a mask or an integer array."""
        return Candidates(
            self.cubes[index],
            self.yaw[index],
            self.log_prior[index],
            self.shape[index],
            self.position[index],
        )

    def turned(self, yaw: NDArray[np.float64], log_prior: NDArray[np.float64]) -> Candidates:
        """The same cubes on grids turned by other angles (C,), with another prior (C,)."""
        return replace(self, yaw=yaw, log_prior=log_prior)

    def moved(self, position: NDArray[np.float64], log_prior: NDArray[np.float64]) -> Candidates:
        """The same cubes elsewhere, (C, 3), with another prior (C,)."""
        return replace(self, position=position, log_prior=log_prior)

    def world_cubes(self) -> NDArray[np.float64]:
        """Cube centres in world coordinates, float64 (C, P, 3)."""
        turned = np.einsum("nij,npj->npi", yaw_matrices(self.yaw), self.cubes)
        return turned + self.position[:, None]

    def shades(self) -> NDArray[np.float64]:
        """Brightness of each of `FACES` as the renderers shade it, float64 (C, 6)."""
        light = np.einsum("nij,i->nj", yaw_matrices(self.yaw), unit_light())  # in the grid's frame
        return AMBIENT + DIFFUSE * np.maximum(light @ FACES.T, 0.0)


@lru_cache(maxsize=8)
def grid_candidates(num_cubes: int) -> Candidates:
    """Every set of cubes that the growth rule and a grid rotation can make; 7 cubes: 6,905.

    The prior of a set is the summed probability of the walks that make it. Walks start in any of
    the six directions alike, so that a grid rotation of them changes no probability.
    """
    catalogue = shape_catalogue(num_cubes)
    walks = catalogue.walks.astype(np.int64)
    walks -= walks.min(axis=1, keepdims=True)
    base = num_cubes
    codes = np.sort(walks @ np.array([base * base, base, 1]), axis=1)
    sets, first, made = np.unique(codes, axis=0, return_index=True, return_inverse=True)
    cubes = np.stack([sets // base**2, sets // base % base, sets % base], axis=-1)
    candidates = Candidates(
        cubes=cubes - cubes.mean(axis=1, keepdims=True),
        yaw=np.zeros(len(sets)),
        log_prior=np.log(np.bincount(made.reshape(-1), catalogue.probability)),
        shape=catalogue.shape[first],
    )
    for array in vars(candidates).values():
        array.setflags(write=False)  # everyone shares this object
    return candidates


def given_candidates(shapes: NDArray[np.integer]) -> Candidates:
    """The sets of cubes that a grid rotation makes of some shapes, all alike likely.

    >>> bar, corner = [[0, 0, 0], [1, 0, 0], [2, 0, 0]], [[0, 0, 0], [1, 0, 0], [1, 1, 0]]
    >>> candidates = given_candidates(np.array([bar, corner]))
    >>> np.bincount(candidates.shape), np.exp(candidates.log_prior).sum().round(6)
    (array([ 3, 12]), np.float64(1.0))

    Args:
        shapes: (S, P, 3), cubes of one object each; no two are one shape.

    Returns:
        Candidates whose `shape` is the number in `shapes`.
    """
    count, num_cubes = shapes.shape[:2]
    turned = np.einsum("nij,spj->snpi", GRID_ROTATIONS, shapes).astype(np.int64)
    turned -= turned.min(axis=2, keepdims=True)
    codes = np.sort(turned @ np.array([num_cubes**2, num_cubes, 1]), axis=2)
    parts = [np.unique(codes[shape], axis=0) for shape in range(count)]
    sets, sizes = np.concatenate(parts), np.array([len(part) for part in parts])
    cubes = np.stack([sets // num_cubes**2, sets // num_cubes % num_cubes, sets % num_cubes], -1)
    return Candidates(
        cubes=cubes - cubes.mean(axis=1, keepdims=True),
        yaw=np.zeros(len(sets)),
        log_prior=np.repeat(-np.log(count * sizes), sizes),
        shape=np.repeat(np.arange(count), sizes),
    )


def with_shape_prior(candidates: Candidates, probability: NDArray[np.float64]) -> Candidates:
    """Candidates whose shapes have the given probabilities; those that have none are left out.

    Args:
        probability: (S,), not necessarily normalised, of each shape of the catalogue. How likely
            the candidates of one shape are, relative to each other, stays as it was.

    Raises:
        UserError: where these are no probabilities of the catalogue's shapes.
    """
    wanted = np.asarray(probability, dtype=np.float64)
    present = np.bincount(candidates.shape, np.exp(candidates.log_prior))
    if wanted.shape != present.shape:
        raise UserError(f"shape_prior has shape {wanted.shape}, expected {present.shape}")
    if not np.isfinite(wanted).all() or (wanted < 0).any() or wanted.sum() == 0:
        raise UserError("shape_prior must be finite, not negative, and not zero everywhere")
    kept = candidates[wanted[candidates.shape] > 0]
    ratio = wanted[kept.shape] / wanted.sum() / present[kept.shape]
    return replace(kept, log_prior=kept.log_prior + np.log(ratio))
