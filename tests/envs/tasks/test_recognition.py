"""The recognition task, without a single image."""

from __future__ import annotations

import numpy as np
import pytest

from envs.tasks import make_task
from envs.tasks.galleries import GALLERIES, shape_distances
from gqn_rl.errors import UserError
from gqn_rl.geometry.rotations import GRID_ROTATIONS
from gqn_rl.scenes.shape_catalogue import shape_catalogue
from gqn_rl.scenes.shepard_metzler import canonical_forms


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


@pytest.mark.parametrize("gallery", GALLERIES)
@pytest.mark.parametrize("num_cubes", [6, 7])
def test_galleries_are_distinct_and_stay_on_their_side_of_the_split(num_cubes, gallery):
    catalogue = shape_catalogue(num_cubes)
    sides = {}
    for shapes in ("train", "test"):
        size = len(catalogue.indices(shapes))
        chosen = make_task(
            "recognition",
            num_cubes=num_cubes,
            shapes=shapes,
            gallery_size=size,
            gallery=gallery,
        ).gallery
        assert set(chosen.tolist()) == set(catalogue.indices(shapes).tolist())
        sides[shapes] = set(chosen.tolist())
    assert not sides["train"] & sides["test"]


@pytest.mark.parametrize("gallery", GALLERIES)
def test_a_larger_gallery_begins_with_the_smaller_one(gallery):
    small, large = (
        make_task("recognition", gallery_size=k, gallery=gallery).gallery for k in (5, 30)
    )
    np.testing.assert_array_equal(small, large[:5])


@pytest.mark.parametrize("gallery", GALLERIES)
def test_a_gallery_is_chosen_once_and_shared_by_all_who_ask_for_it(gallery, monkeypatch):
    given = {"gallery_size": 5, "gallery": gallery}
    first = make_task("recognition", **given)
    monkeypatch.setattr("envs.tasks.galleries.shape_distances", None)  # it would be called
    monkeypatch.setattr("gqn_rl.scenes.shape_source.EnumeratedShapes.pool", None)
    again = make_task("recognition", **given)
    np.testing.assert_array_equal(first.gallery, again.gallery)
    np.testing.assert_array_equal(first.answer_shapes.cubes, again.answer_shapes.cubes)
    with pytest.raises(ValueError, match="read-only"):
        again.answer_shapes.cubes[0] = 0


def test_the_distinct_gallery_is_the_one_that_shipped_agents_know():
    gallery = make_task("recognition").gallery
    np.testing.assert_array_equal(gallery, [103, 187, 134, 163, 298, 47, 297, 282, 96, 296])


@pytest.mark.parametrize("size", [2, 10, 11])
def test_a_confusable_gallery_holds_mirror_pairs(size):
    catalogue = shape_catalogue(7)
    gallery = make_task("recognition", gallery_size=size, gallery="confusable").gallery
    chiral = gallery[catalogue.is_chiral[gallery]]
    paired = np.isin(catalogue.mirror[chiral], gallery)
    # The size may cut the last pair in two, and no other.
    assert paired[:-1].all()
    assert paired[-1] or chiral[-1] == gallery[-1]
    assert paired.sum() >= size - 3


def test_a_confusable_gallery_holds_near_neighbours():
    catalogue = shape_catalogue(7)
    mean, nearest = {}, {}
    for name in GALLERIES:
        gallery = make_task("recognition", gallery_size=20, gallery=name).gallery
        cubes = np.stack([catalogue.representative(shape).cubes for shape in gallery])
        distance = np.stack([shape_distances(one, cubes) for one in cubes])
        np.fill_diagonal(distance, 99)
        nearest[name] = distance.min(axis=1)
        mean[name] = np.ma.masked_equal(distance, 99).mean()
    assert (nearest["confusable"] == 1).all()
    assert mean["confusable"] < 0.8 * mean["distinct"]


def test_shape_distances_count_the_cubes_that_must_move():
    line = np.array([[i, 0, 0] for i in range(4)], np.int8)
    bent = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [2, 1, 0]], np.int8)
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.int8)
    turned = bent @ GRID_ROTATIONS[13].T + np.array([3, -2, 1], np.int8)
    others = np.stack([line, bent, square, turned])
    np.testing.assert_array_equal(shape_distances(line, others), [0, 1, 2, 1])
    np.testing.assert_array_equal(shape_distances(bent, others), [1, 0, 1, 0])


def test_shape_distances_are_a_distance_between_shapes():
    catalogue = shape_catalogue(6)
    cubes = np.stack([catalogue.representative(shape).cubes for shape in range(72)])
    distance = np.stack([shape_distances(one, cubes) for one in cubes])
    np.testing.assert_array_equal(distance, distance.T)
    np.testing.assert_array_equal(distance == 0, np.eye(72, dtype=bool))
    # As far from each other as their mirror images are.
    mirror = catalogue.mirror
    np.testing.assert_array_equal(distance[mirror][:, mirror], distance)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gallery_size": 253}, r"gallery_size is 253, expected 2 to 252 \(the shapes='train'"),
        (
            {"gallery_size": 11, "num_cubes": 4, "shapes": "all"},
            "gallery_size is 11, expected 2 to 6",
        ),
        ({"gallery": "pretty"}, "unknown gallery 'pretty'.*'confusable', 'distinct'"),
        ({"gallery_size": 1}, "gallery_size is 1"),
        ({"shapes": "exam"}, "'train'"),
        ({"orientation": "upside down"}, "'grid'"),
        ({"num_cubes": 50}, "num_cubes is 50"),
        ({"num_cubes": 5}, "num_cubes=5"),
        ({"galery_size": 10}, "unexpected keyword argument 'galery_size'.*gallery_size"),
    ],
)
def test_bad_options_are_refused_in_one_line(options, message):
    with pytest.raises(UserError, match=message) as caught:
        make_task("recognition", **options)
    assert "\n" not in str(caught.value)
