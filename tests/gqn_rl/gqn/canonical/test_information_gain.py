"""What a view would tell: walls, empty space, what was seen, and what the model makes of it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from gqn_rl.encoders import make_encoder
from gqn_rl.encoders.canonical_encoder import CanonicalEncoder
from gqn_rl.geometry.rays import pixel_directions
from gqn_rl.geometry.view import Views
from gqn_rl.geometry.viewpoint import Viewpoints, look_at_origin
from gqn_rl.gqn.canonical.frame import Frame
from gqn_rl.gqn.canonical.generator import CellScene
from gqn_rl.gqn.canonical.information_gain import UNIT, information_gain, visibility
from tests.gqn_rl.gqn.models import random_views

SIZE = 8
RAYS = pixel_directions(16)
EAST, NORTH, WEST = 0.0, math.pi / 2, math.pi
UNSURE = math.log(2.0)
"""The density at which a cell is as likely filled as not."""


def poses(*azimuths: float) -> Tensor:
    """Level cameras of one scene, (1, V, 7)."""
    views = look_at_origin(np.array(azimuths), np.zeros(len(azimuths)))
    return torch.from_numpy(views.encode())[None]


def cells(filled: dict[tuple[int, int, int], float]) -> CellScene:
    """One scene whose frame is the world's, with the densities of some cells; the rest is empty."""
    content = torch.zeros(1, 4, SIZE, SIZE, SIZE)
    for place, density in filled.items():
        content[(0, 0, *place)] = density
    frame = Frame(torch.zeros(1), torch.zeros(1, 3))
    return CellScene(frame, torch.ones(1, 6), content.flatten(2))


def wall(x: int, density: float = 1e4) -> dict[tuple[int, int, int], float]:
    return {(x, y, z): density for y in range(SIZE) for z in range(SIZE)}


def seen_from(scene: CellScene, *azimuths: float) -> Tensor:
    return visibility(scene, poses(*azimuths), RAYS, SIZE)[0].view(-1, SIZE, SIZE, SIZE)


def gain(scene: CellScene, query: float, seen: float, *candidates: float) -> Tensor:
    """In cubes; the last is what is left."""
    parts = visibility(scene, poses(query, seen, *candidates), RAYS, SIZE)
    return UNIT * information_gain(scene, parts[:, 0], parts[:, 1], parts[:, 2:])[0]


def test_through_empty_space_everything_is_seen() -> None:
    visible = seen_from(cells({}), EAST)
    assert visible[0, 2:6, 2:6, 2:6].min() == pytest.approx(1.0)


def test_behind_a_wall_nothing_is_seen_and_before_it_everything() -> None:
    east, west = seen_from(cells(wall(4)), EAST, WEST)
    assert east[:4].max() < 1e-6
    assert east[5:, 2:6, 2:6].min() == pytest.approx(1.0)
    assert west[5:].max() < 1e-6
    assert west[:4, 2:6, 2:6].min() == pytest.approx(1.0)


def test_a_thin_wall_lets_through_what_the_law_of_absorption_says() -> None:
    east = seen_from(cells(wall(4, density=0.5)), EAST)[0]
    # Straight through the middle; rays that come at an angle have a little more to cross.
    assert float(east[1, 3:5, 3:5].mean()) == pytest.approx(math.exp(-0.5), rel=0.02)


def test_each_camera_sees_what_it_would_see_alone() -> None:
    scene = cells(wall(4, density=0.7) | {(2, 3, 4): 3.0})
    together = seen_from(scene, EAST, NORTH, WEST)
    alone = torch.cat([seen_from(scene, azimuth) for azimuth in (EAST, NORTH, WEST)])
    torch.testing.assert_close(together, alone)


def test_a_view_tells_what_is_hidden_from_the_views_so_far() -> None:
    scene = cells(wall(4) | {(2, 4, 4): UNSURE})
    # The cell lies west of the wall; the query and the candidate too, the camera so far does not.
    hidden, again, left = gain(scene, WEST, EAST, WEST, EAST).tolist()
    wall_alone = gain(cells(wall(4)), WEST, EAST, WEST)[0].item()
    assert hidden - wall_alone == pytest.approx(0.5, rel=0.1)
    assert again == 0.0
    assert left >= hidden


