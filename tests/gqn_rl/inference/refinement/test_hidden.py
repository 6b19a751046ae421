"""Sets of cells that no view shows, and their probabilities."""

from __future__ import annotations

import colorsys

import pytest
import torch

from gqn_rl.gqn.canonical.frame import Frame
from gqn_rl.inference.refinement.hidden import (
    HiddenCells,
    filled_beside,
    hidden_cells,
    unknown_colours,
)
from gqn_rl.inference.refinement.opaque import OpaqueScene
from gqn_rl.scenes.scene import MIN_SATURATION

SIZE = 8
CENTRED = (-0.5, -0.5, -0.5)
"""Offset that puts the middle of the cell (0, 0, 0) at the origin of the world."""


def scene(cells: list[tuple[int, int, int]], offset: tuple[float, ...] = CENTRED) -> OpaqueScene:
    """Filled cells by their lowest corners; one more place is not filled."""
    corner = torch.tensor([[*cells, (3, 3, 3)]], dtype=torch.float32)
    filled = torch.arange(corner.shape[1])[None] < len(cells)
    frame = Frame.unpack(torch.tensor([[0.0, *offset]]))
    return OpaqueScene(frame, torch.ones(1, 6), corner, torch.full_like(corner, 0.5), filled)


def place(x: int, y: int, z: int) -> int:
    half = SIZE // 2
    return ((x + half) * SIZE + y + half) * SIZE + z + half


def weighed(
    found: OpaqueScene, unseen: list[tuple[int, int, int]], density: float = 1.0
) -> HiddenCells:
    """With some unseen cells, all as likely to the network."""
    mask = torch.zeros(1, SIZE**3, dtype=torch.bool)
    mask[0, [place(*cell) for cell in unseen]] = True
    return hidden_cells(found, torch.full((1, 4, SIZE**3), density), mask, SIZE)


def test_neighbours_are_counted_at_faces_and_not_across_the_grid() -> None:
    beside = filled_beside(scene([(x, 0, 0) for x in range(-3, 3)]), SIZE)[0]
    assert beside.sum() == 6 * 6  # none of them lies at the border
    assert beside[place(0, 0, 0)] == 2
    assert beside[place(0, 1, 0)] == 1
    assert beside[place(0, 1, 1)] == 0
    beside = filled_beside(scene([(3, 3, 3)]), SIZE)[0]
    assert beside.sum() == 3
    assert beside[place(-4, -4, -4)] == 0


def test_probabilities_add_up_and_leave_seen_cells_alone() -> None:
    unseen = [(0, 1, 0), (0, 2, 0), (1, 1, 0)]
    found = weighed(scene([(-1, 0, 0), (0, 0, 0), (1, 0, 0)]), unseen)
    torch.testing.assert_close(found.weight.sum(1), torch.ones(1))
    chances = found.chances()[0]
    allowed = torch.zeros(SIZE**3, dtype=torch.bool)
    allowed[[place(*cell) for cell in unseen]] = True
    assert (chances[~allowed] == 0).all()
    assert chances.min() >= 0.0
    assert chances.max() <= 1.0


def test_a_hidden_cell_is_what_balances_the_others() -> None:
    # Of five cells of a cross, four are seen: their barycentre lies a quarter of an edge off.
    seen = [(0, 0, 0), (-1, 0, 0), (0, 0, 1), (0, 0, -1)]
    unseen = [(1, 0, 0), (0, 1, 0), (0, -1, 0)]
    chances = weighed(scene(seen), unseen).chances()[0]
    assert chances[place(1, 0, 0)] > 0.9
    assert chances[place(0, 1, 0)] < 0.05
    whole = weighed(scene([*seen, (1, 0, 0)]), unseen[1:]).chances()[0]
    assert whole.max() < 0.05


def test_objects_that_stand_elsewhere_leave_cells_to_their_own_chances() -> None:
    seen = [(0, 0, 0), (-1, 0, 0), (0, 0, 1), (0, 0, -1)]
    unseen = [(1, 0, 0), (0, 1, 0), (0, 3, 3)]
    chances = weighed(scene(seen, offset=(1.2, 0.3, 0.4)), unseen).chances()[0]
    torch.testing.assert_close(chances[place(1, 0, 0)], chances[place(0, 1, 0)])
    assert chances[place(0, 1, 0)] > 2 * chances[place(0, 3, 3)]


def test_a_cell_behind_a_hidden_cell_is_not_alone() -> None:
    seen = [(0, 0, 0), (-1, 0, 0), (-2, 0, 0), (-3, 0, 0)]
    found = weighed(scene(seen), [(1, 0, 0), (2, 0, 0), (3, 0, 0)], density=3.0)
    chances = found.chances()[0]
    assert chances[place(3, 0, 0)] > 0.5  # seven in a row balance at their fourth
    sample = found.draw(torch.tensor([0.5]))[0]
    assert sample.sum() == 3


def test_samples_come_with_their_probabilities() -> None:
    found = weighed(scene([(0, 0, 0)], offset=(2.0, 0.0, 0.0)), [(1, 0, 0), (0, 1, 0)], 3.0)
    chance = (torch.arange(400) + 0.5) / 400
    each = HiddenCells(
        found.cells.expand(400, -1), found.sets, found.weight.expand(400, -1), found.total
    )
    drawn = each.draw(chance).float().mean(0)
    torch.testing.assert_close(drawn, found.chances()[0], atol=0.01, rtol=0.0)


def test_opacities_of_any_kind_give_finite_chances() -> None:
    for density in (0.0, 1e6):
        found = weighed(scene([(0, 0, 0)]), [(1, 0, 0)], density)
        assert torch.isfinite(found.chances()).all()
    nothing = weighed(scene([(0, 0, 0)]), [])
    assert nothing.chances().sum() == 0


def test_weighing_in_inference_mode_leaves_nothing_that_gradients_cannot_use() -> None:
    found, unseen = scene([(0, 0, 0)]), torch.ones(1, SIZE**3, dtype=torch.bool)
    with torch.inference_mode():
        hidden_cells(found, torch.ones(1, 4, SIZE**3), unseen, SIZE)
    imagined = torch.ones(1, 4, SIZE**3, requires_grad=True)
    hidden_cells(found, imagined, unseen, SIZE).chances().square().sum().backward()
    assert imagined.grad is not None
    assert imagined.grad.abs().max() > 0


def test_unknown_colours_are_those_of_the_prior() -> None:
    chance = torch.rand(2, 2, 50, generator=torch.Generator().manual_seed(0))
    drawn = unknown_colours(chance)
    assert drawn.shape == (2, 3, 50)
    for (hue, part), rgb in zip(
        chance.mT.flatten(0, 1).tolist(), drawn.mT.flatten(0, 1).tolist(), strict=True
    ):
        saturation = MIN_SATURATION + (1 - MIN_SATURATION) * part
        assert rgb == pytest.approx(colorsys.hsv_to_rgb(hue, saturation, 1.0), abs=1e-5)
