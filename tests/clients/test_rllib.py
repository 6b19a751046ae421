"""RLlib's new API stack samples from the native vector environment and trains on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from envs import ENV_IDS
from envs.scene_vector_env import LOOK_COST

pytestmark = pytest.mark.client("ray")

RUNNERS, ROWS, FRAGMENT = 2, 4, 8
BATCH = RUNNERS * ROWS * FRAGMENT


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """Ray on this machine alone, for all tests of the file; it reports to nobody."""
    import ray

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(address="local", num_cpus=RUNNERS + 1, include_dashboard=False)
        yield
        ray.shutdown()


def make_algorithm(env_id: str, connector: Any = None, **env_config: Any) -> Any:
    """PPO with two runners, each with one vector environment."""
    from ray.rllib.algorithms.ppo import PPOConfig

    options = {"env_to_module_connector": connector} if connector else {}
    return (
        PPOConfig()
        .environment(f"envs:{env_id}", env_config=env_config)
        .env_runners(
            num_env_runners=RUNNERS,
            num_envs_per_env_runner=ROWS,
            gym_env_vectorize_mode="vector_entry_point",
            rollout_fragment_length=FRAGMENT,
            **options,
        )
        .training(train_batch_size_per_learner=BATCH, minibatch_size=BATCH // 2, num_epochs=1)
        .debugging(seed=0)
        .build_algo()
    )


def check_training(algorithm: Any) -> None:
    """One iteration takes steps, its weights move, and both runners did their share."""
    before = algorithm.get_module().get_state()
    results = algorithm.train()
    after = algorithm.get_module().get_state()
    assert results["env_runners"]["num_env_steps_sampled"] >= BATCH
    assert any(not np.array_equal(before[key], after[key]) for key in before)
    assert all(np.isfinite(value).all() for value in after.values())
    assert algorithm.env_runner_group.num_healthy_remote_workers() == RUNNERS


@pytest.mark.parametrize("env_id", ENV_IDS)
def test_ppo_trains_on_flat_observations(env_id):
    algorithm = make_algorithm(env_id, flatten=True)
    try:
        check_training(algorithm)
    finally:
        algorithm.stop()


def test_ppo_trains_on_dict_observations_that_a_connector_flattens():
    from ray.rllib.connectors.env_to_module import FlattenObservations

    def connector(env: Any = None, spaces: Any = None, device: Any = None) -> Any:
        return FlattenObservations()

    algorithm = make_algorithm("GQNShepard-v0", connector)
    try:
        check_training(algorithm)
        check_episodes(algorithm)
    finally:
        algorithm.stop()


def check_episodes(algorithm: Any) -> None:
    """Finished episodes are whole and follow the rules: no step of a reset is among them."""
    from envs.scene_vector_env import SceneVectorEnv

    def sample(runner: Any) -> Any:
        assert type(runner.env.unwrapped) is SceneVectorEnv
        return [
            (episode.get_rewards(), episode.get_observations(), episode.is_terminated)
            for episode in runner.sample(num_episodes=10, random_actions=True)
        ]

    sampled = algorithm.env_runner_group.foreach_env_runner(sample, local_env_runner=False)
    assert len(sampled) == RUNNERS
    for rewards, observations, terminated in (episode for row in sampled for episode in row):
        assert terminated
        assert np.allclose(rewards[:-1], -LOOK_COST)
        assert abs(rewards[-1]) == 1.0
        looks_left = np.asarray(observations)[:, 0]  # the keys in alphabetical order
        assert looks_left[0] == 1.0
        assert (np.diff(looks_left)[:-1] < 0).all()
        assert looks_left[-1] == looks_left[-2]
