"""Mental rotation as psychologists run it: what is turned how, seen whence, and what is set."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence

from envs.tasks import make_task
from envs.tasks.first_cameras import CUE_VIEWS
from gqn_rl.errors import UserError
from gqn_rl.rendering import make_renderer
from gqn_rl.scenes.shepard_metzler import ShepardMetzlerObject, canonical_forms

ID = "GQNShepardMentalRotation-v0"
ONE = "uurbbu"


def sampled(n=200, seed=0, **options):
    task = make_task("mental_rotation", **options)
    return task, task.sample(np.random.default_rng(seed), n)


def forms(scenes):
    """The shapes of scenes in whatever orientation."""
    centres = np.einsum("nji,npj->npi", scenes.rotation, scenes.cube_centres())
    return canonical_forms(np.rint(centres - centres[:, :1]).astype(np.int8))


def from_the_camera(scenes, camera):
    """Cube centres along the axes of each camera: right, up, towards what it looks at."""
    poses = camera.viewpoints()
    return np.einsum("nij,npj->npi", poses.axes(), scenes.cube_centres())


@pytest.mark.parametrize("rotation", ["depth", "picture"])
def test_the_target_says_whether_shapes_are_the_same_and_rotations_are_proper(rotation):
    _, trials = sampled(rotation=rotation)
    same = (forms(trials.scenes) == forms(trials.reference)).all(axis=1)
    np.testing.assert_array_equal(same, trials.target == 0)
    np.testing.assert_allclose(np.linalg.det(trials.scenes.rotation), 1.0)
    assert 0.3 < same.mean() < 0.7


def test_in_the_picture_plane_the_picture_is_turned_and_mirrored_and_nothing_else():
    _, trials = sampled(rotation="picture", angles="random", elevation=(-70, 70))
    here, there = (
        from_the_camera(scenes, trials.camera) for scenes in (trials.reference, trials.scenes)
    )
    here[trials.target == 1, :, 0] *= -1  # what is on the right is on the left
    turn = np.exp(1j * np.deg2rad(trials.details["angle"]))[:, None]
    flat = (here[..., 0] + 1j * here[..., 1]) * turn  # anticlockwise
    np.testing.assert_allclose(there[..., 0], flat.real, atol=1e-12)
    np.testing.assert_allclose(there[..., 1], flat.imag, atol=1e-12)
    np.testing.assert_allclose(there[..., 2], here[..., 2], atol=1e-12)


def test_a_half_turn_in_the_picture_plane_turns_silhouettes_upside_down():
    _, trials = sampled(n=6, rotation="picture", angles=[180])
    renderer = make_renderer("raycast", image_size=64)
    one, other = (
        # Pixels are sampled at corners: without this row and column, the middle is in the middle.
        (renderer.render(scenes, trials.camera.viewpoints()).max(axis=-1) > 0)[:, :-1, 1:]
        for scenes in (trials.reference, trials.scenes)
    )
    one[trials.target == 1] = one[trials.target == 1, :, ::-1]
    assert (one[:, ::-1, ::-1] != other).mean() < 0.001
    assert one.mean() > 0.05


def test_a_fixed_camera_takes_the_first_picture_of_both_objects():
    task, trials = sampled(camera="fixed", elevation=(10, 45), glimpses=2)
    degrees = np.degrees(trials.camera.elevation)
    assert 10 <= degrees.min() < 15 < 40 < degrees.max() <= 45
    assert len(np.unique(trials.camera.azimuth)) == 1
    seen = task.reference_views(trials)
    assert len(seen) == 2 * len(trials)
    np.testing.assert_array_equal(seen.position[::2], trials.camera.viewpoints().position)
    np.testing.assert_array_equal(seen.position[1::2], np.tile(CUE_VIEWS.position[1], (200, 1)))


def test_an_elevation_alone_leaves_the_azimuth_random_and_the_reference_as_it_is():
    task, trials = sampled(elevation=(-20, -20))
    np.testing.assert_allclose(np.degrees(trials.camera.elevation), -20)
    assert np.ptp(trials.camera.azimuth) > 5
    np.testing.assert_array_equal(task.reference_views(trials[:1]).position, CUE_VIEWS.position)


def test_angles_are_those_that_were_chosen_or_any():
    assert set(sampled(angles=[30, 75.5])[1].details["angle"]) == {30.0, 75.5}
    angle = sampled(n=2000, angles="random")[1].details["angle"]
    counts = np.histogram(angle, bins=9, range=(0, 180))[0]
    assert counts.sum() == 2000
    assert (np.abs(counts - 2000 / 9) < 5 * np.sqrt(2000 / 9)).all()


def test_without_options_no_trial_has_a_camera_of_its_own():
    assert sampled()[1].camera is None


@pytest.mark.parametrize("glimpses", [1, 3])
def test_glimpses_count_for_either_object(make, glimpses):
    env = make(ID, observation="pixels", glimpses=glimpses, camera="fixed").unwrapped
    observation, _ = env.reset(seed=0)
    assert observation["cue"].shape == (64, 64, 3 * glimpses)
    for _ in range(glimpses - 1):
        assert not env.step(0)[2]
    _, reward, ended, _, info = env.step(0)  # one more than there are
    assert (reward, ended, info["looks"]) == (-1.0, True, glimpses)
    assert make(ID, observation="pixels", glimpses=1, max_looks=5).unwrapped.rows.max_looks == 5


def test_the_same_object_at_no_angle_makes_the_same_picture_from_a_fixed_camera(make_vec):
    env = make_vec(ID, 6, observation="pixels", glimpses=1, camera="fixed", elevation=(10, 45))
    same = [True, False] * 3
    observation, infos = env.reset(seed=3, options={"angle": 0, "same": same})
    equal = (observation["image"] == observation["cue"]).all(axis=(1, 2, 3))
    np.testing.assert_array_equal(equal, same)
    np.testing.assert_array_equal(infos["target"], [0, 1] * 3)


def test_a_trial_is_set_and_what_is_not_given_stays_as_drawn(make):
    env = make(ID, observation="state").unwrapped
    given = {"shape": ONE, "angle": 62.5, "same": False}
    _, info = env.reset(seed=5, options=given)
    assert (info["angle"], info["target"]) == (62.5, 1)
    whole = env.rows.trials
    expected = ShepardMetzlerObject.from_directions(ONE)
    np.testing.assert_allclose(whole.reference.cubes[0], expected.centred())
    env.reset(seed=5)
    drawn = env.rows.trials
    np.testing.assert_array_equal(drawn.reference.rotation, whole.reference.rotation)
    np.testing.assert_array_equal(drawn.reference.colour, whole.reference.colour)
    assert (forms(drawn.reference) != forms(whole.reference)).any()


def test_each_row_may_have_its_own_and_later_episodes_are_drawn_again(make_vec):
    env = make_vec(ID, 2, observation="state", autoreset_mode="SameStep")
    plain, drawn = env.reset(seed=0)
    _, infos = env.reset(seed=0, options={"angle": np.array([5.0, 175.0])})
    np.testing.assert_array_equal(infos["angle"], [5.0, 175.0])
    np.testing.assert_array_equal(infos["target"], drawn["target"])
    mask = np.array([False, True])
    _, infos = env.reset(options={"angle": 33, "reset_mask": mask})
    np.testing.assert_array_equal(infos["angle"], [0.0, 33.0])  # told of the new row alone
    np.testing.assert_array_equal(env.trials.details["angle"], [5.0, 33.0])
    _, _, _, _, infos = env.step(np.array([4, 4]))
    assert (infos["angle"] % 20 == 0).all()
    assert data_equivalence(env.reset(seed=0)[0], plain, exact=True)


def test_snapshots_of_trials_with_cameras_go_on_where_they_were_taken(make_vec):
    options = {"observation": "pixels", "rotation": "picture", "elevation": (0, 60)}
    one, two = (make_vec(ID, 2, **options) for _ in range(2))
    one.reset(seed=0)
    two.reset(seed=9)
    two.restore(one.snapshot())
    for action in (0, 2, 4, 4):
        after = [env.step(np.full(2, action))[0] for env in (one, two)]
        assert data_equivalence(*after, exact=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"angle": 181}, r"angle is 181, expected 0 to 180 degrees"),
        ({"angle": "far"}, r"angle is 'far', expected 0 to 180"),
        ({"same": "yes"}, r"same is 'yes', expected True or False"),
        ({"shape": "uurbbx"}, r"has the letter 'x'"),
        ({"shape": "uuuuuu"}, r"'uuuuuu' is its own mirror image"),
        ({"shape": "uur"}, r"'uur' has 4 cubes, expected 7"),
        ({"shape": 7}, r"shape is 7, expected letters"),
        ({"angle": [1, 2, 3]}, r"'angle' has 3 values, expected 1 or 2"),
        ({"angles": 60}, r"'angles' is unknown.*'shape', 'angle', 'same'"),
    ],
)
def test_trials_that_there_are_not_are_refused_in_one_line(make_vec, options, message):
    env = make_vec(ID, 2, observation="state")
    before = env.reset(seed=0)[0]
    with pytest.raises(UserError, match=message) as caught:
        env.reset(seed=1, options=options)
    assert "\n" not in str(caught.value)
    assert data_equivalence(env.reset(seed=0)[0], before, exact=True)


def test_other_tasks_have_no_trials_to_set(make):
    with pytest.raises(UserError, match="'angle' is unknown"):
        make(observation="state").unwrapped.reset(options={"angle": 60})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rotation": "sideways"}, "rotation.*'sideways'.*depth.*picture"),
        ({"rotation": "picture", "camera": "random"}, "camera is 'random', expected 'fixed'"),
        ({"camera": "drone"}, "unknown camera 'drone'.*fixed.*random"),
        ({"angles": [0, 200]}, "angle is 200, expected 0 to 180"),
        ({"angles": "some"}, "angles is 'some'"),
        ({"angles": []}, "expected at least one"),
        ({"elevation": (50, 40)}, "elevation is .*lowest and the highest"),
        ({"elevation": (0, 91)}, "within -90 to 90"),
        ({"elevation": 30}, "elevation is 30"),
        ({"glimpses": 0}, "glimpses is 0, expected 1 to 4"),
        ({"glimpses": 5}, "glimpses is 5, expected 1 to 4"),
    ],
)
def test_options_that_there_are_not_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        make_task("mental_rotation", **options)
