"""How objects look: the same in both renderers, and part of what they are called."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from gqn_rl.errors import UserError
from gqn_rl.geometry.viewpoint import look_at_origin, sample_on_sphere
from gqn_rl.rendering import Appearance, RendererIdentity, make_renderer
from gqn_rl.rendering.appearance import DARK
from gqn_rl.rendering.borders import border_pixels
from gqn_rl.scenes.scene import SceneBatch, sample_scenes
from tests.renderers import EVERY_RENDERER, needs_pybullet

LOOKS = {
    "drawing": {"colours": "uniform", "edges": True, "background": "white"},
    "flat drawing": {"colours": "uniform", "edges": True, "ambient": 1.0, "diffuse": 0.0},
    "grey": {"colours": "grey", "ambient": 0.3, "diffuse": 0.7},
    "edges": {"edges": True},
    "white": {"background": "white"},
}


def scenes_to_see(n: int, seed: int = 0, num_cubes: int = 7) -> tuple[SceneBatch, object]:
    rng = np.random.default_rng(seed)
    scenes = sample_scenes(rng, n, num_cubes=num_cubes, orientation="free")
    return scenes, sample_on_sphere(rng, n)


@needs_pybullet
@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("size", [64, 96])
def test_both_renderers_draw_every_look_the_same(look: str, size: int) -> None:
    seen = scenes_to_see(40)
    (one, one_cube), (two, two_cube) = (
        make_renderer(name, size, appearance=LOOKS[look]).render_with_segmentation(*seen)  # type: ignore[attr-defined]
        for name in ("pybullet", "raycast")
    )
    other_cube = one_cube != two_cube
    assert other_cube.mean() <= 1e-4
    # A pixel that shows another cube moves the lines through it and its neighbours.
    distance = np.abs(one.astype(int) - two).max(axis=-1)
    assert (distance > 2).mean() <= 5e-4
    assert (distance[~other_cube] > 2).sum() <= 4 * other_cube.sum()


@pytest.mark.parametrize("name", EVERY_RENDERER)
def test_the_default_look_is_the_one_there_always_was(name: str) -> None:
    seen = scenes_to_see(3)
    plain, told = make_renderer(name), make_renderer(name, appearance=Appearance())
    np.testing.assert_array_equal(plain.render(*seen), told.render(*seen))
    assert plain.identity == told.identity
    known = RendererIdentity(name=name, version="1", image_size=64).to_dict()
    told.identity.require_same_pictures(known, source="weights of before")


@pytest.mark.parametrize("name", EVERY_RENDERER)
def test_a_part_of_the_look_changes_what_it_is_about_and_nothing_else(name: str) -> None:
    seen = scenes_to_see(5)
    plain, cube = make_renderer(name).render_with_segmentation(*seen)  # type: ignore[attr-defined]
    white = make_renderer(name, appearance=LOOKS["white"]).render(*seen)
    assert (white[cube == -1] == 255).all()
    np.testing.assert_array_equal(white[cube != -1], plain[cube != -1])
    lines = make_renderer(name, appearance=LOOKS["edges"]).render(*seen)
    drawn = (lines != plain).any(axis=-1)
    assert (lines[drawn] == 0).all()
    assert 0.1 < drawn.sum() / (cube != -1).sum() < 0.5
    flat = make_renderer(name, appearance={"colours": "uniform", "ambient": 1.0, "diffuse": 0})
    np.testing.assert_array_equal(flat.render(*seen), 255 * (cube != -1)[..., None].repeat(3, -1))
    grey = make_renderer(name, appearance={"colours": "grey", "ambient": 1.0, "diffuse": 0.0})
    assert set(np.unique(grey.render(*seen))) == {0, int(255 * np.float32(DARK)), 255}


@pytest.mark.parametrize("name", EVERY_RENDERER)
def test_lines_close_every_face_of_a_cube(name: str) -> None:
    """From a corner, three faces are seen; without their lines they are three separate areas."""
    ndimage = pytest.importorskip("scipy.ndimage")
    cube = SceneBatch(
        np.zeros((1, 1, 3)), np.ones((1, 1), bool), np.eye(3)[None], np.ones((1, 1, 3), np.float32)
    )
    corner = look_at_origin(np.radians([40.0]), np.radians([30.0]), radius=3.0)
    look = {"edges": True, "ambient": 1.0, "diffuse": 0.0}
    image = make_renderer(name, 128, appearance=look).render(cube, corner)[0]
    areas, count = ndimage.label(image.max(axis=-1) > 0)
    assert count == 3
    assert min(np.bincount(areas.ravel())[1:]) > 500


@pytest.mark.parametrize("name", EVERY_RENDERER)
def test_borders_between_cubes_of_one_plane_are_drawn(name: str) -> None:
    cubes = np.array([[[-0.5, 0, 0], [0.5, 0, 0]]])
    pair = SceneBatch(cubes, np.ones((1, 2), bool), np.eye(3)[None], np.ones((1, 2, 3), np.float32))
    front = look_at_origin(np.radians([-90.0]), np.radians([0.0]))
    look = {"edges": True, "ambient": 1.0, "diffuse": 0.0}
    row = make_renderer(name, 96, appearance=look).render(pair, front)[0, 48, :, 0] > 0
    assert np.diff(row.astype(int)).tolist().count(1) == 2  # two white runs


def test_a_border_is_one_pixel_wide_and_on_the_object() -> None:
    labels = torch.full((1, 7, 9), -1)
    labels[0, 2:5, 2:5], labels[0, 2:5, 5:8] = 3, 4
    border = border_pixels(labels)[0]
    assert not border[labels[0] == -1].any()
    assert border[3].int().tolist() == [0, 0, 1, 0, 1, 0, 0, 1, 0]
    assert border[:, 3].int().tolist() == [0, 0, 1, 0, 1, 0, 0]


def test_looks_have_names_of_their_own_and_other_weights_are_refused() -> None:
    made = [make_renderer("raycast", appearance=look).identity for look in LOOKS.values()]
    assert len({str(identity.to_dict()) for identity in made}) == len(LOOKS)
    with pytest.raises(UserError, match=r"look='flat-v1', but the renderer has look='flat-v1\+"):
        made[0].require_same_pictures(make_renderer("raycast").identity.to_dict(), "weights")


@needs_pybullet
def test_workers_and_copies_draw_the_same_look() -> None:
    seen, look = scenes_to_see(4), Appearance(**LOOKS["drawing"])  # type: ignore[arg-type]
    single = make_renderer("pybullet", 32, appearance=look, field_of_view=20.0)
    expected = single.render(*seen)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(single)).render(*seen), expected)
    pooled = make_renderer("pybullet", 32, workers=2, capacity=4, appearance=look, field_of_view=20)
    assert pooled.identity == single.identity
    np.testing.assert_array_equal(pooled.render(*seen), expected)
    pooled.close()


@pytest.mark.parametrize("name", EVERY_RENDERER)
def test_no_scenes_make_no_pictures(name: str) -> None:
    scenes, viewpoints = scenes_to_see(2)
    renderer = make_renderer(name, 16, appearance=LOOKS["drawing"])
    assert renderer.render(scenes[:0], viewpoints[:0]).shape == (0, 16, 16, 3)  # type: ignore[index]


@pytest.mark.parametrize(
    ("look", "message"),
    [
        ({"colours": "pink"}, "unknown colours 'pink'"),
        ({"background": "sky"}, "unknown background 'sky'"),
        ({"edges": "thick"}, "edges is 'thick', expected true or false"),
        ({"ambient": 1.5}, "ambient is 1.5, expected 0 to 1"),
        ({"diffuse": True}, "diffuse is True, expected 0 to 1"),
        ({"shadow": 1}, "unknown part of the appearance 'shadow'"),
        ("grey", "appearance is 'grey', expected any of"),
    ],
)
def test_looks_that_there_are_not_are_refused(look: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        make_renderer("raycast", appearance=look)  # type: ignore[arg-type]


def test_a_renderer_without_looks_is_told_of_none() -> None:
    name = f"{__name__}:Blank"
    assert make_renderer(name, appearance=Appearance()).identity.look == "blank"
    with pytest.raises(UserError, match="takes no appearance"):
        make_renderer(name, appearance={"edges": True})
    with pytest.raises(UserError, match=r"takes no field_of_view, received 20\.0"):
        make_renderer(name, field_of_view=20)


class Blank:
    """A renderer of somebody else's."""

    def __init__(self, image_size: int) -> None:
        self.identity = RendererIdentity("blank", "1", image_size, look="blank")
