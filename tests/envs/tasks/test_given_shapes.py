"""Objects of a file, and objects too large to know all of them, in every task."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from envs.tasks import TASKS, make_task
from envs.tasks.galleries import GALLERIES, shape_distances
from gqn_rl.errors import UserError
from gqn_rl.geometry.rotations import GRID_ROTATIONS
from gqn_rl.scenes.scene import SceneBatch
from gqn_rl.scenes.shape_split import split_by_hash
from gqn_rl.scenes.shepard_metzler import ShepardMetzlerObject, canonical_forms

FIGURES = ["uuuubbuur", "uuuubbuul", "rrruuufff", "uurrrbbuu", "uuuffrrrd"]
"""The first two are mirror images; all are chiral."""


@pytest.fixture
def figures(tmp_path: Path) -> str:
    (tmp_path / "figures.txt").write_text("\n".join(FIGURES))
    return str(tmp_path / "figures.txt")


def forms_of(scenes: SceneBatch) -> list[bytes]:
    grid = np.rint(scenes.cubes - scenes.cubes[:, :1]).astype(np.int8)
    return [form.tobytes() for form in canonical_forms(grid)]


def forms_of_figures() -> list[bytes]:
    return [ShepardMetzlerObject.from_directions(text).canonical_form for text in FIGURES]


@pytest.mark.parametrize("name", TASKS)
def test_every_task_shows_the_objects_of_a_file(name: str, figures: str) -> None:
    trials = make_task(name, num_cubes=10, shapes=figures).sample(np.random.default_rng(0), 100)
    shown = trials.scenes if trials.reference is None else trials.reference
    assert set(forms_of(shown)) == set(forms_of_figures())


def test_answers_name_the_objects_in_the_order_of_the_file(figures: str) -> None:
    task = make_task("recognition", num_cubes=10, shapes=figures)
    assert task.num_answers == len(FIGURES)
    trials = task.sample(np.random.default_rng(0), 100)
    expected = forms_of_figures()
    assert forms_of(trials.scenes) == [expected[target] for target in trials.target]


def test_a_smaller_gallery_has_the_first_objects(figures: str) -> None:
    task = make_task("recognition", num_cubes=10, shapes=figures, gallery_size=3)
    assert set(forms_of(task.sample(np.random.default_rng(0), 50).scenes)) == set(
        forms_of_figures()[:3]
    )
    with pytest.raises(UserError, match=r"gallery_size is 6, expected 2 to 5 \(.*figures.txt\)"):
        make_task("recognition", num_cubes=10, shapes=figures, gallery_size=6)


def test_a_confusable_gallery_of_given_objects_has_the_mirror_pair_first(figures: str) -> None:
    pool = make_task(
        "recognition", num_cubes=10, shapes=figures, gallery="confusable"
    ).answer_shapes
    assert pool is not None
    assert pool.numbers[:2].tolist() == [0, 1]
    distance = sum(shape_distances(cubes, pool.cubes) for cubes in pool.cubes[:2])
    assert (distance[2] <= distance[3:]).all()


def test_a_figure_that_is_its_own_mirror_image_makes_no_same_or_mirror_trial(
    tmp_path: Path,
) -> None:
    path = tmp_path / "planar.txt"
    path.write_text("uuuubbuur\nuuuurrruu\n")
    with pytest.raises(
        UserError, match=r"object 2 of .*planar.txt, 'uuuurrruu', is its own mirror"
    ):
        make_task("mental_rotation", num_cubes=10, shapes=str(path))
    assert make_task("recognition", num_cubes=10, shapes=str(path)).num_answers == 2


def test_one_shape_twice_makes_no_gallery(tmp_path: Path) -> None:
    path = tmp_path / "twice.txt"
    turned = ShepardMetzlerObject.from_directions("uuuubbuur").rotate(GRID_ROTATIONS[7])
    path.write_text(f"uuuubbuur\n{turned.directions()}\n")
    with pytest.raises(UserError, match=r"objects 1 and 2 of .*twice.txt have one shape"):
        make_task("recognition", num_cubes=10, shapes=str(path))


@pytest.mark.parametrize("shapes", ["train", "validation", "test"])
@pytest.mark.parametrize("name", TASKS)
def test_ten_cubes_stay_on_their_side_of_the_split(name: str, shapes: str) -> None:
    trials = make_task(name, num_cubes=10, shapes=shapes).sample(np.random.default_rng(0), 60)
    grid = np.rint(trials.scenes.cubes - trials.scenes.cubes[:, :1]).astype(np.int8)
    assert set(split_by_hash(grid).tolist()) == {shapes}


@pytest.mark.parametrize("gallery", GALLERIES)
def test_galleries_of_ten_cubes_begin_with_smaller_ones_and_repeat_no_shape(gallery: str) -> None:
    small, large = (
        make_task("recognition", num_cubes=10, gallery=gallery, gallery_size=size).answer_shapes
        for size in (5, 20)
    )
    assert small is not None
    assert large is not None
    np.testing.assert_array_equal(small.cubes, large.cubes[:5])
    assert len(np.unique(canonical_forms(large.cubes), axis=0)) == 20
    pairs = (large.mirror() != np.arange(20)).sum()
    assert pairs >= 10 if gallery == "confusable" else pairs == 0


def test_environments_have_as_many_cubes_as_the_file(make, make_vec, figures: str) -> None:
    env = make("GQNShepardMentalRotation-v0", shapes=figures, observation="state")
    observation, _ = env.reset(seed=0)
    assert observation["state"].shape == (6 * 10,)
    rows = make_vec("GQNShepard-v0", num_envs=3, shapes=figures)
    rows.reset(seed=0)
    assert rows.single_action_space.n == 4 + len(FIGURES)
    assert rows.unwrapped.scenes.cubes.shape == (3, 10, 3)
    with pytest.raises(UserError, match=r"num_cubes is 7, expected 10 as the objects of .* have"):
        make("GQNShepard-v0", shapes=figures, num_cubes=7)
