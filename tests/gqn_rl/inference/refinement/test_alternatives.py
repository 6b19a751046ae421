"""Alternatives: different explanations with probabilities that fall with what they leave."""

from __future__ import annotations

import pytest
import torch

from gqn_rl.gqn.canonical.frame import Frame
from gqn_rl.inference.refinement.alternatives import MOST, TEMPERATURE, Alternatives, weigh
from gqn_rl.inference.refinement.opaque import OpaqueScene

CELLS = 3


def explanations(shifts: list[float]) -> OpaqueScene:
    """The same three cells, in frames that are shifted along x."""
    n = len(shifts)
    offset = torch.tensor(shifts)[:, None] * torch.tensor([1.0, 0.0, 0.0])
    corner = torch.arange(3.0 * CELLS).view(CELLS, 3).expand(n, -1, -1)
    return OpaqueScene(
        Frame(torch.zeros(n), offset),
        torch.ones(n, 6),
        corner,
        torch.ones(n, CELLS, 3),
        torch.ones(n, CELLS, dtype=torch.bool),
    )


def weighed(shifts: list[float], rmse: list[float], row: list[int]) -> Alternatives:
    error = torch.tensor(rmse).square()
    return weigh(explanations(shifts), torch.tensor(row), error, CELLS)


def test_the_best_comes_first_and_weights_fall_with_the_residual() -> None:
    found = weighed([0, 1, 2], [0.02 + TEMPERATURE, 0.02, 0.5], [0, 0, 0])
    assert found.scene.frame.offset[found.choices[0, :2], 0].tolist() == [1.0, 0.0]
    assert found.weight[0, 0] / found.weight[0, 1] == pytest.approx(torch.e, rel=1e-3)
    assert found.weight[0, 2:].sum() == 0
    assert len(found.row) == 2
    assert found.error[0] == pytest.approx(0.02, rel=1e-4)


def test_the_same_explanation_found_twice_counts_once() -> None:
    found = weighed([0, 0.05, 1], [0.02, 0.021, 0.02], [0, 0, 0])
    torch.testing.assert_close(found.weight[0, :2].sort().values, torch.tensor([0.5, 0.5]))
    assert len(found.row) == 2


def test_every_scene_has_its_own_and_at_most_so_many() -> None:
    many = MOST + 2
    found = weighed([float(i) for i in range(many + 1)], [0.02] * (many + 1), [1] * many + [0])
    assert found.row.sort().values.tolist() == [0] + [1] * MOST
    torch.testing.assert_close(found.weight.sum(1), torch.ones(2))
    chances = torch.linspace(0, 0.999, 50)
    for chance in chances:
        drawn = found.draw(chance.expand(2))
        assert found.row[drawn].tolist() == [0, 1]


def test_explanations_are_drawn_as_often_as_they_are_probable() -> None:
    found = weighed([0, 1], [0.02, 0.02 + TEMPERATURE], [0, 0])
    chances = (torch.arange(1000) + 0.5) / 1000
    drawn = torch.cat([found.draw(chance[None]) for chance in chances])
    share = (drawn == found.choices[0, 0]).float().mean()
    assert share == pytest.approx(float(found.weight[0, 0]), abs=2e-3)


def test_those_of_all_parts_of_a_batch_stay_with_their_scenes() -> None:
    one = weighed([0, 1], [0.02, 0.02], [0, 1])
    other = weighed([2, 3, 4], [0.02, 0.03, 0.02], [0, 0, 1])
    both = Alternatives.cat([one, other])
    best = both.scene.frame.offset[both.choices[:, 0], 0]
    assert best.tolist() == [0.0, 1.0, 2.0, 4.0]
    assert both.row[both.choices[:, 0]].tolist() == [0, 1, 2, 3]


def test_views_that_are_not_numbers_leave_one_explanation_and_say_so() -> None:
    found = weighed([0, 1, 2], [torch.nan, torch.nan, 0.02], [0, 0, 1])
    torch.testing.assert_close(found.weight.sum(1), torch.ones(2))
    assert found.error.isnan().tolist() == [True, False]
    assert found.row[found.draw(torch.tensor([0.5, 0.5]))].tolist() == [0, 1]
