"""The hyperparameters for rl-baselines3-zoo have what every id needs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from envs.registration import ENV_IDS, ENVIRONMENTS, FLAT_IDS, HARD_ENV_IDS

FOLDER = Path(__file__).parents[2] / "docs" / "examples" / "rl_zoo3"
ALGORITHMS = {"ppo": ("discrete", "continuous"), "dqn": ("discrete",), "sac": ("continuous",)}
"""Name of the file to the controls whose actions the algorithm has."""
IDS = {env_id: env_id for env_id in ENV_IDS + HARD_ENV_IDS}
IDS |= {flat: env_id for flat, env_id in FLAT_IDS.items() if env_id in IDS}
"""Every id of the package to the one that it is like, flat or not."""


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_each_id_gets_a_policy_for_its_observations(algorithm):
    sections = yaml.safe_load((FOLDER / f"{algorithm}.yml").read_text())
    for env_id, like in IDS.items():
        if ENVIRONMENTS[like]["control"] in ALGORITHMS[algorithm]:
            policy = sections.get(env_id, sections["default"])["policy"]
            assert policy == ("MlpPolicy" if env_id in FLAT_IDS else "MultiInputPolicy"), env_id
        else:
            assert env_id not in sections
