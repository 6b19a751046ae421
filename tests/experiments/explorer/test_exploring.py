"""Explorations are values; what a GQN believes follows the views and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from experiments.explorer import exploring
from experiments.explorer.estimates import MOST_VIEWS, Estimator
from experiments.explorer.exploring import Exploration, Workshop
from experiments.explorer.nearest import ShapeGallery
from experiments.explorer.objects import NUM_CUBES, parse_object, shape_number
from experiments.explorer.page.figures import MAP_HEIGHT, MAP_WIDTH, camera_map, map_to_angles
from experiments.explorer.page.pictures import camera_parts, exploration_parts
from gqn_rl.errors import UserError
from gqn_rl.gqn.checkpoint import shipped_names

CAMERAS = [(0.0, 20.0), (120.0, -35.0), (-100.0, 40.0), (60.0, 5.0)]


def looked(workshop: Workshop, now: Exploration, cameras: list[Any]) -> Exploration:
    for camera in cameras:
        now = exploring.look(workshop, exploring.move(now, *camera))
    return now


def test_two_sessions_see_the_same_and_do_not_disturb_each_other(workshop: Workshop) -> None:
    one, other = exploring.begin(workshop), exploring.begin(workshop)
    seen = looked(workshop, one, CAMERAS[:2])
    exploring.show_held_out(workshop, other)
    again = looked(workshop, other, CAMERAS[:2])
    assert one.estimate.images == ()
    assert camera_parts(workshop, seen)["panels"] == camera_parts(workshop, again)["panels"]
    assert exploration_parts(seen) == exploration_parts(again)


def test_a_session_draws_other_things_each_time(workshop: Workshop) -> None:
    first = exploring.begin(workshop)
    recoloured = exploring.recolour(workshop, first)
    turned = exploring.turn(workshop, recoloured, "free")
    other = exploring.show_held_out(workshop, turned)
    assert not np.array_equal(first.shown.colour, recoloured.shown.colour)
    np.testing.assert_array_equal(first.shown.item.cubes, recoloured.shown.item.cubes)
    np.testing.assert_array_equal(recoloured.shown.colour, turned.shown.colour)
    assert not np.isclose(np.abs(turned.shown.rotation), 1.0).any(axis=1).all()
    assert other.shown.orientation == "free"
    assert shape_number(other.shown.item) != shape_number(first.shown.item)


def test_views_make_the_gqn_surer_and_righter(workshop: Workshop) -> None:
    now = looked(workshop, exploring.begin(workshop), CAMERAS)
    curve = now.estimate.curve
    assert [point.views for point in curve] == [1, 2, 3, 4]
    assert curve[3].spread < curve[1].spread < curve[0].spread
    assert curve[3].error < curve[1].error < curve[0].error
    assert [tuple(np.round(look, 6)) for look in now.looks] == CAMERAS


def test_a_prediction_is_compared_with_what_is_there(workshop: Workshop) -> None:
    now = looked(workshop, exploring.begin(workshop), CAMERAS)
    found = exploring.predict(workshop, now)
    np.testing.assert_array_equal(found.truth, now.estimate.images[-1])
    error = 255.0 * found.sample.astype(np.float64) - found.truth
    assert found.error == pytest.approx(np.sqrt(np.square(error).mean()))
    assert found.error < np.sqrt(np.square(found.truth.astype(np.float64)).mean())
    assert (found.spread >= 0).all()


@pytest.mark.parametrize("name", shipped_names())
def test_another_gqn_is_shown_the_same_views(workshop: Workshop, name: str) -> None:
    now = looked(workshop, exploring.begin(workshop), CAMERAS[:2])
    other = exploring.choose_weights(workshop, now, name)
    assert len(other.estimate.curve) == 2
    for mine, theirs in zip(now.estimate.images, other.estimate.images, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert np.isfinite(exploring.predict(workshop, other).error)


def test_new_objects_and_colours_forget_the_views(workshop: Workshop) -> None:
    now = looked(workshop, exploring.begin(workshop), CAMERAS[:1])
    drawn = exploring.show_object(workshop, now, parse_object("+x +x +y +z"))
    for other in (drawn, exploring.recolour(workshop, now), exploring.forget(workshop, now)):
        assert other.estimate.images == ()
        assert other.camera == now.camera
    assert len(drawn.shown.scenes().colour[0]) == 5


def test_more_views_than_the_environments_allow_are_refused(workshop: Workshop) -> None:
    now = looked(workshop, exploring.begin(workshop), [CAMERAS[0]] * MOST_VIEWS)
    with pytest.raises(UserError, match=f"{MOST_VIEWS} views have been taken"):
        exploring.look(workshop, now)


def test_the_map_says_where_a_click_was() -> None:
    for camera in CAMERAS:
        empty, marked = camera_map([], (179.0, -89.0)), camera_map([camera], (179.0, -89.0))
        rows, columns = np.nonzero((empty != marked).any(axis=-1))
        near = (np.abs(columns - columns.min()) <= 8) & (np.abs(rows - rows.mean()) <= 8)
        across, down = columns[near].mean() / MAP_WIDTH, rows[near].mean() / MAP_HEIGHT
        azimuth, elevation = map_to_angles(across, down)
        assert abs(azimuth - camera[0]) < 2
        assert abs(elevation - camera[1]) < 2
    assert map_to_angles(1.0, 1.0) == (-180.0, -90.0)


def test_the_nearest_shapes_need_no_more_than_the_representation(workshop: Workshop) -> None:
    gallery = ShapeGallery(workshop.estimator("small"), workshop.studio)
    gallery.shapes = gallery.shapes[:2]  # for speed
    now = exploring.show_number(workshop, exploring.begin(workshop), gallery.shapes[0][1])
    found = gallery.neighbours(looked(workshop, now, CAMERAS).estimate, now.shown.item)
    assert found[0][:2] == (gallery.shapes[0][1], NUM_CUBES)
    assert {each.role for each in found} == {"this object", "its mirror image", ""}
    assert [each.distance for each in found] == sorted(each.distance for each in found)
    # The same views with another object named: its distances are what they were.
    others = gallery.neighbours(looked(workshop, now, CAMERAS).estimate, parse_object("+x +y +z"))
    distances = {each[:2]: each.distance for each in others}
    for each in found:
        assert distances.get(each[:2], each.distance) == each.distance


def test_weights_that_do_not_exist_are_refused(workshop: Workshop) -> None:
    with pytest.raises(UserError, match="no weights called 'nonsense'"):
        Estimator("nonsense", workshop.studio, 0)
