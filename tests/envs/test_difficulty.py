"""What makes looking pay, of every registered id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence

from gqn_rl.scenes.scene import VIEW_RADIUS
from tests.envs.episodes import play

Make = Callable[..., Any]
ROWS = 6


def barycentres(rows: Any) -> np.ndarray[Any, Any]:
    """Of the objects, and of the references if there are any, (R, N, 3)."""
    trials = rows.unwrapped.trials
    batches = [trials.scenes] + ([] if trials.reference is None else [trials.reference])
    return np.stack([batch.cube_centres().mean(axis=1) for batch in batches])


def test_objects_stand_where_they_are_told_to(env_id: str, make_vec: Make) -> None:
    centred, anywhere = (
        make_vec(env_id, ROWS, observation="state", position=position)
        for position in ("centred", "random")
    )
    for env in (centred, anywhere):
        env.reset(seed=0)
    np.testing.assert_allclose(barycentres(centred), 0.0, atol=1e-9)
    away = np.linalg.norm(barycentres(anywhere), axis=-1)
    assert (away > 0).mean() > 0.8  # chains that are too long stay where they are
    assert len(np.unique(away.round(6))) > 0.8 * away.size
    corners = anywhere.unwrapped.trials.scenes.cube_centres()
    assert np.linalg.norm(corners, axis=-1).max() < VIEW_RADIUS


@pytest.mark.parametrize("num_cubes", [2, 7, 10])
def test_the_truth_about_objects_anywhere_is_within_its_space(
    env_id: str, num_cubes: int, make_vec: Make
) -> None:
    if num_cubes == 2 and "View" not in env_id:
        pytest.skip("there is one shape of two cubes")
    shapes = "all" if num_cubes == 2 else "test"
    given = {"observation": "state", "position": "random", "num_cubes": num_cubes}
    env = make_vec(env_id, 16, shapes=shapes, **given)
    assert env.reset(seed=0)[0] in env.observation_space


def test_episodes_of_objects_anywhere_are_reproducible(env_id: str, make: Make) -> None:
    first, again = (make(env_id, observation="pixels", position="random") for _ in range(2))
    assert data_equivalence(play(first, 3), play(again, 3), exact=True)
