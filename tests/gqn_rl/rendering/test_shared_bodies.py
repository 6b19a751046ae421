"""The client of PyBullet that renderers of a process share."""

from __future__ import annotations

import itertools
import multiprocessing
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gqn_rl.errors import UserError
from gqn_rl.geometry.viewpoint import sample_on_sphere
from gqn_rl.rendering import make_renderer
from gqn_rl.scenes.scene import sample_scenes

pybullet = pytest.importorskip("pybullet")

from gqn_rl.rendering import bodies  # noqa: E402 - needs PyBullet

SIZE = 16


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Renderers of other tests share what they share."""
    monkeypatch.setattr(bodies, "_SHARED", bodies._Shared())


def clients() -> set[int]:
    return {number for number in range(256) if pybullet.isConnected(number)}


class Drawing:
    """A scene of its own from two sides, one after the other."""

    def __init__(self, seed: int, size: int = SIZE, cubes: int = 7, **options: Any) -> None:
        rng = np.random.default_rng(seed)
        self.scene = sample_scenes(rng, 1, num_cubes=cubes, shapes="all")
        self.viewpoints = sample_on_sphere(rng, 2)
        self.size, self.options = size, options

    def make(self, **more: Any) -> Any:
        """A renderer for it."""
        return make_renderer("pybullet", self.size, **self.options, **more)

    def __call__(self, renderer: Any) -> NDArray[Any]:
        """Pictures, and the cubes on them as a fourth channel."""
        sides = [
            renderer.render_with_segmentation(self.scene, self.viewpoints[n : n + 1])
            for n in (0, 1)
        ]
        return np.concatenate([np.dstack([image[0], cube[0]]) for image, cube in sides])


DRAWINGS = (
    Drawing(0),
    Drawing(1, cubes=5),
    Drawing(2, size=32),
    Drawing(3, appearance={"edges": True, "background": "white"}),
    Drawing(4, cubes=4, field_of_view=20.0),
    Drawing(5, appearance={"ambient": 0.3}),
)
"""As different as what environments of one process may draw."""


def test_a_client_is_opened_for_the_first_picture_and_shared() -> None:
    before = clients()
    renderers = [draw.make() for draw in DRAWINGS]
    assert not clients() - before
    for draw, renderer in zip(DRAWINGS, renderers, strict=True):
        draw(renderer)
        assert len(clients() - before) == 1
    assert 0 not in clients() - before


def test_who_shares_a_client_draws_the_same_as_who_has_one() -> None:
    alone = [draw(draw.make(own_client=True)) for draw in DRAWINGS]
    renderers = [draw.make() for draw in DRAWINGS]
    for order in itertools.islice(itertools.permutations(range(len(DRAWINGS))), 0, 720, 37):
        for k in order:
            np.testing.assert_array_equal(DRAWINGS[k](renderers[k]), alone[k])


def test_threads_that_draw_at_once_draw_the_same() -> None:
    alone = [draw(draw.make(own_client=True)) for draw in DRAWINGS]
    renderers = [draw.make() for draw in DRAWINGS]

    def often(k: int) -> bool:
        return all(np.array_equal(DRAWINGS[k](renderers[k]), alone[k]) for _ in range(20))

    with ThreadPoolExecutor(len(DRAWINGS)) as threads:
        assert all(threads.map(often, range(len(DRAWINGS))))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_closing_one_leaves_the_others_drawing(order: tuple[int, ...]) -> None:
    before = clients()
    renderers = [draw.make() for draw in DRAWINGS[:3]]
    pictures = [draw(renderer) for draw, renderer in zip(DRAWINGS, renderers, strict=False)]
    for n, closed in enumerate(order):
        renderers[closed].close()
        renderers[closed].close()
        with pytest.raises(RuntimeError, match="closed"):
            DRAWINGS[closed](renderers[closed])
        for k in order[n + 1 :]:
            np.testing.assert_array_equal(DRAWINGS[k](renderers[k]), pictures[k])
    assert not clients() - before
    again = DRAWINGS[0].make()
    np.testing.assert_array_equal(DRAWINGS[0](again), pictures[0])


def test_a_renderer_that_is_dropped_lets_go() -> None:
    before = clients()
    draw = DRAWINGS[0]
    draw(draw.make())
    assert not clients() - before


def test_a_copy_by_pickle_draws_the_same() -> None:
    draw = DRAWINGS[3]
    renderer = draw.make()
    np.testing.assert_array_equal(draw(pickle.loads(pickle.dumps(renderer))), draw(renderer))


def _in_a_fork(renderer: Any, sender: Any) -> None:
    """A child's pictures, by its parent's renderer and by a new one, and what they draw with."""
    new = DRAWINGS[0].make()
    pictures = [DRAWINGS[0](each) for each in (renderer, new, renderer)]
    sender.send((pictures, renderer.bodies is new.bodies, renderer.bodies.process))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_fork_opens_its_own() -> None:
    renderer = DRAWINGS[0].make()
    expected, held = DRAWINGS[0](renderer), renderer.bodies
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    with held.lock:  # as another thread of the parent may
        child = context.Process(target=_in_a_fork, args=(renderer, sender))
        child.start()
    assert receiver.poll(60)
    pictures, shared, process = receiver.recv()
    child.join(60)
    assert (child.exitcode, shared, process) == (0, True, child.pid)
    for picture in pictures:
        np.testing.assert_array_equal(picture, expected)
    np.testing.assert_array_equal(DRAWINGS[0](renderer), expected)


def test_what_others_have_spoilt_is_left_to_them() -> None:
    draw, other = DRAWINGS[0], DRAWINGS[1]
    renderer = draw.make()
    picture = draw(renderer)
    beside = other.make()
    other(beside)
    pybullet.resetSimulation(physicsClientId=renderer.bodies.client)
    for made_before, drawn in ((renderer, draw), (beside, other)):
        with pytest.raises(UserError, match="has 0 bodies, expected 7"):
            drawn(made_before)
    np.testing.assert_array_equal(draw(draw.make()), picture)
