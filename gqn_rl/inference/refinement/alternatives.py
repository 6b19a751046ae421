"""Explanations of the same views that are about equally good, and how probable each of them is.

A frame that explains few views well need not be the right one. Different frames that were fitted
are kept beside the best, each with a weight that falls with what it leaves unexplained.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from gqn_rl.inference.refinement.opaque import OpaqueScene

MOST = 4
"""Alternatives that are kept for each scene."""
TEMPERATURE = 2 / 255
"""RMSE by which an explanation may be worse until it is e times less probable. Over 192 scenes of
training shapes the likelihood of the alternatives that predict best is flat from 1 to 5, and falls
on either side."""
SAME_PLACE = 0.25
"""Cube edges up to which cells count as the same."""
LEAST_WEIGHT = 0.01
LARGEST = 1e3
"""RMSE that stands for none, of views that are not numbers."""


class Alternatives(NamedTuple):
    """E explanations of the views of N scenes, at least one and at most A of each.

    Attributes:
        scene: the explanations.
        row: int64 (E,), of which of the N scenes each is.
        choices: int64 (N, A), which of the E a scene has, the best first.
        weight: float32 (N, A), their probabilities, which add up to 1; 0 where there are fewer.
        error: float32 (N,), RMSE of the best in [0, 1].
    """

    scene: OpaqueScene
    row: Tensor
    choices: Tensor
    weight: Tensor
    error: Tensor

    @staticmethod
    def cat(parts: Sequence[Alternatives]) -> Alternatives:
        """Those of all parts, whose scenes follow one another."""
        row, index = [], []
        scenes = explanations = 0
        for part in parts:
            row.append(part.row + scenes)
            index.append(part.choices + explanations)
            scenes, explanations = scenes + len(part.choices), explanations + len(part.row)
        return Alternatives(
            OpaqueScene.cat([part.scene for part in parts]),
            torch.cat(row),
            torch.cat(index),
            torch.cat([part.weight for part in parts]),
            torch.cat([part.error for part in parts]),
        )

    def draw(self, chance: Tensor) -> Tensor:
        """One explanation of each scene, int64 (N,), given chances uniform in [0, 1), (N,)."""
        passed = self.weight.cumsum(1)[:, :-1] <= chance[:, None]
        return self.choices.gather(1, passed.sum(1, keepdim=True))[:, 0]


def weigh(scene: OpaqueScene, row: Tensor, error: Tensor, regions: int) -> Alternatives:
    """The different ones among explanations, and their probabilities.

    Args:
        scene: E explanations, of N scenes that have at least one each.
        row: int64 (E,), of which scene each is.
        error: mean squared errors (E,).
        regions: the first cells of explanations of one scene are what each takes for the same
            regions.
    """
    rmse = error.sqrt().nan_to_num(nan=LARGEST, posinf=LARGEST)
    index = _by_scene(row, rmse)
    filled = index >= 0
    index = index.clamp(min=0)
    left = rmse[index].masked_fill(~filled, torch.inf)
    new = filled & ~_repeated(scene, index, filled, regions)
    weight = torch.softmax(-(left - left[:, :1]).masked_fill(~new, torch.inf) / TEMPERATURE, dim=1)
    weight = weight * (weight >= LEAST_WEIGHT)
    weight = weight / weight.sum(1, keepdim=True)
    used = torch.zeros_like(row, dtype=torch.bool)
    used[index[weight > 0]] = True
    kept = used.nonzero()[:, 0]
    number = (used.cumsum(0) - 1).clamp(min=0)
    # Places of weight 0 repeat the best, so that all numbers exist.
    index = torch.where(weight > 0, index, index[:, :1])
    return Alternatives(
        scene.select(kept), row[kept], number[index], weight, error[index[:, 0]].sqrt()
    )


def _by_scene(row: Tensor, error: Tensor) -> Tensor:
    """Which explanations each scene has, int64 (N, MOST), the best first; -1 where fewer."""
    order = error.argsort(stable=True)
    order = order[row[order].argsort(stable=True)]
    ordered = row[order]
    n = int(ordered[-1]) + 1
    start = torch.searchsorted(ordered, torch.arange(n, device=row.device))
    rank = torch.arange(len(row), device=row.device) - start[ordered]
    first = rank < MOST
    index = torch.full((n, MOST), -1, device=row.device)
    index[ordered[first], rank[first]] = order[first]
    return index


def _repeated(scene: OpaqueScene, index: Tensor, filled: Tensor, regions: int) -> Tensor:
    """Explanations whose cells are where those of a better one are, bool (N, A)."""
    centre = scene.frame.to_world(scene.corner[:, :regions] + 0.5)[index]  # (N, A, K, 3)
    apart = (centre[:, :, None] - centre[:, None]).norm(dim=-1)
    there = scene.filled[:, :regions][index]
    apart = apart.masked_fill(~(there[:, :, None] & there[:, None]), 0.0).amax(-1)
    better = filled[:, None] & torch.ones_like(apart, dtype=torch.bool).tril(-1)
    return ((apart < SAME_PLACE) & better).any(2)
