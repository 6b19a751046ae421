"""Environments for the tests, closed again after each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gymnasium
import pytest

import envs
from envs.registration import TASK_IDS
from tests.envs.fake_encoder import FakeDreamer

Make = Callable[..., Any]


@pytest.fixture(params=envs.ENV_IDS)
def env_id(request: pytest.FixtureRequest) -> str:
    """Every registered id in turn."""
    return str(request.param)


@pytest.fixture(params=[f"{stem}-v0" for stem in TASK_IDS])
def task_id(request: pytest.FixtureRequest) -> str:
    """The Discrete id of every task in turn."""
    return str(request.param)


@pytest.fixture
def plain(env_id: str) -> dict[str, Any]:
    """Arguments that are plain data and load no shipped weights unless the task needs some."""
    if "ViewPrediction" in env_id:
        return {"observation": "state", "encoder": "random"}
    return {"observation": "state"}


@pytest.fixture
def make() -> Iterator[Make]:
    """`gymnasium.make` with the fake encoder unless told otherwise."""
    made: list[Any] = []

    def make_one(env_id: str = "GQNShepard-v0", **arguments: Any) -> Any:
        made.append(gymnasium.make(env_id, **{"encoder": FakeDreamer(), **arguments}))
        return made[-1]

    yield make_one
    for env in made:
        env.close()


@pytest.fixture
def make_vec() -> Iterator[Make]:
    """`gymnasium.make_vec` with the fake encoder unless told otherwise."""
    made: list[Any] = []

    def make_one(env_id: str = "GQNShepard-v0", num_envs: int = 4, **arguments: Any) -> Any:
        arguments = {"encoder": FakeDreamer(), **arguments}
        made.append(gymnasium.make_vec(env_id, num_envs=num_envs, **arguments))
        return made[-1]

    yield make_one
    for env in made:
        env.close()
