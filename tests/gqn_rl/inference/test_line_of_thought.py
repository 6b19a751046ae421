"""A line of thought ends at the turn between two sets of cells, after the steps that lie there."""

from __future__ import annotations

import numpy as np
import pytest

from gqn_rl.geometry.rotations import MIRROR, VERTICAL_TURNS
from gqn_rl.inference.line_of_thought import turn_until_one_fits, turns_in_order
from gqn_rl.inference.matching import Cells
from tests.gqn_rl.inference.test_matching import cells_of, moved

ANGLES = list(range(-179, 180, 17))


def turned(cells: Cells, angle: float, is_mirrored: bool) -> tuple[Cells, float]:
    """The cells after a turn, on a grid within 45 degrees of theirs, and how far it is apart."""
    quarters = int(np.rint(angle / 90.0))
    (matrix,) = [
        turn
        for turn in VERTICAL_TURNS.astype(np.int64)
        if np.allclose(turn[0, 0] + 1j * turn[1, 0], 1j**quarters)
    ]
    matrix = matrix * (MIRROR if is_mirrored else 1)
    return moved(cells, matrix, [2, -1, 3]), np.deg2rad(angle - 90.0 * quarters)


@pytest.mark.parametrize("is_mirrored", [False, True])
@pytest.mark.parametrize("angle", ANGLES)
def test_it_ends_at_the_turn_and_counts_the_steps_there(angle: float, is_mirrored: bool) -> None:
    one = cells_of("uuuubbuur")
    thought = turn_until_one_fits(one, *turned(one, angle, is_mirrored), np.deg2rad(10.0), 0.95)
    assert (thought.is_found, thought.is_mirrored) == (True, is_mirrored)
    assert np.exp(1j * thought.turn) == pytest.approx(np.exp(1j * np.deg2rad(angle)))
    nearest = round(abs(angle) / 10.0)
    assert thought.steps in (2 * nearest, 2 * nearest + 1)


def test_smaller_steps_are_more() -> None:
    one = cells_of("uuuubbuur")
    there = turned(one, 100.0, False)
    steps = [turn_until_one_fits(one, *there, np.deg2rad(step), 0.95).steps for step in (30, 15, 5)]
    assert steps == sorted(steps)
    assert steps[0] < steps[-1]


def test_where_nothing_fits_all_turns_are_tried_and_the_best_is_named() -> None:
    one = cells_of("uuuubbuur")
    there, apart = turned(one, 50.0, True)
    other = Cells(there.place, 1.0 - there.colour)
    thought = turn_until_one_fits(one, other, apart)
    assert not thought.is_found
    assert thought.steps == len(turns_in_order(np.deg2rad(15.0))) == 24


def test_nothing_fits_nothing() -> None:
    empty = Cells(np.zeros((0, 3), np.int64), np.zeros((0, 3)))
    assert not turn_until_one_fits(empty, cells_of("uuuubbuur"), 0.0).is_found


@pytest.mark.parametrize("step", [7.0, 15.0, 50.0, 180.0])
def test_every_turn_is_within_half_a_step_of_one_that_is_tried(step: float) -> None:
    tried = np.rad2deg(turns_in_order(np.deg2rad(step)))
    every = np.arange(-180.0, 180.0, 0.5)
    apart = np.abs((every[:, None] - tried + 180.0) % 360.0 - 180.0).min(axis=1)
    assert apart.max() <= step / 2 + 1e-9
    assert (np.diff(np.abs(tried)) >= -1e-9).all()
