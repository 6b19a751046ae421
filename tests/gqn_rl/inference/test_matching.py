"""Coloured cells laid on each other: the hand, the turn and the shift are found again."""

from __future__ import annotations

import numpy as np
import pytest

from gqn_rl.geometry.rotations import MIRROR, VERTICAL_TURNS
from gqn_rl.inference.matching import Cells, best_fits
from gqn_rl.scenes.scene import sample_colours
from gqn_rl.scenes.shepard_metzler import ShepardMetzlerObject


def cells_of(letters: str, seed: int = 0) -> Cells:
    item = ShepardMetzlerObject.from_directions(letters)
    colour = sample_colours(np.random.default_rng(seed), 1, len(item))[0]
    return Cells(item.cubes.astype(np.int64), colour)


def moved(cells: Cells, matrix: np.ndarray, shift: list[int]) -> Cells:
    """The cells whose middles are turned and shifted."""
    middle = (cells.place + 0.5) @ matrix.T + shift
    return Cells(np.rint(middle - 0.5).astype(np.int64), cells.colour)


@pytest.mark.parametrize("hand", [0, 1])
@pytest.mark.parametrize("quarter", range(4))
def test_the_hand_and_the_way_there_are_found(hand: int, quarter: int) -> None:
    one = cells_of("uuuubbuur")
    matrix = VERTICAL_TURNS[quarter].astype(np.int64) * (MIRROR if hand else 1)
    other = moved(one, matrix, [3, -2, 1])
    fits = best_fits(one, other)
    assert fits[hand].score == pytest.approx(10)
    assert fits[1 - hand].score < 9.5
    np.testing.assert_array_equal(fits[hand].laid(one.place), other.place)


def test_cells_that_only_one_has_and_small_errors_of_colour_do_not_hurt() -> None:
    one = cells_of("uuuubbuur")
    rng = np.random.default_rng(1)
    blurred = one.colour + rng.normal(0, 0.01, one.colour.shape)
    other = moved(Cells(one.place, blurred), VERTICAL_TURNS[1], [0, 0, 0])
    some = Cells(other.place[2:], other.colour[2:])
    same, mirrored = best_fits(one, some)
    assert 6.5 < same.score <= 8
    assert same.score > mirrored.score + 0.5


def test_colours_decide_what_goes_where() -> None:
    one = cells_of("uuuubbuur")
    strange = Cells(one.place, cells_of("uuuubbuur", seed=5).colour)
    assert best_fits(one, one)[0].score == pytest.approx(10)
    assert best_fits(one, strange)[0].score < 3


def test_nothing_fits_nothing() -> None:
    none = Cells(np.zeros((0, 3), np.int64), np.zeros((0, 3)))
    for pair in ((none, none), (none, cells_of("uurb")), (cells_of("uurb"), none)):
        assert [fit.score for fit in best_fits(*pair)] == [0.0, 0.0]
