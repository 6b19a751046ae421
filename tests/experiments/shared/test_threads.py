"""How many threads commands use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from experiments.shared.threads import use_threads, use_threads_for_small_batches
from gqn_rl.errors import UserError
from gqn_rl.scene_threads import scene_threads, use_scene_threads


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
    use_scene_threads(None)


def test_small_batches_get_one_thread_of_pytorch_and_scenes_as_many_as_it_had() -> None:
    torch.set_num_threads(3)
    for _ in range(2):  # a second command in the process finds the same
        use_threads_for_small_batches(0)
        assert (torch.get_num_threads(), scene_threads()) == (1, 3)


def test_a_number_that_is_given_counts_for_both() -> None:
    use_threads_for_small_batches(2)
    assert (torch.get_num_threads(), scene_threads()) == (2, 2)


@pytest.mark.parametrize("count", [-1, 1025])
def test_a_number_that_cannot_be_meant_is_refused_before_anything_is_set(count: int) -> None:
    before = torch.get_num_threads(), scene_threads()
    for use in (use_threads, use_threads_for_small_batches):
        with pytest.raises(UserError, match=f"threads is {count}, expected 0 to 1024"):
            use(count)
    assert (torch.get_num_threads(), scene_threads()) == before
