"""Shipped agents are listed and watched as they are evaluated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agents.saving.bundle import TRAINED
from experiments.explorer.page.pictures import episode_parts, shapes_part
from experiments.explorer.watching import Watched, watchable_agents
from gqn_rl.errors import UserError


def test_what_ships_is_what_can_be_watched() -> None:
    names = [path.stem for path in TRAINED.glob("*.safetensors")]
    assert sorted(watchable_agents()) == sorted(names)
    assert next(iter(watchable_agents(Path("runs/mine")))) == "runs/mine"


@pytest.mark.parametrize("name", sorted(watchable_agents()))
def test_a_shipped_agent_is_watched_to_the_end(name: str) -> None:
    watched = Watched.open(name, watchable_agents(), seed=5)
    first = step = watched.begin()
    while not step.over:
        step = watched.step()
        if step.answer_posterior is not None:
            assert len(step.answer_posterior) == len(watched.answers)
            assert step.answer_posterior.sum() == pytest.approx(1.0)
    assert watched.is_over
    assert len(step.lines) >= 1
    assert (step.right is None) == watched.environment.is_graded
    assert episode_parts(step, watched.answers)["message"]
    assert (shapes_part(watched.shapes) == "") == (watched.shapes == [])
    again = Watched.open(name, watchable_agents(), seed=5).begin()
    np.testing.assert_array_equal(first.picture, again.picture)
    following = watched.begin()
    assert not np.array_equal(following.picture, again.picture)
    watched.close()


def test_an_unknown_agent_is_refused() -> None:
    with pytest.raises(UserError, match="unknown agent 'nobody'"):
        Watched.open("nobody", watchable_agents(), 0)
