"""The fixed camera makes the scheduled moves and no others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from experiments.agent.environment import AgentEnvironment, make_environment
from experiments.study.cameras import DOWN, RIGHT, SCHEDULE, UP, ScheduledCamera
from gqn_rl.errors import UserError

ROWS = 3


@pytest.fixture
def environment() -> Iterator[AgentEnvironment]:
    made = make_environment("GQNShepard-v0", ROWS, {"observation": "state", "gallery_size": 4})
    yield made
    made.close()


def angles(environment: AgentEnvironment) -> np.ndarray:
    """Azimuth and elevation of the cameras, (N, 2), degrees."""
    return np.rad2deg(environment.native.unwrapped._rows.cameras.angles.stacked())


def test_every_episode_has_the_moves_of_the_schedule(environment: AgentEnvironment) -> None:
    camera = ScheduledCamera(environment.bridge, environment.control)
    camera.seed(0)
    camera.reset()
    expected = {RIGHT: (30.0, 0.0), UP: (0.0, 30.0), DOWN: (0.0, -30.0)}
    made = np.zeros(ROWS, dtype=int)
    for step in range(11):
        before = angles(environment)
        answers = np.arange(ROWS) == step  # the rows' episodes get out of step
        camera.step(np.where(answers, 1, 0))
        turned = angles(environment) - before
        turned[:, 0] = (turned[:, 0] + 180) % 360 - 180
        for row in np.flatnonzero(~answers):
            azimuth, elevation = expected[SCHEDULE[made[row] % len(SCHEDULE)]]
            assert turned[row, 0] == pytest.approx(azimuth, abs=1e-6)
            poles = np.clip(before[row, 1] + elevation, -90, 90) - before[row, 1]
            assert turned[row, 1] == pytest.approx(poles, abs=1e-6)
        made = np.where(answers, 0, made + 1)
    assert made.max() > len(SCHEDULE)


def test_answers_are_the_environments_own(environment: AgentEnvironment) -> None:
    camera = ScheduledCamera(environment.bridge, environment.control)
    assert camera.action_space.n == 1 + environment.num_answers
    camera.seed(0)
    camera.reset()
    targets = environment.native.unwrapped.targets.copy()
    _, rewards, dones, infos = camera.step(1 + targets)
    assert dones.all()
    assert rewards.tolist() == [1.0] * ROWS
    assert [info["answer"] for info in infos] == targets.tolist()


@pytest.mark.parametrize("schedule", [(), ("right", "sideways")])
def test_a_schedule_of_other_moves_is_refused(
    environment: AgentEnvironment, schedule: tuple[str, ...]
) -> None:
    with pytest.raises(UserError, match="expected"):
        ScheduledCamera(environment.bridge, environment.control, schedule)
