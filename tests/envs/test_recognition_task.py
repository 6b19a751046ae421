"""The recognition task, without a single image."""

from __future__ import annotations

import numpy as np
import pytest

from envs.tasks import TASKS, make_task
from gqn_rl.errors import UserError
from gqn_rl.shape_catalogue import shape_catalogue
from gqn_rl.shepard_metzler import canonical_forms

TRIALS = 20_000


@pytest.fixture(params=list(TASKS))
def task(request):
    return make_task(request.param)


def test_targets_are_uniform_over_the_answers(task):
    targets = task.sample(np.random.default_rng(0), TRIALS).target
    counts = np.bincount(targets, minlength=task.num_answers)
    expected = TRIALS / task.num_answers
    assert (np.abs(counts - expected) < 5 * np.sqrt(expected)).all()


@pytest.mark.parametrize("strategy", ["constant", "random"])
def test_answering_blindly_is_at_chance(task, strategy):
    rng = np.random.default_rng(1)
    trials = task.sample(rng, TRIALS)
    random = rng.integers(task.num_answers, size=TRIALS)
    answers = random if strategy == "random" else np.full(TRIALS, task.num_answers - 1)
    chance = 1 / task.num_answers
    tolerance = 5 * np.sqrt(chance * (1 - chance) / TRIALS)
    assert abs(task.score(trials, answers).mean() - chance) < tolerance


def test_the_target_and_nothing_else_is_right(task):
    trials = task.sample(np.random.default_rng(2), 100)
    assert task.score(trials, trials.target).all()
    assert not task.score(trials, (trials.target + 1) % task.num_answers).any()
    assert not task.score(trials, np.full(100, -1)).any()


def test_trials_depend_on_the_generator_alone(task):
    first, again, other = (task.sample(np.random.default_rng(s), 50) for s in (3, 3, 4))
    np.testing.assert_array_equal(first.target, again.target)
    np.testing.assert_array_equal(first.scenes.colour, again.scenes.colour)
    np.testing.assert_array_equal(first.scenes.rotation, again.scenes.rotation)
    assert not np.array_equal(first.target, other.target)


def test_scenes_show_the_gallery_shape_that_the_target_names():
    task = make_task("recognition")
    catalogue = shape_catalogue(7)
    trials = task.sample(np.random.default_rng(5), 200)
    centres = trials.scenes.cube_centres()
    # Grid rotations keep cubes on the grid; the canonical form forgets orientation and place.
    grid = np.rint(centres - centres[:, :1]).astype(np.int8)
    forms = canonical_forms(grid)
    gallery = np.stack([catalogue.representative(s).cubes for s in task.gallery])
    np.testing.assert_array_equal(forms, canonical_forms(gallery)[trials.target])


def test_free_orientation_turns_cubes_off_the_grid():
    scenes = (
        make_task("recognition", orientation="free").sample(np.random.default_rng(0), 50).scenes
    )
    off_grid = np.abs(scenes.rotation - np.rint(scenes.rotation)).max(axis=(1, 2))
    assert (off_grid > 1e-3).mean() > 0.9


@pytest.mark.parametrize("num_cubes", [6, 7])
def test_galleries_are_distinct_and_stay_on_their_side_of_the_split(num_cubes):
    catalogue = shape_catalogue(num_cubes)
    sides = {}
    for shapes in ("train", "test"):
        size = len(catalogue.indices(shapes))
        gallery = make_task(
            "recognition", num_cubes=num_cubes, shapes=shapes, gallery_size=size
        ).gallery
        assert len(np.unique(gallery)) == size
        assert (catalogue.is_test[gallery] == (shapes == "test")).all()
        sides[shapes] = set(gallery.tolist())
    assert not sides["train"] & sides["test"]


def test_a_larger_gallery_begins_with_the_smaller_one():
    small, large = (make_task("recognition", gallery_size=k).gallery for k in (5, 30))
    np.testing.assert_array_equal(small, large[:5])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gallery_size": 311}, r"gallery_size is 311, expected 2 to \d+"),
        ({"gallery_size": 1}, "gallery_size is 1"),
        ({"shapes": "exam"}, "'train'"),
        ({"orientation": "upside down"}, "'grid'"),
        ({"num_cubes": 50}, "num_cubes is 50"),
        ({"num_cubes": 5}, "num_cubes=5"),
        ({"galery_size": 10}, "unknown argument 'galery_size'.*gallery_size"),
    ],
)
def test_bad_options_are_refused_in_one_line(options, message):
    with pytest.raises(UserError, match=message) as caught:
        make_task("recognition", **options)
    assert "\n" not in str(caught.value)


def test_an_unknown_task_lists_the_known():
    with pytest.raises(UserError, match=r"'telepathy'.*'recognition'"):
        make_task("telepathy")
