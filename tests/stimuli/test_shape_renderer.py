"""Letters and poses mean the same here and in shepard-metzler-shape-renderer 2.0.0.

Nothing here needs PyTorch: what is exchanged are letters, positions and cameras.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gqn_rl import ShepardMetzlerObject
from gqn_rl.errors import UserError
from gqn_rl.geometry.viewpoint import look_at_origin

pytestmark = pytest.mark.stimuli

EDGE = 2.0
"""Of their cubes."""
DISTANCE = 25.0
"""Of their cameras, in their units, in the pictures that were shown to people."""
OBJECTS = [ShepardMetzlerObject.sample(np.random.default_rng(seed), 10) for seed in range(20)]


@pytest.fixture
def views(rng: np.random.Generator) -> list[tuple[float, float]]:
    """Their theta and phi in degrees of eight cameras, below and above the object."""
    pairs = zip(rng.uniform(-80.0, 80.0, 8), rng.uniform(-180.0, 180.0, 8), strict=True)
    return [(float(theta), float(phi)) for theta, phi in pairs]


def drawn_there(letters: str, theta: float, phi: float) -> NDArray[np.float64]:
    """Where their renderer draws the middle of each cube, (P, 2), in half pictures of 90 degrees:
    to the right and upwards."""
    from shaperenderer.geometry import MetzlerShape
    from shaperenderer.renderer import Camera
    from shaperenderer.utils import homogenize

    vertices = MetzlerShape(letters.upper()).vertices.T.reshape(-1, 8, 3)
    camera = Camera()
    camera.setSphericalPosition(r=DISTANCE, theta=theta, phi=phi)
    seen = camera.setProjectionMatrix() @ camera.setLookAtMatrix()
    clip = seen @ homogenize(vertices.mean(axis=1).T)
    return np.asarray((clip[:2] / clip[3]).T, dtype=np.float64)


def drawn_here(item: ShepardMetzlerObject, theta: float, phi: float) -> NDArray[np.float64]:
    """The same by our camera that docs/shapes.md puts in the place of theirs."""
    azimuth, elevation = np.deg2rad([phi - 90.0]), np.deg2rad([-theta])
    pose = look_at_origin(azimuth, elevation, radius=DISTANCE / EDGE)
    right, up, forward = ((item.centred() - pose.position[0]) @ pose.axes()[0].T).T
    return np.stack([right / forward, up / forward], axis=1)


def test_cubes_are_drawn_at_the_same_places(views: list[tuple[float, float]]) -> None:
    for item in OBJECTS:
        for theta, phi in views:
            there = drawn_there(item.directions(), theta, phi)
            np.testing.assert_allclose(drawn_here(item, theta, phi), there, atol=1e-12)


def test_the_mirror_image_is_drawn_elsewhere(views: list[tuple[float, float]]) -> None:
    for item in OBJECTS:
        if not item.is_chiral:
            continue
        for theta, phi in views:
            there = drawn_there(item.directions(), theta, phi)
            assert np.abs(drawn_here(item.mirror(), theta, phi) - there).max() > 0.01


def test_letters_written_here_are_read_there() -> None:
    from shaperenderer.geometry import MetzlerShape

    for item in OBJECTS:
        x, y, z = np.array(MetzlerShape(item.directions().upper()).centers).T / EDGE
        assert np.array_equal(np.stack([x, -z, y], axis=1), item.cubes)


def test_letters_written_there_are_read_here() -> None:
    from shaperenderer.geometry import ShapeGenerator

    texts = [str(ShapeGenerator(random_state=seed).generate()) for seed in range(100)]
    whole = [text for text in texts if not crosses_itself(text)]
    assert len(whole) > 50
    for text in whole:
        assert ShepardMetzlerObject.from_directions(text).directions() == text


def crosses_itself(letters: str) -> bool:
    """By the positions of the cubes there."""
    from shaperenderer.geometry import MetzlerShape

    centers = MetzlerShape(letters.upper()).centers
    return len({tuple(center) for center in centers}) < len(centers)


def test_both_reflect_and_turn_alike() -> None:
    from shaperenderer.geometry import Plane, Quadrant, ShapeString

    for item in OBJECTS:
        text: Any = ShapeString(item.directions())
        assert str(text.reflect(Plane.YZ)) == item.mirror().directions()
        for quadrant in Quadrant:
            turned = ShepardMetzlerObject.from_directions(str(text.change_quadrant(quadrant)))
            assert turned.canonical_form == item.canonical_form


def test_a_figure_that_crosses_itself_is_refused_here_alone() -> None:
    crossing = "urdluuuuu"
    assert crosses_itself(crossing)
    with pytest.raises(UserError, match="does not cross itself"):
        ShepardMetzlerObject.from_directions(crossing)
