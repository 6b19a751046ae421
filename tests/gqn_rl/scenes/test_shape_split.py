"""The split by a hash, with and without a list of all shapes."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from gqn_rl.geometry.rotations import GRID_ROTATIONS, MIRROR
from gqn_rl.scenes.growth import grow_walks
from gqn_rl.scenes.shape_catalogue import shape_catalogue
from gqn_rl.scenes.shape_split import HELD_OUT_FRACTION, VALIDATION_EVERY, split_by_hash


@pytest.mark.parametrize("num_cubes", [6, 7, 8])
def test_the_same_shapes_are_held_out_as_by_the_catalogue(num_cubes: int) -> None:
    catalogue = shape_catalogue(num_cubes)
    _, first = np.unique(catalogue.shape, return_index=True)
    held_out = split_by_hash(catalogue.walks[first]) != "train"
    np.testing.assert_array_equal(held_out, catalogue.is_test | catalogue.is_validation)


@pytest.mark.parametrize("num_cubes", [7, 10, 12])
def test_the_split_ignores_rotation_direction_place_and_handedness(
    rng: np.random.Generator, num_cubes: int
) -> None:
    walks = grow_walks(rng, 400, num_cubes)
    expected = split_by_hash(walks)
    assert set(expected) == {"train", "validation", "test"}
    turned = walks @ GRID_ROTATIONS[17].T
    for others in (walks[:, ::-1], turned, walks + np.int8(3), walks * MIRROR):
        np.testing.assert_array_equal(split_by_hash(others), expected)


def test_a_fifth_of_the_shapes_is_held_out_a_third_of_it_for_validation(
    rng: np.random.Generator,
) -> None:
    walks = grow_walks(rng, 8000, 14)  # hardly two of them have one shape
    share = {name: (split_by_hash(walks) == name).mean() for name in ("validation", "test")}
    held_out = sum(share.values())
    assert abs(held_out - HELD_OUT_FRACTION) < 0.02
    assert abs(share["validation"] / held_out - 1 / VALIDATION_EVERY) < 0.04


def test_split_of_ten_cubes_has_not_changed() -> None:
    # Figures are reported on its test shapes.
    walks = grow_walks(np.random.default_rng(0), 2000, 10)
    text = "".join(part[0] for part in split_by_hash(walks))
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "024e16fa864e355d"