def test_the_surer_that_a_cell_is_filled_the_more_there_is_to_tell() -> None:
    scenes = [cells(wall(4) | {(2, 4, 4): density}) for density in (0.0, 0.1, UNSURE, 3.0)]
    told = [float(gain(scene, WEST, EAST, WEST)[0]) for scene in scenes]
    assert told == sorted(told)
    assert told[-1] - told[0] > 0.8


def test_what_the_query_view_does_not_show_does_not_count() -> None:
    hidden, empty = cells(wall(4) | {(2, 4, 4): UNSURE}), cells(wall(4))
    for number in range(2):
        one, other = (gain(scene, EAST, EAST, WEST)[number].item() for scene in (hidden, empty))
        assert one == pytest.approx(other, abs=1e-3)


def test_a_view_taken_before_tells_nothing() -> None:
    scene = cells({(2, 4, 4): UNSURE, (5, 3, 4): 0.3})
    assert float(gain(scene, NORTH, WEST, WEST)[0]) == 0.0


def test_where_nothing_is_there_is_nothing_to_tell() -> None:
    assert gain(cells({}), WEST, EAST, NORTH, WEST).max() == 0.0


@pytest.fixture(scope="module")
def encoder() -> CanonicalEncoder:
    found = make_encoder("base", device="cpu")
    assert isinstance(found, CanonicalEncoder)
    return found


def arguments(encoder: CanonicalEncoder, seed: int = 1) -> list[np.ndarray]:
    """Of five scenes with two views taken, a third pose that was not, and three candidates."""
    scenes = random_views(5, 7, seed=seed)
    state = encoder.initial_state(5)
    for v in range(2):
        state = encoder.update(
            state, Views(scenes.images[:, v], Viewpoints.decode(scenes.viewpoints[:, v]))
        )
    is_seen = np.tile([True, True, False], (5, 1))
    x = scenes.viewpoints
    return [encoder.representation(state), x[:, 3], x[:, :3], is_seen, x[:, 4:7]]


def test_the_encoder_says_it_of_each_scene_alone(encoder: CanonicalEncoder) -> None:
    given = arguments(encoder)
    together = encoder.information_gain(*given)
    assert together.shape == (5, 4)
    assert together.dtype == np.float32
    assert together.min() >= 0.0
    assert together.max() > 0.1
    each = [encoder.information_gain(*(part[i : i + 1] for part in given))[0] for i in range(5)]
    np.testing.assert_allclose(together, each, rtol=0.03, atol=0.01)


def test_the_order_of_the_views_does_not_matter_and_those_not_taken_do_not_count(
    encoder: CanonicalEncoder,
) -> None:
    r, query, seen, is_seen, candidates = arguments(encoder)
    expected = encoder.information_gain(r, query, seen, is_seen, candidates)
    turned = encoder.information_gain(r, query, seen[:, ::-1], is_seen[:, ::-1], candidates)
    np.testing.assert_allclose(turned, expected, atol=1e-5)
    fewer = encoder.information_gain(r, query, seen[:, :2], is_seen[:, :2], candidates)
    np.testing.assert_allclose(fewer, expected, atol=1e-5)
    more = encoder.information_gain(r, query, seen, np.ones_like(is_seen), candidates)
    assert (more <= expected + 1e-5).all()
    assert (more < expected - 1e-3).any()
    assert (expected[:, :-1] <= expected[:, -1:] + 1e-5).all()


def test_more_views_leave_less_to_be_told(encoder: CanonicalEncoder) -> None:
    scenes = random_views(6, 8)
    state, told = encoder.initial_state(6), []
    for v in range(7):
        pose = Viewpoints.decode(scenes.viewpoints[:, v])
        state = encoder.update(state, Views(scenes.images[:, v], pose))
        seen, query = scenes.viewpoints[:, : v + 1], scenes.viewpoints[:, 7]
        is_seen = np.ones((6, v + 1), dtype=bool)
        r = encoder.representation(state)
        told.append(encoder.information_gain(r, query, seen, is_seen, query[:, None])[:, -1].mean())
    assert told[0] > 2 * told[3] > 2 * told[6]
