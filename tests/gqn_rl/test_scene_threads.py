"""Parts of a batch that threads work on side by side."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from gqn_rl.data.synthetic import SceneDistribution, render_views
from gqn_rl.encoders import make_encoder
from gqn_rl.geometry.view import Views
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.rendering import make_renderer
from gqn_rl.scene_threads import each_part, scene_threads, use_scene_threads

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    use_scene_threads(None)


def square(number: int) -> int:
    return number * number


def test_results_come_in_the_order_of_the_parts() -> None:
    use_scene_threads(3)
    assert each_part(square, range(20), CPU) == [number * number for number in range(20)]
    assert each_part(square, [], CPU) == []


def test_parts_are_worked_on_at_the_same_time() -> None:
    use_scene_threads(2)
    both_are_there = threading.Barrier(2, timeout=30)
    each_part(lambda _: both_are_there.wait(), range(2), CPU)


def test_each_thread_computes_alone_and_the_caller_as_before() -> None:
    use_scene_threads(2)
    before = torch.get_num_threads()
    assert each_part(lambda _: torch.get_num_threads(), range(4), CPU) == [1] * 4
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("threads", [1, 2])
def test_nothing_learns_however_many_threads_there_are(threads: int) -> None:
    use_scene_threads(threads)
    weight = torch.ones(1, requires_grad=True)
    assert not any(out.requires_grad for out in each_part(lambda x: weight * x, (1, 2), CPU))


def test_an_error_of_one_part_is_raised_when_all_have_ended() -> None:
    use_scene_threads(2)
    ended = []

    def fail_at_first(number: int) -> None:
        if number == 0:
            raise ValueError("part 0")
        ended.append(number)

    with pytest.raises(ValueError, match="part 0"):
        each_part(fail_at_first, range(4), CPU)
    assert sorted(ended) == [1, 2, 3]


def test_unless_told_otherwise_there_are_as_many_as_pytorch_has() -> None:
    assert scene_threads() == torch.get_num_threads()
    use_scene_threads(5)
    assert scene_threads() == 5


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="needs a system that forks"
)
def test_a_forked_child_makes_threads_of_its_own() -> None:
    use_scene_threads(2)
    each_part(square, range(4), CPU)
    child = multiprocessing.get_context("fork").Process(target=_use_threads_in_a_child)
    child.start()
    child.join(60)
    assert child.exitcode == 0


def _use_threads_in_a_child() -> None:
    use_scene_threads(2)
    assert each_part(square, range(4), CPU) == [0, 1, 4, 9]


def test_a_refined_state_is_the_same_to_the_bit_with_any_number_of_threads() -> None:
    rng = np.random.default_rng(0)
    scenes = SceneDistribution(shapes="test").sample(rng, 18)  # two parts of each look
    seen = render_views(make_renderer("raycast"), scenes, 2, rng)
    encoder = make_encoder("refined", device="cpu")

    def looked(threads: int) -> tuple[torch.Tensor, ...]:
        use_scene_threads(threads)
        state = encoder.initial_state(len(seen.images))
        for view in range(2):
            poses = Viewpoints.decode(seen.viewpoints[:, view])
            state = encoder.update(state, Views(seen.images[:, view], poses))
        tensors: tuple[torch.Tensor, ...] = state.tensors
        return tensors

    assert all(map(torch.equal, looked(1), looked(2)))
