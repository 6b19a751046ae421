"""Chances of cells that no view shows."""

from __future__ import annotations

import pytest
import torch

from gqn_rl.gqn.canonical.frame import Frame
from gqn_rl.inference.refinement.hidden import USUAL_CELLS, chance_of_cells, filled_beside
from gqn_rl.inference.refinement.opaque import OpaqueScene

SIZE = 8


def row_of_cells(count: int) -> OpaqueScene:
    """A row along x, one cell of the middle after the other; one more place is not filled."""
    corner = torch.tensor([[[x - 3.0, 0.0, 0.0] for x in range(count + 1)]])
    filled = torch.arange(count + 1)[None] < count
    frame = Frame.unpack(torch.zeros(1, 4))
    return OpaqueScene(frame, torch.ones(1, 6), corner, torch.full_like(corner, 0.5), filled)


def place(x: int, y: int, z: int) -> int:
    half = SIZE // 2
    return ((x + half) * SIZE + y + half) * SIZE + z + half


def chances(count: int, density: float = 1.0) -> torch.Tensor:
    imagined = torch.full((1, 4, SIZE**3), density)
    return chance_of_cells(row_of_cells(count), imagined, SIZE)[0]


def test_neighbours_are_counted_at_faces_and_not_across_the_grid() -> None:
    beside = filled_beside(row_of_cells(6), SIZE)[0]
    assert beside.sum() == 6 * 6  # none of them lies at the border
    assert beside[place(0, 0, 0)] == 2
    assert beside[place(0, 1, 0)] == 1
    assert beside[place(0, 1, 1)] == 0
    edge = row_of_cells(1)
    edge = edge._replace(corner=torch.full_like(edge.corner, SIZE / 2 - 1))
    beside = filled_beside(edge, SIZE)[0]
    assert beside.sum() == 3
    assert beside[place(-4, -4, -4)] == 0


def test_a_hidden_cell_is_beside_a_filled_one() -> None:
    found = chances(4)
    assert found[place(0, 1, 0)] > 5 * found[place(0, 3, 3)]


@pytest.mark.parametrize("count", range(3, USUAL_CELLS))
def test_the_more_cells_are_missing_the_likelier_one_is_hidden(count: int) -> None:
    one, more = chances(count), chances(count + 1)
    where = place(-2, 1, 0)
    assert one[where] >= more[where]
    assert chances(USUAL_CELLS)[where] < 0.1 * chances(3)[where]


def test_chances_follow_the_network() -> None:
    where = place(0, 1, 0)
    assert chances(4, 0.1)[where] < chances(4, 1.0)[where] < chances(4, 20.0)[where]
    for density in (0.0, 1e6):
        assert torch.isfinite(chances(4, density)).all()
