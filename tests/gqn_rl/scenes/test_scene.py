"""Random scenes: colours, orientation, batches."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import rgb_to_hsv
from scipy import stats

from gqn_rl.errors import UserError
from gqn_rl.geometry.viewpoint import FIELD_OF_VIEW, sample_on_sphere
from gqn_rl.scenes.scene import MIN_SATURATION, SceneBatch, sample_colours, sample_scenes
from gqn_rl.scenes.shape_catalogue import SHAPES, shape_catalogue
from gqn_rl.scenes.shepard_metzler import ShepardMetzlerObject, canonical_forms


def neighbours_lie_on_world_axes(scenes: SceneBatch) -> np.ndarray:
    """Per scene, whether each cube lies one edge along a world axis from the one before it."""
    steps = np.diff(scenes.cube_centres(), axis=1)
    np.testing.assert_allclose(np.linalg.norm(steps, axis=-1), 1)
    return np.isclose(np.abs(steps).max(axis=-1), 1).all(axis=1)


@pytest.mark.parametrize("orientation", ["grid", "free"])
def test_barycentre_is_at_the_origin(rng: np.random.Generator, orientation: str) -> None:
    scenes = sample_scenes(rng, 100, orientation=orientation)
    np.testing.assert_allclose(scenes.cube_centres().mean(axis=1), 0, atol=1e-12)


def test_grid_orientation_keeps_cubes_parallel_to_the_world(rng: np.random.Generator) -> None:
    scenes = sample_scenes(rng, 200, orientation="grid")
    assert neighbours_lie_on_world_axes(scenes).all()
    np.testing.assert_array_equal(np.abs(scenes.rotation).sum(axis=1), 1)


def test_free_orientation_does_not(rng: np.random.Generator) -> None:
    scenes = sample_scenes(rng, 200, orientation="free")
    assert neighbours_lie_on_world_axes(scenes).mean() < 0.05


@pytest.mark.parametrize("orientation", ["grid", "free"])
def test_objects_at_random_positions_are_seen_whole_from_everywhere(
    rng: np.random.Generator, orientation: str
) -> None:
    scenes = sample_scenes(rng, 300, num_cubes=6, orientation=orientation, position="random")
    where = scenes.cube_centres().mean(axis=1)
    assert np.linalg.norm(where, axis=1).mean() > 0.5
    assert np.abs(where.mean(axis=0)).max() < 0.2
    signs = np.array(list(itertools.product((-0.5, 0.5), repeat=3)))
    corners = scenes.cubes[:, :, None] + signs
    world = np.einsum("nij,npcj->npci", scenes.rotation, corners).reshape(300, -1, 3)
    from_camera = np.concatenate([world, np.ones_like(world[..., :1])], axis=-1)
    at = np.einsum("nij,npj->npi", sample_on_sphere(rng, 300).view_matrices(), from_camera)
    slope = np.abs(at[..., :2]).max(axis=-1) / -at[..., 2]
    assert slope.max() <= np.tan(FIELD_OF_VIEW / 2)


def test_position_changes_nothing_else() -> None:
    here, there = (
        sample_scenes(np.random.default_rng(0), 20, position=name) for name in ("centred", "random")
    )
    for name in ("rotation", "colour", "mask"):
        np.testing.assert_array_equal(getattr(here, name), getattr(there, name))
    moved = there.cube_centres() - here.cube_centres()
    np.testing.assert_allclose(moved, moved[:, :1].repeat(7, axis=1), atol=1e-12)


def test_objects_too_long_to_be_seen_whole_stay_in_the_middle(tmp_path: Path) -> None:
    (tmp_path / "stick.txt").write_text("uuuuuuuuu\n")
    scenes = sample_scenes(
        np.random.default_rng(0), 5, num_cubes=10, shapes=str(tmp_path / "stick.txt"),
        position="random",
    )  # fmt: skip
    np.testing.assert_allclose(scenes.cube_centres().mean(axis=1), 0, atol=1e-12)


def test_unknown_position_is_refused(rng: np.random.Generator) -> None:
    with pytest.raises(UserError, match=r"unknown position 'left'.*\['centred', 'random'\]"):
        sample_scenes(rng, 2, position="left")


def test_colours_are_vivid_and_of_every_hue(rng: np.random.Generator) -> None:
    colours = sample_colours(rng, 1000, 7)
    assert colours.dtype == np.float32
    hue, saturation, value = rgb_to_hsv(colours.reshape(-1, 3)).T
    assert saturation.min() > MIN_SATURATION - 1e-6
    assert saturation.max() <= 1
    np.testing.assert_allclose(value, 1)
    assert stats.kstest(hue, "uniform").pvalue > 0.01


@pytest.mark.parametrize("shapes", SHAPES)
def test_scenes_show_only_the_shapes_asked_for(rng: np.random.Generator, shapes: str) -> None:
    catalogue = shape_catalogue(7)
    allowed = {catalogue.representative(i).canonical_form for i in catalogue.indices(shapes)}
    scenes = sample_scenes(rng, 300, shapes=shapes)
    grid = np.round(scenes.cubes - scenes.cubes[:, :1]).astype(np.int8)
    assert {form.tobytes() for form in canonical_forms(grid)} <= allowed


def test_same_generator_state_gives_the_same_scenes() -> None:
    first, again, other = (sample_scenes(np.random.default_rng(s), 4) for s in (1, 1, 2))
    for name in ("cubes", "mask", "rotation", "colour"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert (first.colour != other.colour).any()


def test_objects_of_different_size_are_padded(rng: np.random.Generator) -> None:
    objects = [ShepardMetzlerObject.sample(rng, n) for n in (4, 7)]
    scenes = SceneBatch.from_objects(
        objects, np.tile(np.eye(3), (2, 1, 1)), sample_colours(rng, 2, 7)
    )
    assert scenes.mask.sum(axis=1).tolist() == [4, 7]
    np.testing.assert_allclose(scenes.cube_centres()[0, :4], objects[0].centred())


def test_repeat_select_and_concatenate(rng: np.random.Generator) -> None:
    scenes = sample_scenes(rng, 3)
    repeated = scenes.repeat(2)
    np.testing.assert_array_equal(repeated.colour, scenes.colour[[0, 0, 1, 1, 2, 2]])
    joined = SceneBatch.concatenate([scenes[:1], scenes[np.array([1, 2])]])
    np.testing.assert_array_equal(joined.cubes, scenes.cubes)
    np.testing.assert_array_equal(joined.rotation, scenes.rotation)


def test_inconsistent_fields_are_refused(rng: np.random.Generator) -> None:
    scenes = sample_scenes(rng, 2)
    with pytest.raises(ValueError, match=r"rotation has shape \(1, 3, 3\), expected \(2, 3, 3\)"):
        SceneBatch(scenes.cubes, scenes.mask, scenes.rotation[:1], scenes.colour)
