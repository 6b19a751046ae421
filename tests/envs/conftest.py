"""Environments for the tests, closed again after each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gymnasium
import pytest

import envs
from tests.envs.fake_encoder import FakeEncoder

Make = Callable[..., Any]


@pytest.fixture(params=envs.ENV_IDS)
def env_id(request: pytest.FixtureRequest) -> str:
    """Every registered id in turn."""
    return str(request.param)


@pytest.fixture
def make() -> Iterator[Make]:
    """`gymnasium.make` with the fake encoder unless told otherwise."""
    made: list[Any] = []

    def make_one(env_id: str = "GQNShepard-v0", **arguments: Any) -> Any:
        made.append(gymnasium.make(env_id, **{"encoder": FakeEncoder(), **arguments}))
        return made[-1]

    yield make_one
    for env in made:
        env.close()


@pytest.fixture
def make_vec() -> Iterator[Make]:
    """`gymnasium.make_vec` with the fake encoder unless told otherwise."""
    made: list[Any] = []

    def make_one(env_id: str = "GQNShepard-v0", num_envs: int = 4, **arguments: Any) -> Any:
        arguments = {"encoder": FakeEncoder(), **arguments}
        made.append(gymnasium.make_vec(env_id, num_envs=num_envs, **arguments))
        return made[-1]

    yield make_one
    for env in made:
        env.close()
