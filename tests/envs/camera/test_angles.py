"""Positions on the viewing sphere and the part of it that is out of reach."""

from __future__ import annotations

import numpy as np
import pytest

from envs.camera.angles import CameraAngles, KeepOut
from gqn_rl.geometry.viewpoint import SPHERE_RADIUS

RADIUS = np.deg2rad(40.0)


def camera(azimuth: float, elevation: float) -> CameraAngles:
    return CameraAngles(np.array([azimuth]), np.array([elevation]))


def keep_out(n: int, seed: int = 0) -> KeepOut:
    return KeepOut(CameraAngles.sample(np.random.default_rng(seed), n), RADIUS)


def outside(zone: KeepOut, seed: int) -> CameraAngles:
    """One allowed camera per row."""
    rng = np.random.default_rng(seed)
    cameras = CameraAngles.sample(rng, len(zone.centre))
    while (barred := zone.bars(cameras)).any():
        cameras = cameras.replaced(barred, CameraAngles.sample(rng, int(barred.sum())))
    return cameras


def test_the_camera_always_looks_at_the_object_from_the_same_distance():
    rng = np.random.default_rng(0)
    angles = CameraAngles.sample(rng, 200).turned(rng.normal(size=(200, 2)))
    viewpoints = angles.viewpoints()
    np.testing.assert_allclose(np.linalg.norm(viewpoints.position, axis=1), SPHERE_RADIUS)
    np.testing.assert_allclose(
        viewpoints.axes()[:, 2], -viewpoints.position / SPHERE_RADIUS, atol=1e-12
    )


def test_first_views_are_uniform_on_the_sphere():
    heights = np.sin(CameraAngles.sample(np.random.default_rng(0), 20_000).elevation)
    # Archimedes: uniform on the sphere means uniform in height.
    counts, _ = np.histogram(heights, bins=10, range=(-1, 1))
    assert (np.abs(counts - 2000) < 5 * np.sqrt(2000)).all()


def test_the_opposite_camera_sees_the_other_side():
    angles = CameraAngles.sample(np.random.default_rng(1), 50)
    np.testing.assert_allclose(
        angles.opposite().viewpoints().position, -angles.viewpoints().position, atol=1e-12
    )
    np.testing.assert_allclose(angles.distance_to(angles.opposite()), np.pi, atol=1e-7)


def test_distances_are_those_of_the_great_circle():
    quarter = np.pi / 2
    assert camera(0.0, 0.0).distance_to(camera(quarter, 0.0))[0] == pytest.approx(quarter)
    assert camera(0.0, 1.0).distance_to(camera(0.0, 0.3))[0] == pytest.approx(0.7)
    assert camera(1.0, quarter).distance_to(camera(-2.0, quarter))[0] == pytest.approx(0, abs=1e-9)
    assert camera(0.2, 0.1).distance_to(camera(0.2 + 1e-9, 0.1))[0] == pytest.approx(
        1e-9 * np.cos(0.1), rel=1e-3
    )


@pytest.mark.parametrize("partway", [False, True])
def test_no_move_ends_where_no_camera_may_stand(partway):
    zone = keep_out(2_000)
    cameras, rng = outside(zone, 1), np.random.default_rng(2)
    for _ in range(10):
        turn = rng.uniform(-1.0, 1.0, (2_000, 2))
        moved = zone.after(cameras, turn, partway)
        barred, wanted = zone.bars(cameras.turned(turn)), cameras.turned(turn).stacked()
        assert barred.any()
        assert not zone.bars(moved).any()
        np.testing.assert_array_equal(moved.stacked()[~barred], wanted[~barred])
        cameras = moved


def test_a_move_that_is_all_or_nothing_stays_exactly_where_it_was():
    zone = keep_out(500)
    cameras = outside(zone, 1)
    turn = np.random.default_rng(2).uniform(-1.0, 1.0, (500, 2))
    barred = zone.bars(cameras.turned(turn))
    moved = zone.after(cameras, turn, partway=False)
    np.testing.assert_array_equal(moved.stacked()[barred], cameras.stacked()[barred])


def test_a_move_that_goes_partway_ends_on_the_border_on_its_way():
    zone = keep_out(2_000)
    cameras = outside(zone, 1)
    turn = np.random.default_rng(2).uniform(-1.0, 1.0, (2_000, 2))
    barred = zone.bars(cameras.turned(turn))
    moved = zone.after(cameras, turn, partway=True)
    distance = moved.distance_to(zone.centre)[barred]
    np.testing.assert_allclose(distance, RADIUS, atol=1e-9)
    # A move by nothing from there is allowed, and so is the same move again.
    again = zone.after(moved, turn, partway=True)
    assert not zone.bars(again).any()


def test_the_border_is_as_far_away_as_it_should_be():
    zone = keep_out(20)
    for row, line in enumerate(zone.border()):
        points = CameraAngles(line[:, 0], line[:, 1])
        centre = zone.centre[np.full(len(line), row)]
        np.testing.assert_allclose(points.distance_to(centre), RADIUS, atol=1e-9)
        np.testing.assert_allclose(line[0], line[-1], atol=1e-9)
