"""What agents are compared with, and the fixed camera, with a control from outside."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agents.evaluation import evaluate
from experiments.agent.comparison import oracle, random_agent, trained_look_around
from experiments.agent.environment import AgentEnvironment, make_environment
from experiments.agent.episode import record_episode
from experiments.play_episode import PlayEpisodeSettings, scripted
from experiments.study.cameras import ScheduledCamera
from tests.envs.eight_ways import NAME, EightWays
from tests.experiments.agent import test_view_strategies as strategies

test_strategies_take_the_looks_they_are_given = (
    strategies.test_strategies_take_the_looks_they_are_given
)
test_farthest_views_are_farther_apart_than_random_ones = (
    strategies.test_farthest_views_are_farther_apart_than_random_ones
)
test_nearest_views_end_close_to_the_query_without_repeating_one = (
    strategies.test_nearest_views_end_close_to_the_query_without_repeating_one
)


@pytest.fixture
def environment() -> Any:
    """View prediction, for the tests of the strategies."""
    arguments = {"control": NAME, "max_looks": 6}
    made = make_environment(
        "GQNShepardViewPrediction-v0", strategies.ROWS, arguments, encoder=strategies.FakeDreamer()
    )
    assert isinstance(made.control, EightWays)
    yield made
    made.close()


@pytest.fixture
def recognition() -> Any:
    arguments = {"control": NAME, "observation": "state", "gallery_size": 3}
    made = make_environment("GQNShepard-v0", 4, arguments)
    yield made
    made.close()


def test_baselines_play_it(recognition: AgentEnvironment) -> None:
    right = evaluate(oracle(recognition), recognition.bridge, 40, seed=0)
    assert (right.accuracy, right.looks) == (1.0, 1.0)
    blind = evaluate(random_agent(recognition, 0), recognition.bridge, 200, seed=0)
    assert 0.15 < blind.accuracy < 0.5
    assert 1.0 < blind.looks < 3.0
    around, said = trained_look_around(recognition, ("right", "up"), 200, seed=0)
    assert said["moves"] == ["right", "up"]
    assert evaluate(around, recognition.bridge, 40, seed=0).looks == 3.0


def test_random_actions_depend_on_the_seed_alone(recognition: AgentEnvironment) -> None:
    def drawn(seed: int) -> list[np.ndarray]:
        player = random_agent(recognition, seed)
        return [player.predict({"x": np.zeros((500, 1))})[0] for _ in range(2)]

    one, again, other = drawn(1), drawn(1), drawn(2)
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one[0], one[1])
    assert not np.array_equal(one[0], other[0])
    counts = [np.bincount(numbers) / 500 for numbers in one[0].T]
    assert [len(shares) for shares in counts] == [3, 3, 4]
    assert all(np.abs(shares - 1 / len(shares)).max() < 0.08 for shares in counts)


def test_moves_by_name_are_played_and_named(recognition: AgentEnvironment) -> None:
    single = recognition.again(num_envs=1)
    player = scripted(single, PlayEpisodeSettings(moves=("right", "up"), answer=2))
    episode = record_episode(single, player, seed=3)
    single.close()
    assert episode.actions[0].startswith("right 30°")
    assert episode.actions[1].endswith("up 30°")
    assert (len(episode.views), episode.answer) == (3, 2)


def test_the_fixed_camera_makes_its_moves(recognition: AgentEnvironment) -> None:
    camera = ScheduledCamera(recognition.bridge, recognition.control, ("left",))
    camera.seed(0)
    camera.reset()
    native: Any = recognition.native.unwrapped
    before = native.viewpoints.yaw.copy()
    answering = np.array([0, 2, 0, 3])
    _, _, dones, infos = camera.step(answering)
    assert dones.tolist() == [False, True, False, True]
    assert [info["answer"] for info in infos] == [-1, 1, -1, 2]
    turned = np.rad2deg(native.viewpoints.yaw - before)[~dones]
    np.testing.assert_allclose((turned + 180) % 360 - 180, -30.0, atol=1e-4)
