"""Cells that no view shows: which sets of them may be filled, and how probable each set is.

The network's opacity says something of a hidden cell, but it is too sure, and does not know what
was found since. What was found says more. Objects are in one piece, so that a hidden cell has a
filled one beside it. And objects stand on their barycentre, at which cameras look: what is found
and what is hidden must balance there. That tells how many cells are hidden and where, as it does to
the ideal observer (docs/ideal-observer.md).
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from gqn_rl.inference.refinement.opaque import OpaqueScene
from gqn_rl.scenes.scene import MIN_SATURATION

BIAS, OPACITY = -2.1, 0.7
ALONE, BETWEEN = -2.6, 1.6
"""For a cell that has no filled cell at any face, and for one that has several."""
# A logistic regression over 4,094 hidden cells in 206 scenes of training shapes seen once or twice.
TRIED, MOST_HIDDEN = 16, 3
"""The likeliest cells, of which sets of so many and fewer are weighed."""
BALANCE = 0.035
"""Cube edges by which the barycentre is off where the set is right: by errors of the frame."""
ELSEWHERE = 1e-3
"""How much a set counts that does not balance: objects may stand elsewhere."""


class HiddenCells(NamedTuple):
    """Sets of hidden cells of N scenes.

    Attributes:
        cells: int64 (N, T), the cells that may be filled.
        sets: bool (Q, T), which of them are, in each set.
        weight: float32 (N, Q), probabilities of the sets, which add up to 1.
        total: of a grid, how many cells it has.
    """

    cells: Tensor
    sets: Tensor
    weight: Tensor
    total: int

    def draw(self, chance: Tensor) -> Tensor:
        """Cells that are filled, bool (N, cells ** 3), given chances uniform in [0, 1), (N,)."""
        passed = (self.weight.cumsum(1)[:, :-1] <= chance[:, None]).sum(1)
        return self._spread(self.sets[passed].float()) > 0.5

    def chances(self) -> Tensor:
        """The chance that each cell is filled, float32 (N, cells ** 3)."""
        return self._spread(self.weight @ self.sets.float())

    def _spread(self, values: Tensor) -> Tensor:
        out = values.new_zeros(len(values), self.total)
        return out.scatter(1, self.cells, values)


def hidden_cells(found: OpaqueScene, imagined: Tensor, unseen: Tensor, cells: int) -> HiddenCells:
    """What may be filled where no view shows it.

    Args:
        found: what the views show.
        imagined: contents (N, 4, cells ** 3) as the network imagines them in that frame.
        unseen: bool (N, cells ** 3).
        cells: of the grid, along each axis.
    """
    opacity = torch.logit(-torch.expm1(-imagined[:, 0]), eps=1e-4)
    beside = filled_beside(found, cells)
    odds = BIAS + OPACITY * opacity
    likely = (odds + ALONE * (beside == 0)).masked_fill(~unseen, -torch.inf)
    tried = likely.topk(min(TRIED, likely.shape[1]), dim=1).indices
    there = unseen.gather(1, tried)
    sets = torch.from_numpy(_sets(tried.shape[1])).to(tried.device)
    corner = torch.stack([tried // cells**2, tried // cells % cells, tried % cells], -1)
    corner = corner.to(found.corner.dtype) - cells / 2
    touching = ((corner[:, :, None] - corner[:, None]).abs().sum(-1) == 1.0).to(odds.dtype)
    neighbours = beside.gather(1, tried)[:, None] + sets.to(odds.dtype) @ touching
    each = odds.gather(1, tried)[:, None] + ALONE * (neighbours == 0) + BETWEEN * (neighbours > 1)
    weight = (each * sets).sum(2) + _balance(found, corner, sets)
    weight = weight.masked_fill((sets & ~there[:, None]).any(2), -torch.inf)
    return HiddenCells(tried, sets, weight.softmax(1), cells**3)


def _balance(found: OpaqueScene, corner: Tensor, sets: Tensor) -> Tensor:
    """Logarithm of how well each set puts the barycentre where cameras look, (N, Q)."""
    part = sets.to(corner.dtype)
    filled = found.filled.to(corner.dtype)
    mine = (found.frame.to_world(found.corner + 0.5) * filled[..., None]).sum(1)
    others = part @ found.frame.to_world(corner + 0.5)  # (N, Q, 3)
    count = filled.sum(1)[:, None] + part.sum(1)
    off = (mine[:, None] + others).norm(dim=-1) / count.clamp(min=1.0)
    return torch.log(ELSEWHERE + torch.exp(-0.5 * (off / BALANCE).square()))


@lru_cache(maxsize=8)
def _sets(count: int) -> NDArray[np.bool_]:
    """All sets of up to `MOST_HIDDEN` of `count` cells, the empty one first, bool (Q, count)."""
    # Not a tensor: one made in inference mode and kept could not be used outside it.
    chosen = [set_ for size in range(MOST_HIDDEN + 1) for set_ in combinations(range(count), size)]
    sets = np.zeros((len(chosen), count), dtype=bool)
    for row, set_ in enumerate(chosen):
        sets[row, list(set_)] = True
    return sets


def filled_beside(found: OpaqueScene, cells: int) -> Tensor:
    """How many of the six cells beside each one are filled, float32 (N, cells ** 3)."""
    n = len(found.filled)
    filled = found.colour.new_zeros(n, cells**3 + 1)
    filled.scatter_(1, found.places(cells), 1.0)
    padded = F.pad(filled[:, :-1].view(n, cells, cells, cells), (1,) * 6)
    total = torch.zeros_like(padded)
    for axis in (1, 2, 3):
        total += padded.roll(1, axis) + padded.roll(-1, axis)
    return total[:, 1:-1, 1:-1, 1:-1].flatten(1)


def unknown_colours(chance: Tensor) -> Tensor:
    """Colours of cubes of which nothing is known, as `sample_colours` distributes them.

    Args:
        chance: uniform in [0, 1), (..., 2, C): for the hue and the saturation of each.

    Returns:
        RGB in [0, 1], (..., 3, C).
    """
    hue, saturation = chance.unbind(-2)
    saturation = MIN_SATURATION + (1.0 - MIN_SATURATION) * saturation
    offset = torch.tensor([5.0, 3.0, 1.0], dtype=chance.dtype, device=chance.device)
    sector = (offset[:, None] + 6.0 * hue[..., None, :]) % 6.0
    taken = torch.minimum(sector, 4.0 - sector).clamp(0.0, 1.0)
    return 1.0 - saturation[..., None, :] * taken
