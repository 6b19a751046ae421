"""Pairs of pictures: a balanced plan, drawn as planned."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from envs.tasks.mental_rotation import MentalRotationTask
from experiments.trials.log import letters_of
from experiments.trials.pairs import all_shown, balanced_plan, photographed, whole_view_distance
from gqn_rl.errors import UserError
from gqn_rl.rendering import make_renderer
from gqn_rl.scenes.shepard_metzler import ShepardMetzlerObject

SHAPES = ["uurbbu", "uurrfr", "uulbbl"]


def task(**options: object) -> MentalRotationTask:
    given = {"camera": "fixed", "elevation": (10, 45), "glimpses": 1, **options}
    return MentalRotationTask(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [1, 7, 60, 100])
def test_a_plan_is_balanced_over_angles_answers_and_shapes(n: int) -> None:
    plan = balanced_plan(np.random.default_rng(0), n, SHAPES, [0.0, 60.0, 120.0])
    assert len(plan) == n
    for counted, kinds in (([p[1:] for p in plan], 6), ([p.shape for p in plan], 3)):
        counts = [*Counter(counted).values(), *[0] * (kinds - len(set(counted)))]
        assert max(counts) - min(counts) <= 1


def test_a_plan_is_in_random_order_and_no_shape_belongs_to_an_answer() -> None:
    plan = balanced_plan(np.random.default_rng(0), 600, SHAPES, None)
    assert {planned.angle for planned in plan} == {None}
    both = Counter((planned.shape, planned.same) for planned in plan)
    assert min(both.values()) > 70
    same = np.array([planned.same for planned in plan])
    assert 0.4 < (same[1:] == same[:-1]).mean() < 0.6


@pytest.mark.parametrize("rotation", ["depth", "picture"])
def test_pictures_show_what_was_planned(rotation: str) -> None:
    rng = np.random.default_rng(1)
    plan = balanced_plan(rng, 10, SHAPES, [0.0, 90.0])
    renderer = make_renderer("raycast", 48)
    parts = list(photographed(task(rotation=rotation), renderer, plan, rng, portion=4))
    assert [len(part.plan) for part in parts] == [4, 4, 2]
    for part in parts:
        assert part.left.shape == part.right.shape == (len(part.plan), 48, 48, 3)
        assert part.trials.reference is not None
        for row, planned in enumerate(part.plan):
            assert letters_of(part.trials.reference, row) == planned.shape
            assert part.trials.details["angle"][row] == planned.angle
            assert part.trials.target[row] == (not planned.same)
            equal = np.array_equal(part.left[row], part.right[row])
            assert equal == (planned.same and planned.angle == 0)


def test_from_the_least_distance_nothing_is_cut() -> None:
    item = ShepardMetzlerObject.from_directions("uuuubbuur")
    distance = whole_view_distance(item.centred()[None])
    rng = np.random.default_rng(2)
    plan = balanced_plan(rng, 30, ["uuuubbuur"], None)
    made = task(num_cubes=10, shapes="all", rotation="picture", elevation=(-90, 90))
    for near, is_whole in ((distance, True), (0.6 * distance, False)):
        (pairs,) = photographed(made, make_renderer("raycast", 64), plan, rng, distance=near)
        border = np.ones((64, 64), dtype=bool)
        border[1:-1, 1:-1] = False
        assert (pairs.right[:, border].max() == 0) == is_whole


def test_pairs_that_hide_a_cube_are_drawn_anew_where_that_is_asked_for() -> None:
    rng = np.random.default_rng(3)
    plan = balanced_plan(rng, 12, SHAPES, [0.0, 90.0])
    renderer = make_renderer("raycast", 64)
    (pairs,) = photographed(task(), renderer, plan, rng, all_cubes_show=True)
    camera = task().reference_views(pairs.trials)
    for scenes in (pairs.trials.reference, pairs.trials.scenes):
        _, cubes = renderer.render_with_segmentation(scenes, camera)  # type: ignore[attr-defined]
        assert all(all_shown(image[None], 7) for image in cubes)
    above = task(elevation=(90, 90))  # something lies under another cube however it stands
    plan = balanced_plan(rng, 1, ["uurrff"], [0.0])
    with pytest.raises(UserError, match="none of 200 ways to stand shows all cubes of 'uurrff'"):
        list(photographed(above, renderer, plan, rng, distance=20.0, all_cubes_show=True))


def test_a_hidden_cube_is_noticed() -> None:
    image = np.full((1, 8, 8), -1, np.int8)
    image[0, :4], image[0, 4:6] = 0, 1
    assert all_shown(image, 2)
    assert not all_shown(image, 3)
