"""The picture of an episode for people."""

from __future__ import annotations

import numpy as np
import pytest

from envs.picture import PANEL, compose_frame, draw_path
from tests.envs.fake_encoder import FakeDreamer


def test_render_shows_view_and_path_and_follows_the_camera(make):
    env = make(render_mode="rgb_array")
    env.reset(seed=0)
    first = env.render()
    env.step(0)
    second = env.render()
    assert first.dtype == np.uint8
    assert first.shape == second.shape == (first.shape[0], 2 * PANEL, 3)
    left, right = slice(0, PANEL), slice(PANEL, None)
    assert (first[:, left] != second[:, left]).any()
    assert (first[:, right] != second[:, right]).any()


def test_an_encoder_that_imagines_gets_a_panel_from_the_opposite_side(make):
    env = make(render_mode="rgb_array", encoder=FakeDreamer())
    env.reset(seed=0)
    height = env.unwrapped.rows.viewpoints.position[0, 2]
    frame = env.render()
    assert frame.shape[1] == 3 * PANEL
    # The fake's grey tells the height of the camera it was asked about.
    assert frame[-1, -1, 0] == int(128 - 10 * height)


def test_a_vector_environment_draws_every_row(make_vec):
    env = make_vec(num_envs=3, render_mode="rgb_array")
    env.reset(seed=0)
    frames = env.render()
    assert len(frames) == 3
    assert not np.array_equal(frames[0], frames[1])


def test_without_a_render_mode_there_is_a_warning_and_no_picture(make_vec):
    env = make_vec()
    env.reset(seed=0)
    with pytest.warns(UserWarning, match="render_mode"):
        assert env.render() is None


def test_the_current_view_is_enlarged_without_blurring():
    image = np.zeros((8, 8, 3), np.uint8)
    image[:4, 4:] = (200, 100, 50)
    panel = compose_frame(image, np.zeros((1, 2)), 12)[-PANEL:, :PANEL]
    np.testing.assert_array_equal(panel[: PANEL // 2, PANEL // 2 :].reshape(-1, 3)[0], image[0, 4])
    assert len(np.unique(panel.reshape(-1, 3), axis=0)) == 2


@pytest.mark.parametrize("looks", [0, 1, 2, 12])
def test_any_number_of_looks_can_be_drawn(looks):
    path = np.column_stack([np.linspace(-3, 3, looks), np.linspace(-1.5, 1.5, looks)])
    drawn = np.array(draw_path(path))
    assert (drawn != np.array(draw_path(np.zeros((0, 2))))).any() == (looks > 0)
