"""Rendering workers: the same images, nothing left behind, and what happens when one is killed."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing import get_context
from threading import Timer

import numpy as np
import pytest

from gqn_rl.errors import UserError
from gqn_rl.geometry.viewpoint import Viewpoints, sample_on_sphere
from gqn_rl.rendering import DEFAULT_RENDERER, make_renderer, render_portions
from gqn_rl.rendering.pooled import renderer as pooled_renderer
from gqn_rl.rendering.pooled.renderer import PooledRenderer
from gqn_rl.rendering.pooled.shared_scenes import SharedScenes
from gqn_rl.scenes.scene import SceneBatch, sample_scenes
from tests.renderers import EVERY_RENDERER

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")
SIZE, CAPACITY, WORKERS = 16, 12, 2


def make_pool(name: str = DEFAULT_RENDERER, **options: object) -> PooledRenderer:
    pool = make_renderer(name, SIZE, workers=WORKERS, capacity=CAPACITY, **options)
    assert isinstance(pool, PooledRenderer)
    return pool


@pytest.fixture(scope="module", params=EVERY_RENDERER)
def shared_pool(request: pytest.FixtureRequest) -> Iterator[PooledRenderer]:
    """Of every renderer, used by tests that leave it as it was."""
    pool = make_pool(request.param)
    yield pool
    pool.close()


@pytest.fixture
def pool() -> Iterator[PooledRenderer]:
    """One that a test may spoil."""
    pool = make_pool()
    yield pool
    pool.close()


def sample(n: int, seed: int = 0, num_cubes: int = 7) -> tuple[SceneBatch, Viewpoints]:
    rng = np.random.default_rng(seed)
    scenes = sample_scenes(rng, n, num_cubes=num_cubes, shapes="all", orientation="free")
    return scenes, sample_on_sphere(rng, n)


def alone(name: str, scenes: SceneBatch, viewpoints: Viewpoints) -> np.ndarray:
    """What the renderer draws in this process."""
    return make_renderer(name, SIZE).render(scenes, viewpoints)


def lives(process_id: int) -> bool:
    """Whether there is such a process, other than one that nobody has waited for."""
    try:
        with open(f"/proc/{process_id}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(process_ids: list[int], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while any(map(lives, process_ids)):
        assert time.monotonic() < end, f"{process_ids} still run"
        time.sleep(0.05)


@pytest.mark.parametrize("n", [1, 2, CAPACITY, 2 * CAPACITY + 5])
def test_images_are_those_of_the_renderer_alone_to_the_bit(
    shared_pool: PooledRenderer, n: int
) -> None:
    scenes, viewpoints = sample(n)
    expected = alone(shared_pool.identity.name, scenes, viewpoints)
    for _ in range(2):
        np.testing.assert_array_equal(shared_pool.render(scenes, viewpoints), expected)


@pytest.mark.parametrize("num_cubes", [4, 7])
def test_objects_may_have_any_number_of_cubes(shared_pool: PooledRenderer, num_cubes: int) -> None:
    scenes, viewpoints = sample(5, num_cubes=num_cubes)
    expected = alone(shared_pool.identity.name, scenes, viewpoints)
    np.testing.assert_array_equal(shared_pool.render(scenes, viewpoints), expected)


def test_very_large_objects_only_take_longer(shared_pool: PooledRenderer) -> None:
    rng, n, cubes = np.random.default_rng(1), 9, 40
    scenes = SceneBatch(
        rng.uniform(-3, 3, (n, cubes, 3)),
        rng.random((n, cubes)) < 0.7,
        np.tile(np.eye(3), (n, 1, 1)),
        rng.random((n, cubes, 3)).astype(np.float32),
    )
    viewpoints = sample_on_sphere(rng, n)
    expected = alone(shared_pool.identity.name, scenes, viewpoints)
    np.testing.assert_array_equal(shared_pool.render(scenes, viewpoints), expected)


def test_its_identity_is_that_of_the_renderer(shared_pool: PooledRenderer) -> None:
    assert shared_pool.identity == make_renderer(shared_pool.identity.name, SIZE).identity


@pytest.mark.parametrize("sizes", [[12], [5, 7], [1, 0, 11], [20, 0, 4], [0, 0], []])
def test_portions_come_in_order_and_make_up_the_whole(
    shared_pool: PooledRenderer, sizes: list[int]
) -> None:
    scenes, viewpoints = sample(sum(sizes))
    inside = make_renderer(shared_pool.identity.name, SIZE)
    for renderer in (shared_pool, inside):
        portions = list(render_portions(renderer, scenes, viewpoints, sizes))
        assert [len(portion.images) for portion in portions] == sizes
        assert not any(portion.lost.any() for portion in portions)
        images = [portion.images for portion in portions]
        expected = inside.render(scenes, viewpoints)
        np.testing.assert_array_equal(np.concatenate([expected[:0], *images]), expected)


def test_portions_that_nobody_took_do_not_come_later(shared_pool: PooledRenderer) -> None:
    for seed in range(2):
        next(iter(shared_pool.render_portions(*sample(12, seed), [4, 4, 4])))
    scenes, viewpoints = sample(3, 5)
    expected = alone(shared_pool.identity.name, scenes, viewpoints)
    np.testing.assert_array_equal(shared_pool.render(scenes, viewpoints), expected)


def test_what_does_not_add_up_is_refused(shared_pool: PooledRenderer) -> None:
    scenes, viewpoints = sample(4)
    with pytest.raises(ValueError, match=r"portions of \[3\] are not 4 scenes"):
        list(shared_pool.render_portions(scenes, viewpoints, [3]))
    with pytest.raises(ValueError, match="4 scenes but 2 viewpoints"):
        shared_pool.render(scenes, viewpoints[:2])


def test_a_killed_worker_is_replaced_and_its_images_are_drawn_again(pool: PooledRenderer) -> None:
    scenes, viewpoints = sample(9)
    expected = alone(DEFAULT_RENDERER, scenes, viewpoints)
    for restarts in (1, 2):
        os.kill(pool.process_ids[restarts - 1], signal.SIGKILL)
        np.testing.assert_array_equal(pool.render(scenes, viewpoints), expected)
        assert pool.restarts == restarts
    assert all(map(lives, pool.process_ids))


def test_portions_say_what_was_lost(pool: PooledRenderer) -> None:
    scenes, viewpoints = sample(12)
    expected = alone(DEFAULT_RENDERER, scenes, viewpoints)
    os.kill(pool.process_ids[0], signal.SIGKILL)
    portions = list(pool.render_portions(scenes, viewpoints, [4, 8]))
    lost = np.concatenate([portion.lost for portion in portions])
    # Each portion is shared out evenly and in order.
    assert lost.tolist() == [True] * 2 + [False] * 2 + [True] * 4 + [False] * 4
    images = np.concatenate([portion.images for portion in portions])
    np.testing.assert_array_equal(images[~lost], expected[~lost])
    assert not images[lost].any()
    (again,) = pool.render_portions(scenes, viewpoints, [12])
    np.testing.assert_array_equal(again.images, expected)


def test_a_worker_may_be_killed_while_it_is_drawing(pool: PooledRenderer) -> None:
    scenes, viewpoints = sample(8)
    victim = pool.process_ids[1]
    os.kill(victim, signal.SIGSTOP)  # so that it has certainly not finished
    Timer(0.2, os.kill, (victim, signal.SIGKILL)).start()
    (drawn,) = pool.render_portions(scenes, viewpoints, [8])
    assert drawn.lost.tolist() == [False] * 4 + [True] * 4
    assert pool.restarts == 1


def test_all_workers_may_be_killed_at_once(pool: PooledRenderer) -> None:
    scenes, viewpoints = sample(8)
    for process_id in pool.process_ids:
        os.kill(process_id, signal.SIGKILL)
    expected = alone(DEFAULT_RENDERER, scenes, viewpoints)
    np.testing.assert_array_equal(pool.render(scenes, viewpoints), expected)
    assert pool.restarts == WORKERS


def test_workers_that_keep_being_killed_are_not_replaced_for_ever(
    pool: PooledRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pooled_renderer, "MAX_LOSSES", 1)
    for process_id in pool.process_ids:
        os.kill(process_id, signal.SIGKILL)
    with pytest.raises(RuntimeError, match=r"2 rendering workers in a row .* exit code -9"):
        pool.render(*sample(8))


def test_what_goes_wrong_in_a_worker_is_told() -> None:
    with pytest.raises(RuntimeError, match=r"a rendering worker failed:(?s:.*)abacus"):
        make_pool("raycast", device="abacus")
    with pytest.raises(UserError, match="-1 rendering workers"):
        make_renderer(DEFAULT_RENDERER, SIZE, workers=-1)


def test_closing_ends_the_workers_and_may_be_repeated(pool: PooledRenderer) -> None:
    process_ids = pool.process_ids
    pool.close()
    pool.close()
    assert not any(map(lives, process_ids))
    with pytest.raises(RuntimeError, match="closed"):
        pool.render(*sample(1))


def nameless_maps() -> list[str]:
    """The lines of this process's memory map about files that no folder lists."""
    with open("/proc/self/maps") as file:
        return [line for line in file if line.rstrip().endswith("(deleted)")]


