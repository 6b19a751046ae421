"""Mental rotation: what the two objects have in common, and what tells them apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from envs.tasks import make_task
from envs.tasks.mental_rotation import ANGLES, CUE_VIEWS
from gqn_rl.geometry.rotations import MIRROR, yaw_matrices
from gqn_rl.geometry.view import Views
from gqn_rl.geometry.viewpoint import SPHERE_RADIUS
from gqn_rl.scenes.shape_catalogue import shape_catalogue
from gqn_rl.scenes.shepard_metzler import canonical_forms
from tests.envs.fake_encoder import FakeDreamer

N = 500


@pytest.fixture
def trials():
    return make_task("mental_rotation").sample(np.random.default_rng(0), N)


def forms(scenes):
    """The shapes of scenes in whatever orientation."""
    centres = np.einsum("nji,npj->npi", scenes.rotation, scenes.cube_centres())
    return canonical_forms(np.rint(centres - centres[:, :1]).astype(np.int8))


def test_the_target_says_whether_the_shapes_are_the_same_or_mirror_images(trials):
    same = (forms(trials.scenes) == forms(trials.reference)).all(axis=1)
    np.testing.assert_array_equal(same, trials.target == 0)
    mirrored = replace(trials.reference, cubes=trials.reference.cubes * MIRROR)
    np.testing.assert_array_equal((forms(trials.scenes) == forms(mirrored)).all(axis=1), ~same)


def test_the_object_is_the_reference_turned_by_the_angle_about_the_vertical_axis(trials):
    turn = yaw_matrices(np.deg2rad(trials.details["angle"]))
    reflection = np.where(trials.target[:, None] == 1, [-1.0, 1.0, 1.0], 1.0)
    expected = trials.reference.cube_centres() * reflection[:, None]
    expected = np.einsum("nij,npj->npi", turn, expected)
    np.testing.assert_allclose(trials.scenes.cube_centres(), expected, atol=1e-12)


def test_orientations_are_rotations_and_stand_freely(trials):
    for scenes in (trials.scenes, trials.reference):
        np.testing.assert_allclose(np.linalg.det(scenes.rotation), 1.0)
        off_grid = np.abs(scenes.rotation - np.rint(scenes.rotation)).max(axis=(1, 2))
        assert (off_grid > 1e-3).mean() > 0.9


def test_nothing_but_handedness_tells_a_mirror_image_from_the_same(trials):
    here, there = trials.scenes.cube_centres(), trials.reference.cube_centres()
    np.testing.assert_allclose(here[..., 2], there[..., 2], atol=1e-12)
    np.testing.assert_allclose(
        np.hypot(here[..., 0], here[..., 1]), np.hypot(there[..., 0], there[..., 1]), atol=1e-12
    )
    gaps = (np.linalg.norm(c[:, :, None] - c[:, None], axis=-1) for c in (here, there))
    np.testing.assert_allclose(*gaps, atol=1e-12)
    assert np.bincount(trials.target, minlength=2).min() > N / 3


def test_angles_are_those_of_shepard_and_metzler_and_independent_of_the_answer():
    trials = make_task("mental_rotation").sample(np.random.default_rng(0), 20_000)
    angle = trials.details["angle"]
    np.testing.assert_array_equal(np.unique(angle), np.arange(0, 181, 20))
    for target in (0, 1):
        counts = np.array([(angle[trials.target == target] == value).sum() for value in ANGLES])
        assert (np.abs(counts - 1000) < 5 * np.sqrt(1000)).all()


@pytest.mark.parametrize("num_cubes", [4, 6, 7])
def test_only_chiral_shapes_are_used_and_all_of_them(num_cubes):
    part = "all" if num_cubes == 4 else "train"
    catalogue = shape_catalogue(num_cubes)
    task = make_task("mental_rotation", num_cubes=num_cubes, shapes=part)
    assert catalogue.is_chiral[task.shapes].all()
    expected = catalogue.is_chiral[catalogue.indices(part)].sum()
    assert len(np.unique(task.shapes)) == expected


def test_shared_colours_stay_with_their_cubes_and_independent_ones_do_not():
    shared, independent = (
        make_task("mental_rotation", colours=colours).sample(np.random.default_rng(0), 50)
        for colours in ("shared", "independent")
    )
    np.testing.assert_array_equal(shared.scenes.colour, shared.reference.colour)
    assert (independent.scenes.colour != independent.reference.colour).any(axis=(1, 2)).all()


def test_the_cue_views_are_the_corners_of_a_regular_tetrahedron():
    directions = CUE_VIEWS.position / SPHERE_RADIUS
    expected = np.full((4, 4), -1 / 3)
    np.fill_diagonal(expected, 1.0)
    np.testing.assert_allclose(directions @ directions.T, expected, atol=1e-12)


def test_the_cue_is_the_reference_as_the_observation_shows_things(make):
    cues = {}
    for observation in ("representation", "pixels", "state"):
        env = make("GQNShepardMentalRotation-v0", observation=observation).unwrapped
        cues[observation] = env.reset(seed=3)[0]["cue"]
    trials, encoder = env.rows.trials, FakeDreamer()
    images = env.rows.renderer.render(trials.reference.repeat(4), CUE_VIEWS)
    stacked = np.split(cues["pixels"], 4, axis=-1)
    np.testing.assert_array_equal(np.stack(stacked), images)
    centres = trials.reference.cube_centres()[0].astype(np.float32)
    expected = np.concatenate([centres.ravel(), trials.reference.colour[0].ravel()])
    np.testing.assert_array_equal(cues["state"], expected)
    state = encoder.initial_state(1)
    for index in range(4):
        pose = CUE_VIEWS[index : index + 1]
        state = encoder.update(state, Views(images[index : index + 1], pose))
    np.testing.assert_array_equal(cues["representation"], encoder.representation(state)[0])


@pytest.mark.parametrize("glimpses", [1, 2, 3, 4])
def test_the_reference_is_one_rgb_picture_with_a_tile_for_each_of_its_views(make, glimpses):
    env = make("GQNShepardMentalRotation-v0", observation="rgb", glimpses=glimpses).unwrapped
    cue = env.reset(seed=3)[0]["cue"]
    side = 1 if glimpses == 1 else 2
    assert cue.shape == env.observation_space["cue"].shape == (side * 64, side * 64, 3)
    tiles = [tile for row in np.split(cue, side) for tile in np.split(row, side, axis=1)]
    trials = env.rows.trials
    poses = env.rows.task.reference_views(trials)
    pictures = env.rows.renderer.render(trials.reference.repeat(glimpses), poses)
    np.testing.assert_array_equal(tiles[:glimpses], pictures)
    assert pictures.any(axis=(1, 2, 3)).all()
    assert not np.any(tiles[glimpses:])


def test_rgb_differs_from_pixels_in_the_reference_alone(make, env_id):
    stacked, rgb = (make(env_id, observation=name).reset(seed=3)[0] for name in ("pixels", "rgb"))
    assert stacked.keys() == rgb.keys()
    for key in stacked.keys() - {"cue"}:
        np.testing.assert_array_equal(stacked[key], rgb[key])
    if "MentalRotation" in env_id:
        assert sorted(stacked["cue"].ravel()) == sorted(rgb["cue"].ravel())
    elif "cue" in rgb:
        np.testing.assert_array_equal(stacked["cue"], rgb["cue"])


def test_the_cue_stays_the_same_for_an_episode_and_changes_with_the_next(make_vec):
    env = make_vec("GQNShepardMentalRotation-v0", num_envs=3, autoreset_mode="SameStep")
    first, infos = env.reset(seed=0)
    second, *_ = env.step(np.array([0, 1, 4]))
    np.testing.assert_array_equal(first["cue"][:2], second["cue"][:2])
    assert not np.array_equal(first["cue"][2], second["cue"][2])
    third, _, _, _, final = env.step(np.array([4, 5, 0]))
    np.testing.assert_array_equal(final["final_obs"][0]["cue"], first["cue"][0])
    np.testing.assert_array_equal(final["final_info"]["angle"][:2], infos["angle"][:2])
    assert not np.array_equal(third["cue"][0], first["cue"][0])


def test_the_same_object_at_no_angle_looks_the_same_and_its_mirror_image_does_not(make_vec):
    env = make_vec("GQNShepardMentalRotation-v0", num_envs=200, observation="state")
    observation, infos = env.reset(seed=0)
    unturned = infos["angle"] == 0
    equal = np.isclose(observation["state"], observation["cue"], atol=1e-6).all(axis=1)
    np.testing.assert_array_equal(equal[unturned], infos["target"][unturned] == 0)
    assert set(infos["target"][unturned]) == {0, 1}


class FakeComparer(FakeDreamer):
    """Says by how much the object is brighter than the reference."""

    comparison_size = 2

    def compare(self, representation, reference):
        gap = (representation - reference).mean(axis=1, keepdims=True)
        return np.concatenate([gap, -gap], axis=1).astype(np.float32)


def test_an_encoder_that_compares_adds_what_it_says_of_each_look(make_vec):
    venv = make_vec("GQNShepardMentalRotation-v0", 5, encoder=FakeComparer())
    observation, _ = venv.reset(seed=3)
    for action in (0, 1, 2, 4, 0):
        gap = observation["representation"].mean(1) - observation["cue"].mean(1)
        np.testing.assert_allclose(observation["comparison"], np.stack([gap, -gap], 1), atol=1e-6)
        observation = venv.step(np.full(5, action))[0]
    assert np.abs(observation["comparison"]).max() > 0


def test_encoders_that_do_not_compare_and_other_observations_add_nothing(make_vec):
    for options in (
        {"encoder": FakeDreamer()},
        {"observation": "state"},
        {"observation": "pixels"},
    ):
        venv = make_vec("GQNShepardMentalRotation-v0", 2, **options)
        assert "comparison" not in venv.single_observation_space.spaces


def test_other_tasks_have_nothing_to_compare(make_vec):
    venv = make_vec("GQNShepard-v0", 2, encoder=FakeComparer())
    assert "comparison" not in venv.single_observation_space.spaces
