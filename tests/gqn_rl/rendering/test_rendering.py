"""What every renderer must do; a new entry of `RENDERERS` is tested here without another line."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import numpy as np
import pytest

from gqn_rl.errors import UserError
from gqn_rl.geometry.rotations import sample_orientations
from gqn_rl.geometry.viewpoint import Viewpoints, look_at_origin, sample_on_sphere
from gqn_rl.rendering import RENDERERS, Renderer, make_renderer
from gqn_rl.rendering.base import RendererIdentity
from gqn_rl.scenes.scene import SceneBatch, sample_colours, sample_scenes
from gqn_rl.scenes.shepard_metzler import ShepardMetzlerObject
from tests.renderers import EVERY_RENDERER, needs_pybullet


@pytest.fixture(params=EVERY_RENDERER)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def renderer(name: str) -> Iterator[Renderer]:
    renderer = make_renderer(name)
    yield renderer
    renderer.close()


@pytest.fixture
def scenes(rng: np.random.Generator) -> SceneBatch:
    return sample_scenes(rng, 12, orientation="free")


@pytest.fixture
def viewpoints(rng: np.random.Generator) -> Viewpoints:
    return sample_on_sphere(rng, 12)


def one_cube(colour: tuple[float, float, float], rotation: np.ndarray | None = None) -> SceneBatch:
    turn = np.eye(3) if rotation is None else rotation
    return SceneBatch.from_objects(
        [ShepardMetzlerObject(np.zeros((1, 3), np.int8))], turn[None], np.array([[colour]])
    )


def nine_cubes(rng: np.random.Generator, n: int) -> SceneBatch:
    objects = [ShepardMetzlerObject.sample(rng, 9) for _ in range(n)]
    return SceneBatch.from_objects(
        objects, sample_orientations(rng, n, "free"), sample_colours(rng, n, 9)
    )


def view_from(azimuth: float, elevation: float) -> Viewpoints:
    """A pose on the viewing sphere, angles in degrees."""
    return look_at_origin(np.deg2rad([azimuth]), np.deg2rad([elevation]))


@pytest.mark.parametrize("size", [32, 64, 128])
def test_images_are_bytes_of_the_size_asked_for(
    name: str, size: int, scenes: SceneBatch, viewpoints: Viewpoints
) -> None:
    renderer = make_renderer(name, image_size=size)
    images = renderer.render(scenes, viewpoints)
    assert images.dtype == np.uint8
    assert images.shape == (12, size, size, 3)
    share = (images > 0).any(axis=-1).mean()
    assert 0.05 < share < 0.25, "the object covers about an eighth of the image"


def test_identity_says_what_draws_and_how(name: str) -> None:
    identity = make_renderer(name, image_size=32).identity
    assert (identity.name, identity.image_size) == (name, 32)
    assert identity.version
    identity.require_same_pictures(identity.to_dict(), "itself")


def test_drawing_is_deterministic(
    name: str, renderer: Renderer, scenes: SceneBatch, viewpoints: Viewpoints
) -> None:
    first = renderer.render(scenes, viewpoints)
    np.testing.assert_array_equal(renderer.render(scenes, viewpoints), first)
    np.testing.assert_array_equal(make_renderer(name).render(scenes, viewpoints), first)


def test_batch_equals_one_by_one(
    renderer: Renderer, scenes: SceneBatch, viewpoints: Viewpoints
) -> None:
    together = renderer.render(scenes, viewpoints)
    for n in reversed(range(12)):
        alone = renderer.render(scenes[n : n + 1], viewpoints[n : n + 1])
        np.testing.assert_array_equal(alone[0], together[n])


def test_an_empty_batch_gives_no_images(
    renderer: Renderer, scenes: SceneBatch, viewpoints: Viewpoints
) -> None:
    assert renderer.render(scenes[:0], viewpoints[:0]).shape == (0, 64, 64, 3)


def test_background_is_black_and_cubes_are_not(
    renderer: Renderer, scenes: SceneBatch, viewpoints: Viewpoints
) -> None:
    images, cube = renderer.render_with_segmentation(scenes, viewpoints)  # type: ignore[attr-defined]
    np.testing.assert_array_equal((images > 0).any(axis=-1), cube >= 0)
    assert set(np.unique(cube)) == set(range(-1, 7))


def test_object_is_in_the_middle(rng: np.random.Generator, renderer: Renderer) -> None:
    images = renderer.render(sample_scenes(rng, 200), sample_on_sphere(rng, 200))
    rows, columns = np.nonzero((images > 0).any(axis=(0, 3)))
    seen = (images > 0).any(axis=-1).mean(axis=0)
    centre = [np.average(grid, weights=seen) for grid in np.indices(seen.shape)]
    np.testing.assert_allclose(centre, 31.5, atol=1)
    assert 0 < rows.min() <= rows.max() < 63, "nothing is cut off"
    assert 0 < columns.min() <= columns.max() < 63, "nothing is cut off"


def test_up_is_up_and_right_is_right(renderer: Renderer) -> None:
    # A camera on +x looks along -x: +z is up and +y is to the right.
    cubes = np.array([[[0, 2, 0], [0, -2, 0], [0, 0, 2], [0, 0, -2.0]]])
    colour = np.array([[[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]]], np.float32)
    scene = SceneBatch(cubes, np.ones((1, 4), bool), np.eye(3)[None], colour)
    image = renderer.render(scene, view_from(0, 0))[0]
    right, left, up, down = image[32, 46], image[32, 17], image[17, 32], image[46, 32]
    assert [tuple(p > 0) for p in (right, left, up, down)] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
        (True, True, False),
    ]


@pytest.mark.parametrize(
    ("azimuth", "elevation", "normal"),
    [
        (0, 0, (1, 0, 0)),
        (180, 0, (-1, 0, 0)),
        (90, 0, (0, 1, 0)),
        (-90, 0, (0, -1, 0)),
        (0, 90, (0, 0, 1)),
        (0, -90, (0, 0, -1)),
    ],
)
def test_a_face_has_its_colour_times_the_light_on_it(
    renderer: Renderer, azimuth: float, elevation: float, normal: tuple[int, int, int]
) -> None:
    colour = (0.9, 0.5, 0.123)
    image = renderer.render(one_cube(colour), view_from(azimuth, elevation))[0]
    to_light = np.array([0.42, 0.27, 0.87]) / np.linalg.norm([0.42, 0.27, 0.87])
    # Numbers, not the constants: shipped weights were trained on images with these.
    expected = np.floor(255 * np.array(colour)) * (0.6 + 0.35 * max(0.0, np.dot(normal, to_light)))
    np.testing.assert_allclose(image[32, 32], expected, atol=1)


def test_lit_faces_of_a_cube_differ_in_brightness(renderer: Renderer) -> None:
    image = renderer.render(one_cube((1.0, 1.0, 1.0)), view_from(45, 35))[0]
    assert len(np.unique(image[image > 0])) == 3


def test_one_edge_facing_the_camera_is_as_wide_as_perspective_says(name: str) -> None:
    image = make_renderer(name, image_size=128).render(one_cube((1, 1, 1)), view_from(0, 0))[0]
    # The near face is 8.5 away; half an image spans 8.5 * tan(22.5 degrees) there.
    width = 64 / (8.5 * np.tan(np.deg2rad(22.5)))
    assert (image[64] > 0).any(axis=-1).sum() == pytest.approx(width, abs=1)


def test_smaller_objects_after_larger_ones_leave_no_ghost(
    rng: np.random.Generator, name: str, renderer: Renderer
) -> None:
    large = nine_cubes(rng, 10)
    small = sample_scenes(rng, 10)
    views = sample_on_sphere(rng, 10)
    renderer.render(large, views)
    np.testing.assert_array_equal(
        renderer.render(small, views), make_renderer(name).render(small, views)
    )


def test_masked_cubes_are_not_drawn(
    renderer: Renderer, scenes: SceneBatch, viewpoints: Viewpoints
) -> None:
    renderer.render(scenes, viewpoints)  # so that there is something left to show by mistake
    mask = np.tile(np.arange(7) < 4, (12, 1))
    masked = SceneBatch(scenes.cubes, mask, scenes.rotation, scenes.colour)
    short = SceneBatch(scenes.cubes[:, :4], mask[:, :4], scenes.rotation, scenes.colour[:, :4])
    images, cube = renderer.render_with_segmentation(masked, viewpoints)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(images, renderer.render(short, viewpoints))
    assert cube.max() == 3
    # From below, too: unused bodies must not wait where a camera can see them.
    nothing = SceneBatch(scenes.cubes, np.zeros_like(mask), scenes.rotation, scenes.colour)
    assert (renderer.render(nothing, viewpoints) == 0).all()
    assert (renderer.render(nothing[:1], view_from(0, -90)) == 0).all()


def test_a_scene_changed_in_place_is_drawn_anew(rng: np.random.Generator, name: str) -> None:
    renderer = make_renderer(name)
    scene, viewpoint = sample_scenes(rng, 1), sample_on_sphere(rng, 1)
    before = renderer.render(scene, viewpoint)
    scene.colour[:] = sample_colours(rng, 1, 7)
    after = renderer.render(scene, viewpoint)
    assert (before != after).any()
    np.testing.assert_array_equal(after, make_renderer(name).render(scene, viewpoint))


def test_two_renderers_do_not_disturb_each_other(
    rng: np.random.Generator,
    name: str,
    renderer: Renderer,
    scenes: SceneBatch,
    viewpoints: Viewpoints,
) -> None:
    expected = renderer.render(scenes, viewpoints)
    other = make_renderer(name, image_size=32)
    other.render(nine_cubes(rng, 12), viewpoints)
    np.testing.assert_array_equal(renderer.render(scenes, viewpoints), expected)
    other.close()
    np.testing.assert_array_equal(renderer.render(scenes, viewpoints), expected)


def test_a_pickled_copy_draws_the_same(
    name: str, scenes: SceneBatch, viewpoints: Viewpoints
) -> None:
    renderer = make_renderer(name, image_size=32)
    expected = renderer.render(scenes, viewpoints)
    copy = pickle.loads(pickle.dumps(renderer))
    renderer.close()
    assert copy.identity == renderer.identity
    np.testing.assert_array_equal(copy.render(scenes, viewpoints), expected)


def test_closing_twice_does_no_harm_and_drawing_then_says_so(
    name: str, scenes: SceneBatch, viewpoints: Viewpoints
) -> None:
    renderer = make_renderer(name)
    renderer.close()
    renderer.close()
    with pytest.raises(RuntimeError, match="closed"):
        renderer.render(scenes, viewpoints)
    with pytest.raises(RuntimeError, match="closed"):
        renderer.render(scenes[:0], viewpoints[:0])


def test_scenes_and_viewpoints_must_be_as_many(
    renderer: Renderer, scenes: SceneBatch, viewpoints: Viewpoints
) -> None:
    with pytest.raises(ValueError, match="12 scenes but 3 viewpoints"):
        renderer.render(scenes, viewpoints[:3])


def test_unknown_renderer_is_a_user_error() -> None:
    with pytest.raises(UserError, match=r"unknown renderer 'blender'.*'pybullet', 'raycast'"):
        make_renderer("blender")


@pytest.mark.parametrize("size", [0, -64, 7])
def test_sizes_too_small_are_user_errors(name: str, size: int) -> None:
    with pytest.raises(UserError, match=f"image_size is {size}, expected at least 8"):
        make_renderer(name, image_size=size)


def test_pictures_made_differently_are_refused(name: str) -> None:
    identity = make_renderer(name).identity
    for key, value in {"image_size": 32, "ambient": 0.5, "look": "smooth-v1"}.items():
        with pytest.raises(UserError, match=f"weights.json was made with {key}={value!r}"):
            identity.require_same_pictures(identity.to_dict() | {key: value}, "weights.json")


@needs_pybullet
def test_pictures_of_a_twin_are_accepted() -> None:
    first, *others = (make_renderer(name).identity for name in sorted(RENDERERS))
    for other in others:
        first.require_same_pictures(other.to_dict(), "the twin's data")


def test_an_identity_that_lacks_a_property_is_refused() -> None:
    with pytest.raises(UserError, match="image_size=None"):
        RendererIdentity("raycast", "1", 64).require_same_pictures({}, "an old file")
