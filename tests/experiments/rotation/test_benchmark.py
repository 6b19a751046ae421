"""The benchmark of mental rotation: its pairs, its participants, its report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiments.mental_rotation_benchmark import INFERENCE, cut_share
from experiments.rotation.ideal import KnownShapes
from experiments.rotation.inference import Comparison, Explained
from experiments.rotation.plane import PlaneComparison
from experiments.rotation.protocol import (
    RotationPairs,
    depth_pairs,
    picture_pairs,
    pictures,
    turned_about_sight,
)
from experiments.shared.command import EXIT_BAD_INPUT
from experiments.trials.table import read_trials
from gqn_rl.geometry.rotations import yaw_matrices
from gqn_rl.geometry.viewpoint import look_at_origin
from gqn_rl.inference.matching import Cells
from gqn_rl.rendering.base import NEAREST
from gqn_rl.rendering.raycast import RaycastRenderer
from gqn_rl.scenes.scene import SceneBatch
from gqn_rl.scenes.shape_pool import ShapePool
from gqn_rl.scenes.shape_source import shape_source
from gqn_rl.scenes.shepard_metzler import canonical_forms
from tests.experiments.running import exit_code


@pytest.fixture(scope="module")
def pool() -> ShapePool:
    return shape_source(10, "test").pool().chiral()[:20]


@pytest.fixture(scope="module")
def pairs(pool: ShapePool) -> RotationPairs:
    return depth_pairs(np.random.default_rng(0), 400, pool)


def forms(scenes: SceneBatch) -> np.ndarray:
    return canonical_forms(np.rint(scenes.cubes - scenes.cubes[:, :1]).astype(np.int8))


def test_pairs_are_the_same_or_mirror_images_turned_about_the_vertical_axis(
    pairs: RotationPairs,
) -> None:
    same = (forms(pairs.first) == forms(pairs.second)).all(axis=1)
    np.testing.assert_array_equal(same, ~pairs.mirrored)
    assert 0.4 < same.mean() < 0.6
    turn = pairs.second.rotation @ pairs.first.rotation.transpose(0, 2, 1)
    np.testing.assert_allclose(turn, yaw_matrices(-np.deg2rad(pairs.angle)), atol=1e-12)
    heights = [scenes.cube_centres()[..., 2] for scenes in (pairs.first, pairs.second)]
    np.testing.assert_allclose(*heights, atol=1e-12)


def test_cameras_keep_to_the_protocol(pairs: RotationPairs) -> None:
    elevation = np.degrees(np.arcsin(pairs.poses.position[:, 2] / 9))
    assert (np.abs(elevation) >= 10).all()
    assert (np.abs(elevation) <= 45).all()
    assert 0.3 < (elevation > 0).mean() < 0.7
    yaw = np.degrees(pairs.first.grid_poses()[:, 0])  # within 45 degrees of an axis
    assert (np.abs(yaw) >= 10 - 1e-3).all()
    assert pairs.angle.min() < 10
    assert pairs.angle.max() > 170


@pytest.fixture(scope="module")
def in_plane(pool: ShapePool) -> RotationPairs:
    return picture_pairs(np.random.default_rng(0), 400, pool)


def test_in_the_picture_plane_pictures_turn_and_nothing_else(
    pool: ShapePool, in_plane: RotationPairs
) -> None:
    back = turned_about_sight(in_plane.second.rotation, in_plane.poses, -in_plane.angle)
    forth = turned_about_sight(in_plane.second.rotation, in_plane.poses, in_plane.angle)
    apart = [np.abs(turned - in_plane.first.rotation).max(axis=(1, 2)) for turned in (back, forth)]
    np.testing.assert_allclose(np.minimum(*apart), 0.0, atol=1e-12)  # either way round
    assert 0.4 < (apart[0] < 1e-9).mean() < 0.6
    np.testing.assert_allclose(
        np.abs(in_plane.first.cubes), np.abs(in_plane.second.cubes), atol=1e-12
    )
    elevation = np.degrees(np.arcsin(in_plane.poses.position[:, 2] / 9))
    assert np.abs(elevation).min() >= 10
    assert 75 < np.abs(elevation).max() <= 80
    assert in_plane.angle.min() < 10
    assert in_plane.angle.max() > 170


def test_a_quarter_turn_in_the_picture_plane_turns_the_silhouette_by_a_quarter(
    in_plane: RotationPairs,
) -> None:
    renderer, first, poses = RaycastRenderer(63), in_plane.first[:8], in_plane.poses[:8]
    quarter = turned_about_sight(first.rotation, poses, np.full(8, 90.0))
    shown = [
        renderer.render_with_segmentation(scenes, poses)[1] >= 0
        for scenes in (first, replace(first, rotation=quarter))
    ]
    apart = np.rot90(shown[0], axes=(1, 2)) ^ shown[1]
    assert apart.sum() < 0.15 * shown[0].sum()  # rays go through corners of pixels
    assert (np.rot90(shown[0], -1, axes=(1, 2)) ^ shown[1]).sum() > 0.5 * shown[0].sum()


def test_what_is_known_of_one_picture_is_turned_until_it_fits_the_other(
    in_plane: RotationPairs,
) -> None:
    renderer = RaycastRenderer(64)
    _, second = pictures(renderer, in_plane[:16])
    plane = PlaneComparison(renderer, RaycastRenderer(32))
    for row in range(16):
        fit = plane.fit(in_plane.first[row : row + 1], second[row], in_plane.poses[row : row + 1])
        assert fit.is_mirrored == in_plane.mirrored[row]
        found = fit.angle[int(fit.is_mirrored)]
        assert min(found, 360 - found) == pytest.approx(in_plane.angle[row], abs=1.0)


def test_the_ideal_observer_turns_what_a_picture_shows_it(
    pool: ShapePool, in_plane: RotationPairs
) -> None:
    renderer = RaycastRenderer(64)
    first, second = pictures(renderer, in_plane[:4])
    observer, plane = KnownShapes(pool), PlaneComparison(renderer, RaycastRenderer(32))
    for row in range(4):
        pose = in_plane.poses[row : row + 1]
        scenes = observer.scenes(first[row], pose)
        assert 1 <= len(scenes) <= 8
        assert plane.fit(scenes, second[row], pose).is_mirrored == in_plane.mirrored[row]


def test_the_ideal_observer_tells_what_pictures_show(pool: ShapePool, pairs: RotationPairs) -> None:
    seen = pictures(RaycastRenderer(64), pairs)
    observer, right = KnownShapes(pool), 0
    for row in range(8):
        pose = pairs.poses[row : row + 1]
        first, second = (observer.shapes(side[row], pose) for side in seen)
        assert first.sum() == pytest.approx(1)
        right += (observer.mirrored(first, second) > 0.5) == pairs.mirrored[row]
    assert right >= 7  # a picture may leave it open


def true_explanation(scenes: SceneBatch, row: int) -> list[Explained]:
    """What a perfect inference finds: the cubes on their own grid."""
    yaw = float(np.arctan2(scenes.rotation[row, 1, 0], scenes.rotation[row, 0, 0]))
    first = scenes.cubes[row, 0] - 0.5
    place = np.rint(scenes.cubes[row] - 0.5 - first).astype(np.int64)
    return [Explained(Cells(place, scenes.colour[row]), 0.0, yaw, first)]


def without(found: list[Explained], hidden: np.ndarray) -> list[Explained]:
    """The explanation without some of its cells, bool (P,)."""
    (one,) = found
    cells = Cells(one.cells.place[~hidden], one.cells.colour[~hidden])
    return [one._replace(cells=cells)]


def test_pairs_are_told_apart_by_what_is_seen_and_by_what_hides(pairs: RotationPairs) -> None:
    renderer = RaycastRenderer(64)
    comparison, right, undecided = Comparison(renderer), 0, 0
    _, first = renderer.render_with_segmentation(pairs.first, pairs.poses)
    _, second = renderer.render_with_segmentation(pairs.second, pairs.poses)
    for row in range(100):
        sides = []
        for scenes, cube in ((pairs.first, first), (pairs.second, second)):
            hidden = np.bincount(cube[row][cube[row] >= 0], minlength=10) == 0
            sides.append(without(true_explanation(scenes, row), hidden))
        said, margin = comparison.mirrored(*sides, pairs.poses[row : row + 1])
        undecided += margin == 0
        right += said == pairs.mirrored[row]
    assert right >= 98
    assert undecided <= 2


def test_a_cell_that_would_stand_before_the_camera_is_in_no_picture() -> None:
    """Renderers do not draw it, and it is no reason to end a measurement."""
    ahead = look_at_origin(np.zeros(1), np.zeros(1))
    long, colour = np.array([[0, 0, 0], [7, 0, 0]]), np.eye(3)
    mine, theirs = (
        Explained(Cells(long[:count], colour[:count]), 0.0, 0.0, np.zeros(3)) for count in (2, 1)
    )
    assert np.linalg.norm(ahead.position[0] - (long[1] + 0.5)) < NEAREST
    said, margin = Comparison(RaycastRenderer(64)).mirrored([mine], [theirs], ahead)
    assert said, "the other hand has the cell behind the object"
    assert margin > 0


def test_pictures_that_reach_the_border_are_counted() -> None:
    images = np.zeros((4, 8, 8, 3), np.uint8)
    images[:, 3:5, 3:5] = 200
    images[0, 0, 4] = images[1, 5, 7] = 9
    assert cut_share([images]) == 0.5
    assert cut_share([images[2:]]) == 0.0


@pytest.mark.slow
def test_the_command_writes_a_row_for_every_pair_and_participant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--pairs", "24", "--agent-episodes", "8", "--agent-glimpses", "2"]
    words += ["--num-cubes", "10", "--output", str(tmp_path / "out")]
    assert exit_code(monkeypatch, "mental_rotation_benchmark", words) == 0
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["participants"][INFERENCE]["accuracy"] > 0.7  # 24 coins do that once in 60
    assert metrics["participants"]["ideal observer"]["accuracy"] > 0.9
    trials = read_trials(tmp_path / "out" / "trials.csv")
    assert len(trials) == 24 + 24 + 8
    assert (tmp_path / "out" / "angles.png").exists()


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--pairs", "0"], "pairs is 0"),
        (["--rotation", "roll"], "unknown rotation 'roll'"),
        (["--look", "black"], "unknown look 'black'"),
        (["--baseline", "-1"], "baseline is -1"),
        (["--baseline", "32", "--baseline-stimuli", "test"], "are among those of 'test'"),
        (["--stimuli", "crossed.txt"], "crossed.txt, line 1"),
        (["--stimuli", "planar.txt"], "is its own mirror image"),
        (["--weights", "small"], "infer no cells"),
    ],
)
def test_what_cannot_be_measured_is_one_line_and_code_2(
    flags: list[str], named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("planar.txt").write_text("uurru\n")
    Path("crossed.txt").write_text("urdlu\n")
    words = [*flags, "--output", "out"]
    assert exit_code(monkeypatch, "mental_rotation_benchmark", words) == EXIT_BAD_INPUT
    assert named in capsys.readouterr().err.splitlines()[-1]
    assert not Path("out").exists()