def test_closing_gives_the_shared_memory_back_whoever_still_holds_it() -> None:
    before, shared = nameless_maps(), SharedScenes(CAPACITY, SIZE)
    scenes, viewpoints = sample(3)
    shared.write(scenes, viewpoints)
    descriptor = shared.descriptor
    assert len(nameless_maps()) == len(before) + 1
    shared.close()
    shared.close()
    assert nameless_maps() == before
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_closing_a_renderer_leaves_no_mapped_file() -> None:
    before, pool = nameless_maps(), make_pool()
    held = pool._shared  # as the frames of an exception that is kept do
    pool.render(*sample(3))
    pool.close()
    assert held is not None
    assert nameless_maps() == before


def test_workers_end_with_the_renderer_that_nobody_holds() -> None:
    pool = make_pool()
    process_ids = pool.process_ids
    assert all(map(lives, process_ids))
    del pool
    gc.collect()
    wait_until_gone(process_ids)


def test_the_memory_has_no_name_that_could_be_left_behind(pool: PooledRenderer) -> None:
    assert os.fstat(pool._memory.descriptor).st_nlink == 0


PARENT = """
import os, sys, time
from gqn_rl.rendering import make_renderer
pool = make_renderer(None, 16, workers=2)
if sys.argv[1] == "forks" and os.fork() == 0:
    time.sleep(60)  # and holds the other ends of all connections
print(*pool.process_ids, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("parent", ["plain", "forks"])
def test_workers_end_when_their_parent_is_killed(parent: str) -> None:
    command = [sys.executable, "-c", PARENT, parent]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        process_ids = [int(word) for word in process.stdout.readline().split()]
        try:
            assert len(process_ids) == 2
            assert all(map(lives, process_ids))
            process.kill()
            wait_until_gone(process_ids)
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # the fork


def test_a_pickled_copy_has_workers_of_its_own(pool: PooledRenderer) -> None:
    scenes, viewpoints = sample(5)
    expected = pool.render(scenes, viewpoints)
    copy = pickle.loads(pickle.dumps(pool))
    assert not set(copy.process_ids) & set(pool.process_ids)
    pool.close()
    np.testing.assert_array_equal(copy.render(scenes, viewpoints), expected)
    copy.close()


def draw_in_fork(pool: PooledRenderer, connection: object) -> None:
    connection.send((pool.render(*sample(5)), pool.process_ids))  # type: ignore[attr-defined]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_has_workers_of_its_own(pool: PooledRenderer) -> None:
    context = get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=draw_in_fork, args=(pool, theirs))
    process.start()
    images, process_ids = ours.recv()
    process.join()
    expected = alone(DEFAULT_RENDERER, *sample(5))
    np.testing.assert_array_equal(images, expected)
    np.testing.assert_array_equal(pool.render(*sample(5)), expected)
    assert pool.restarts == 0
    wait_until_gone(process_ids)
