"""White cubes with black edges: faces are grouped to cubes, as the truth has them."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.rotation.protocol import RotationPairs, depth_pairs
from experiments.rotation.uniform import (
    FILLED,
    LOOK,
    clear_pixels,
    coloured_cubes,
    cubes_of,
    faces_of,
    shaded,
)
from gqn_rl.rendering.raycast import RaycastRenderer
from gqn_rl.scenes.shape_source import shape_source

SIZE = 64


@pytest.fixture(scope="module")
def pairs() -> RotationPairs:
    pool = shape_source(10, "test").pool().chiral()
    return depth_pairs(np.random.default_rng(0), 40, pool)


def test_most_pixels_get_the_cube_that_they_show(pairs: RotationPairs) -> None:
    renderer = RaycastRenderer(SIZE, appearance=LOOK)
    images, truth = renderer.render_with_segmentation(pairs.first, pairs.poses)
    of_one, together = [], []
    for row, image in enumerate(images):
        face, shade = faces_of(image[..., 0])
        np.testing.assert_array_equal(face >= 0, truth[row] >= 0)
        cube = cubes_of(face, shade, pairs.poses[row : row + 1])
        shown = face >= 0
        counts = np.zeros((cube.max() + 1, 10))
        np.add.at(counts, (cube[face[shown]], truth[row][shown]), 1)
        of_one.append(counts.max(axis=1).sum() / counts.sum())  # cubes that were made one
        together.append(counts.max(axis=0).sum() / counts.sum())  # cubes that were torn
    assert np.mean(of_one) > 0.93
    assert np.mean(together) > 0.92


def test_cubes_get_colours_and_faces_keep_how_bright_they_are(pairs: RotationPairs) -> None:
    few, poses = pairs.first[:6], pairs.poses[:6]
    images = RaycastRenderer(SIZE, appearance=LOOK).render(few, poses)
    coloured, plain = coloured_cubes(images, poses).images, RaycastRenderer(SIZE).render(few, poses)
    np.testing.assert_array_equal(coloured.any(axis=-1), plain.any(axis=-1))
    white = RaycastRenderer(SIZE, appearance=FILLED).render(few, poses)[..., 0]
    face = (images[..., 0] > 0) & (images[..., 0] < 255)
    brightest = coloured.max(axis=-1).astype(int)
    assert np.abs(brightest - white)[face].max() <= 1


def test_lines_go_to_the_faces_beside_them(pairs: RotationPairs) -> None:
    few, poses = pairs.first[:6], pairs.poses[:6]
    lined = RaycastRenderer(SIZE, appearance=LOOK).render(few, poses)
    plain = RaycastRenderer(SIZE, appearance=FILLED).render(few, poses)
    filled = np.stack([shaded(image) for image in lined])
    shown = plain[..., 0] < 255
    np.testing.assert_array_equal(filled[~shown], plain[~shown])
    assert (filled != plain).any(axis=-1)[shown].mean() < 0.15
    assert (lined != plain).any(axis=-1)[shown].mean() > 0.3


def test_what_is_clear_under_a_line_is_right(pairs: RotationPairs) -> None:
    renderer = RaycastRenderer(SIZE, appearance=LOOK)
    images, truth = renderer.render_with_segmentation(pairs.first, pairs.poses)
    shown = lines = clear = 0
    for image, cube in zip(images[..., 0], truth, strict=True):
        (face, shade), certain = faces_of(image), clear_pixels(image)
        assert certain[cube < 0].all()
        for each in range(len(shade)):  # a face is of one cube, under its lines too
            assert len(np.unique(cube[certain & (face == each)])) == 1
        shown += (cube >= 0).sum()
        lines += ((image == 0) & (cube >= 0)).sum()
        clear += (certain & (cube >= 0)).sum()
    assert clear > shown - 0.4 * lines


def test_an_empty_picture_stays_black() -> None:
    pose = depth_pairs(np.random.default_rng(0), 1, shape_source(7, "test").pool().chiral()).poses
    empty = np.full((1, 16, 16, 3), 255, np.uint8)
    coloured = coloured_cubes(empty, pose)
    assert not coloured.images.any()
    assert coloured.clear.all()
