"""The picture of an episode for people."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from gymnasium.wrappers import RecordVideo

from envs.camera.angles import CameraAngles, KeepOut
from envs.drawing.picture import CAPTION, PANEL, Panel, compose_frame, draw_path, tiled
from gqn_rl.geometry.view import Views
from gqn_rl.geometry.viewpoint import SPHERE_RADIUS
from tests.envs.actions import LEFT, UP, answer, move
from tests.envs.fake_encoder import FakeDreamer, FakeEncoder

HEIGHT = PANEL + 2 * CAPTION


def panels(frame):
    """The pictures of a frame, without the text."""
    return np.split(frame[CAPTION:-CAPTION], frame.shape[1] // PANEL, axis=1)


def enlarged(image):
    return np.kron(image, np.ones((PANEL // len(image), PANEL // len(image), 1), np.uint8))


def seen_now(env):
    return Views(env.rows.images, env.rows.viewpoints)


def test_render_shows_view_and_path_and_follows_the_camera(make, env_id):
    env = make(env_id, render_mode="rgb_array").unwrapped
    env.reset(seed=0)
    first = env.render()
    np.testing.assert_array_equal(panels(first)[0], enlarged(env.rows.images[0]))
    env.step(move(env, LEFT))
    second = env.render()
    assert first.dtype == np.uint8
    assert first.shape == second.shape
    assert first.shape[0] == HEIGHT
    np.testing.assert_array_equal(panels(second)[0], enlarged(env.rows.images[0]))
    for before, after in zip(panels(first)[:2], panels(second)[:2], strict=True):
        assert (before != after).any()


def test_looking_at_the_picture_changes_nothing(make, env_id):
    seen, blind = (make(env_id, render_mode="rgb_array").unwrapped for _ in range(2))
    for env in (seen, blind):
        env.reset(seed=0)
    for direction in (LEFT, UP):
        seen.render()
        results = [env.step(move(env, direction)) for env in (seen, blind)]
        assert results[0][1:] == results[1][1:]
        for key, value in results[0][0].items():
            np.testing.assert_array_equal(value, results[1][0][key])


def test_an_encoder_that_cannot_draw_has_no_panel(make):
    for observation in ("representation", "pixels", "state"):
        env = make(render_mode="rgb_array", encoder=FakeEncoder(), observation=observation)
        env.reset(seed=0)
        assert env.render().shape == (HEIGHT, 2 * PANEL, 3)


def test_an_encoder_that_imagines_gets_a_panel_from_the_opposite_side(make):
    encoder = FakeDreamer()
    env = make(render_mode="rgb_array", encoder=encoder).unwrapped
    env.reset(seed=0)
    _, _, behind = panels(env.render())
    state = encoder.update(encoder.initial_state(1), seen_now(env))
    x, y, z = -env.rows.viewpoints.position.T / SPHERE_RADIUS
    opposite = CameraAngles(np.arctan2(y, x), np.arcsin(z))
    expected = encoder.predict_view(state, opposite.viewpoints())
    np.testing.assert_array_equal(behind, enlarged(expected[0]))


@pytest.mark.parametrize("observation", ["representation", "pixels", "state"])
def test_mental_rotation_shows_the_reference_from_the_cue_views(make, observation):
    env = make(
        "GQNShepardMentalRotation-v0",
        render_mode="rgb_array",
        encoder=FakeEncoder(),
        observation=observation,
    ).unwrapped
    env.reset(seed=0)
    reference = panels(env.render())[2]
    env.step(move(env, LEFT))
    np.testing.assert_array_equal(panels(env.render())[2], reference)
    trials, rows = env.rows.trials, env.rows
    four = rows.renderer.render(trials.reference.repeat(4), rows.task.cue_views)
    half = PANEL // 2
    for image, (top, left) in zip(four, [(0, 0), (0, half), (half, 0), (half, half)], strict=True):
        shown = reference[top : top + half, left : left + half]
        np.testing.assert_array_equal(shown, np.kron(image, np.ones((2, 2, 1), np.uint8)))


@pytest.mark.parametrize("observation", ["representation", "pixels", "state"])
def test_view_prediction_shows_the_truth_and_the_drawing_so_far(make, observation):
    encoder = FakeDreamer()
    env = make(
        "GQNShepardViewPrediction-v0",
        render_mode="rgb_array",
        encoder=encoder,
        observation=observation,
    ).unwrapped
    env.reset(seed=0)
    query = env.rows.trials.query.viewpoints()
    state = encoder.update(encoder.initial_state(1), seen_now(env))
    _, _, truth, first = panels(env.render())
    np.testing.assert_array_equal(
        truth, enlarged(env.rows.renderer.render(env.rows.scenes, query)[0])
    )
    np.testing.assert_array_equal(first, enlarged(encoder.predict_view(state, query)[0]))
    env.step(move(env, UP))
    state = encoder.update(state, seen_now(env))
    np.testing.assert_array_equal(
        panels(env.render())[3], enlarged(encoder.predict_view(state, query)[0])
    )


def test_the_last_line_says_how_it_ended(make):
    env = make("GQNShepardMentalRotation-v0", render_mode="rgb_array").unwrapped
    lines = []
    for shift in (0, 1):
        _, info = env.reset(seed=0)
        during = env.render()[-CAPTION:]
        env.step(answer(env, (info["target"] + shift) % 2))
        lines += [during, env.render()[-CAPTION:]]
    assert not np.array_equal(lines[0], lines[1])
    assert not np.array_equal(lines[1], lines[3])
    np.testing.assert_array_equal(lines[0], lines[2])


def test_a_vector_environment_draws_every_row(make_vec, env_id):
    env = make_vec(env_id, num_envs=3, render_mode="rgb_array")
    env.reset(seed=0)
    frames = env.render()
    assert len(frames) == 3
    assert not np.array_equal(frames[0], frames[1])


def test_without_a_render_mode_there_is_a_warning_and_no_picture(make_vec):
    env = make_vec()
    env.reset(seed=0)
    with pytest.warns(UserWarning, match="render_mode"):
        assert env.render() is None


def test_panels_are_enlarged_without_blurring():
    image = np.zeros((8, 8, 3), np.uint8)
    image[:4, 4:] = (200, 100, 50)
    (panel,) = panels(compose_frame([Panel("one", image)]))
    np.testing.assert_array_equal(panel, enlarged(image))


def test_tiles_are_laid_out_row_by_row():
    images = np.arange(1, 4, dtype=np.uint8)[:, None, None, None] * np.ones((3, 2, 2, 3), np.uint8)
    grid = tiled(images)
    np.testing.assert_array_equal(grid[::2, ::2, 0], [[1, 2], [3, 0]])


@pytest.mark.parametrize("looks", [0, 1, 2, 12])
def test_any_number_of_looks_can_be_drawn(looks):
    path = np.column_stack([np.linspace(-3, 3, looks), np.linspace(-1.5, 1.5, looks)])
    assert (draw_path(path) != draw_path(np.zeros((0, 2)))).any() == (looks > 0)


def test_where_no_camera_may_stand_is_drawn():
    cap = KeepOut(CameraAngles(np.array([-1.0]), np.array([0.3])), 0.7)
    nothing = np.zeros((0, 2))
    assert (draw_path(nothing, cap) != draw_path(nothing)).any()


@pytest.mark.skipif(not find_spec("moviepy"), reason="RecordVideo needs moviepy")
def test_a_video_can_be_recorded(make, env_id, tmp_path):
    env = RecordVideo(make(env_id, render_mode="rgb_array"), str(tmp_path / "v"), lambda _: True)
    env.reset(seed=0)
    env.step(move(env, LEFT))
    env.step(answer(env, 0))
    env.close()
    assert [video.stat().st_size > 1_000 for video in tmp_path.glob("v/*.mp4")] == [True]


def test_frames_of_an_episode_have_one_even_size_as_video_codecs_need(make, env_id):
    env = make(env_id, render_mode="rgb_array").unwrapped
    shapes = set()
    env.reset(seed=0)
    for action in (move(env, LEFT), answer(env, 0)):
        shapes.add(env.render().shape)
        env.step(action)
    shapes.add(env.render().shape)
    ((height, width, channels),) = shapes
    assert (height % 2, width % 2, channels) == (0, 0, 3)
    assert env.metadata["render_fps"] > 0
