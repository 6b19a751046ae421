"""Comparison of two volumes of cells under every turn, mirror image and shift.

What Shepard and Metzler's subjects were thought to do, done literally: one object is turned until
it fits the other best, once as it is and once as its mirror image.

References:
    Shepard and Metzler, Mental Rotation of Three-Dimensional Objects, Science 171:701, 1971.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from gqn_rl.geometry.rotations import GRID_ROTATIONS, MIRROR, VERTICAL_TURNS

MOST_SHIFT = (2, 2, 1)
"""Cells along x, y and z; the barycentre of an object lies at the origin of the world, so that
frames of the same object that a network infers differ by little."""
ROWS_PER_CHUNK = 32
COMPARED = ("shape", "colour")
NUMBERS_PER_PART = 3
MARGIN_SCALE = 10.0
"""The two fits differ by a few hundredths where the views leave little open."""

GROUPS = {"vertical": VERTICAL_TURNS, "all": GRID_ROTATIONS}
"""Name to rotations (G, 3, 3): about the vertical axis, or all that map the grid onto itself."""


class TurnedVolumes:
    """Compares volumes of S cells an axis.

    The fits of an object's shape to itself, turned, and to its mirror image, and their margin:

    >>> red_chain = torch.zeros(1, 4, 5, 5, 5)
    >>> red_chain[0, :2, [1, 2, 2, 2], [1, 1, 2, 2], [1, 1, 1, 2]] = 1.0
    >>> volumes = TurnedVolumes(cells=5)
    >>> volumes.compare(red_chain, red_chain.rot90(1, (2, 3)))[:, :3]
    tensor([[1.0000, 0.7500, 2.5000]])
    >>> volumes.compare(red_chain, red_chain.flip(2))[:, :3]
    tensor([[ 0.7500,  1.0000, -2.5000]])

    Args:
        cells: S.
        group: a key of `GROUPS`, the turns that are tried.
        anywhere: whether to try every shift, and not only those up to `MOST_SHIFT`.

    Attributes:
        size: numbers that `compare` returns for a pair.
    """

    size = len(COMPARED) * NUMBERS_PER_PART

    def __init__(self, cells: int, group: str = "vertical", anywhere: bool = False) -> None:
        turns = GROUPS[group]
        matrices = np.concatenate([turns, turns * MIRROR])  # (2 * G, 3, 3)
        self.cells, self.anywhere = cells, anywhere
        self._sources = torch.from_numpy(sources(cells, matrices))  # (2 * G, S ** 3)

    def compare(self, one: Tensor, other: Tensor) -> Tensor:
        """How well the same object and its mirror image explain two volumes.

        Args:
            one, other: float32 (N, 4, S, S, S), opacity of the cells, and their colour times it.

        Returns:
            float32 (N, 6): for the shape alone and for shape and colours the best fit as it is,
            that of the mirror image, both at most 1, and ten times the first minus the second.
        """
        chunks = zip(one.split(ROWS_PER_CHUNK), other.split(ROWS_PER_CHUNK), strict=True)
        return torch.cat([self._compared(*chunk) for chunk in chunks])

    def _compared(self, one: Tensor, other: Tensor) -> Tensor:
        numbers = []
        for prepare in (shape_alone, shape_and_colour):
            fits = self._fits(prepare(one), prepare(other)).unflatten(1, (2, -1)).amax(2)
            margin = MARGIN_SCALE * (fits[:, :1] - fits[:, 1:])
            numbers += [fits, margin]
        return torch.cat(numbers, dim=1)

    def _fits(self, one: Tensor, other: Tensor) -> Tensor:
        """Cosine of volumes (N, C, S, S, S) under each turn, at the best shift; (N, 2 * G)."""
        turned = other.flatten(2)[..., self._sources.to(other.device)]  # (N, C, 2 * G, S ** 3)
        if self.anywhere:
            products = most_in_common(one, turned.unflatten(3, one.shape[2:]))
        else:
            shifted = torch.stack(list(shifts(one)), dim=1).flatten(3)  # (N, K, C, S ** 3)
            products = torch.einsum("nkcs,ncgs->nkg", shifted, turned).amax(1)
        norms = one.flatten(1).norm(dim=1) * other.flatten(1).norm(dim=1)
        return products / norms.clamp(min=1e-6)[:, None]


def shape_alone(volumes: Tensor) -> Tensor:
    """The opacity, (N, 1, S, S, S)."""
    return volumes[:, :1]


def shape_and_colour(volumes: Tensor) -> Tensor:
    """Half the opacity and opaque colours relative to grey, (N, 4, S, S, S): other colours fit
    worse than none."""
    opacity = volumes[:, :1]
    return torch.cat([opacity / 2, volumes[:, 1:] - opacity / 2], dim=1)


def most_in_common(one: Tensor, others: Tensor) -> Tensor:
    """The largest product of two volumes over all shifts of the one against the other.

    Args:
        one: float (N, C, S, S, S).
        others: float (N, C, G, S, S, S).

    Returns:
        float (N, G). Twice the size leaves room for every shift; what a transform rounds does not
        depend on the order of the volumes.
    """
    room = (2 * one.shape[-1],) * 3
    fixed, moved = (torch.fft.rfftn(part, s=room, dim=(-3, -2, -1)) for part in (one, others))
    products = (fixed[:, :, None] * moved.conj()).sum(1)
    return torch.fft.irfftn(products, s=room, dim=(-3, -2, -1)).flatten(2).amax(2)


def shifts(volume: Tensor) -> list[Tensor]:
    """A volume (N, C, S, S, S) shifted by up to `MOST_SHIFT` cells, zeros moving in."""
    x, y, z = MOST_SHIFT
    size = volume.shape[-1]
    framed = F.pad(volume, (z, z, y, y, x, x))
    return [
        framed[:, :, i : i + size, j : j + size, k : k + size]
        for i in range(2 * x + 1)
        for j in range(2 * y + 1)
        for k in range(2 * z + 1)
    ]


def sources(cells: int, matrices: NDArray[np.integer]) -> NDArray[np.int64]:
    """Which cell of a volume comes to lie where when it is turned about its centre.

    Args:
        matrices: (G, 3, 3), signed permutations.

    Returns:
        int64 (G, cells ** 3): turned[s] = volume[sources[g, s]], z fastest.
    """
    steps = np.arange(cells) - (cells - 1) / 2
    places = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    # What lies at p after the turn was at the inverse of the turn of p before.
    before = np.einsum("gji,sj->gsi", matrices, places)
    index = np.rint(before + (cells - 1) / 2).astype(np.int64)
    return (index[..., 0] * cells + index[..., 1]) * cells + index[..., 2]
