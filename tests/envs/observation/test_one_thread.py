"""How many threads PyTorch has while views are encoded."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from envs.observation.one_thread import one_thread
from envs.scene_vector_env import SceneVectorEnv
from gqn_rl.geometry.view import Views
from gqn_rl.geometry.viewpoint import Viewpoints
from tests.envs.fake_encoder import FakeDreamer, State

GIVEN = 3


@pytest.fixture(autouse=True)
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(GIVEN)
    yield
    torch.set_num_threads(before)


class Watched(FakeDreamer):
    """Notes with how many threads it is asked for anything that takes time."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[tuple[str, int]] = []

    def _note(self, asked: str) -> None:
        self.threads.append((asked, torch.get_num_threads()))

    def update(self, state: State, views: Views, mask: NDArray[np.bool_] | None = None) -> State:
        self._note("update")
        return super().update(state, views, mask)

    def representation(self, state: State) -> NDArray[np.float32]:
        self._note("representation")
        return super().representation(state)

    def predict_view(self, state: State, viewpoints: Viewpoints) -> NDArray[np.uint8]:
        self._note("predict_view")
        return super().predict_view(state, viewpoints)


@pytest.mark.parametrize(("rows", "expected"), [(1, 1), (2, GIVEN)])
def test_a_single_row_is_encoded_by_one_thread_and_several_by_all(rows: int, expected: int) -> None:
    encoder = Watched()
    env = SceneVectorEnv(rows, task="view_prediction", encoder=encoder, renderer="raycast")
    env.reset(seed=0)
    env.step(np.zeros(rows, np.int64))
    env.potential()
    env.close()
    assert {asked for asked, _ in encoder.threads} == {"update", "representation", "predict_view"}
    assert {threads for _, threads in encoder.threads} == {expected}
    assert torch.get_num_threads() == GIVEN


def test_the_number_comes_back_after_an_error() -> None:
    def fail() -> None:
        with one_thread():
            seen.append(torch.get_num_threads())
            raise KeyError

    seen: list[int] = []
    with pytest.raises(KeyError):
        fail()
    assert seen == [1]
    assert torch.get_num_threads() == GIVEN


def test_who_has_no_pytorch_is_not_made_to_import_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("PyTorch was asked")

    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setattr(torch, "set_num_threads", refuse)
    with one_thread():
        pass
    monkeypatch.undo()
