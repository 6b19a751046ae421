"""Templates of cells, matched in every turn and place: features that turning does not change.

An object in a canonical voxel grid stands in one of the 24 orientations of the grid, a cell or so
off its middle. A network for any numbers has to learn each object 24 times over. Here a template is
laid on the volume in every orientation and in every place where it fits, and its best match counts.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gqn_rl.geometry.rotations import GRID_ROTATIONS
from gqn_rl.geometry.turned_volumes import sources

CHANNELS = 4
"""Of a cell: its opacity, which is what is matched, and its colour."""
PLACES = 3
"""Along each axis, in which a template is laid on a volume."""
LEAST_SIDE = 4
"""Cells a side of the smallest volume that has room for templates."""
INITIAL_SCALE = 0.05


class TemplateMatches(nn.Module):
    """The best match of each template with a volume.

    What comes out is the same for a volume turned by any of the grid's 24 rotations, and for one
    shifted while its object stays in reach of all places:

    >>> _ = torch.manual_seed(0)
    >>> matches, volume = TemplateMatches(length=4 * 8**3, templates=5), torch.zeros(1, 4, 8, 8, 8)
    >>> volume[0, 0, [3, 4, 4, 4], [3, 3, 4, 4], [3, 3, 3, 4]] = 1.0
    >>> turned = volume.rot90(1, (2, 3)).rot90(1, (3, 4))
    >>> torch.allclose(matches(volume.flatten(1)), matches(turned.flatten(1)))
    True

    Args:
        length: numbers of a volume, `CHANNELS` x S x S x S for S cells a side.
        templates: how many.

    Raises:
        ValueError: for a length that no volume has.

    References:
        Cohen and Welling, Group Equivariant Convolutional Networks, ICML 2016 (a layer over the
        group and its pooling).
    """

    def __init__(self, length: int, templates: int) -> None:
        super().__init__()
        side = side_of(length)
        if side is None:
            raise ValueError(f"length is {length}, expected {CHANNELS} x side**3 numbers")
        self._side, self._kernel = side, side - PLACES + 1
        self.templates = nn.Parameter(INITIAL_SCALE * torch.randn(templates, self._kernel**3))
        # Not part of the weights: the length says it all.
        turned = torch.from_numpy(sources(self._kernel, GRID_ROTATIONS))  # (24, kernel ** 3)
        self.register_buffer("sources", turned, persistent=False)

    def forward(self, volumes: Tensor) -> Tensor:
        """(B, length) to (B, templates)."""
        # The shape and not `len`, which an export would take for a constant.
        size, side, kernel = volumes.shape[0], self._side, self._kernel
        windows = volumes.view(size, CHANNELS, side, side, side)[:, 0]
        for axis in (1, 2, 3):
            windows = windows.unfold(axis, kernel, 1)
        turned = self.templates[:, self.get_buffer("sources")].flatten(0, 1)
        matches = windows.reshape(size * PLACES**3, kernel**3) @ turned.T
        return matches.view(size, PLACES**3, len(self.templates), -1).amax(dim=(1, 3))


def side_of(length: int) -> int | None:
    """Cells a side of a volume of so many numbers; None where no volume has as many.

    >>> side_of(4 * 8**3), side_of(4352)
    (8, None)
    """
    side = round((length / CHANNELS) ** (1 / 3))
    return side if CHANNELS * side**3 == length and side >= LEAST_SIDE else None


def template_network(length: int, templates: int, dropout: float) -> nn.Sequential:
    """Volume (B, length) to standardised matches (B, templates).

    Args:
        dropout: probability with which a cell is not seen; active only while training.
    """
    matches = TemplateMatches(length, templates)
    return nn.Sequential(nn.Flatten(), nn.Dropout(dropout), matches, nn.LayerNorm(templates))
