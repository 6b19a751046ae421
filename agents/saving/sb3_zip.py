"""Agents from and to Stable-Baselines3's own files, `model.save("agent.zip")`.

Those files hold pickles, which run code when Stable-Baselines3 loads them. Here only the weights
are read from one, by PyTorch's loader for weights alone; what network they belong to is not asked
of the file.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import gymnasium
import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.algorithms.algorithm import algorithm_named
from agents.factory import load_hyperparameters, make_model
from agents.saving.bundle import Agent, AgentRecord, build_policy
from agents.saving.releases import require_release
from agents.saving.spaces_json import space_from_json
from gqn_rl.errors import UserError
from gqn_rl.files import write_bytes

WEIGHTS, VERSION = "policy.pth", "_stable_baselines3_version"


class SpacesOnly(gymnasium.Env[Any, Any]):
    """Has spaces and cannot be played.

    >>> env = SpacesOnly(spaces.Box(-1, 1, (3,)), spaces.Discrete(5))
    >>> env.action_space
    Discrete(5)
    """

    def __init__(self, observation_space: spaces.Space, action_space: spaces.Space) -> None:
        self.observation_space, self.action_space = observation_space, action_space


def export_zip(agent: Agent, path: Path) -> None:
    """Write a file that `AnswerSAC.load` reads, of a PPO agent `stable_baselines3.PPO.load`.

    It acts as the agent does. What only training needs is new: critics, optimisers, and the
    settings, which are the algorithm's own with `Algorithm.plain_settings`: for PPO without the
    auxiliary loss.
    """
    model = model_of(agent.record)
    algorithm = algorithm_named(agent.record.algo)
    weights = algorithm.acting_part(agent.policy).state_dict()
    algorithm.acting_part(model.policy).load_state_dict(weights)
    content = io.BytesIO()  # where writing fails, Stable-Baselines3 would leave a file open
    model.save(content)
    write_bytes(path, content.getvalue())


def model_of(record: AgentRecord) -> BaseAlgorithm:
    """An untrained model with the network of a record."""
    parts = [space_from_json(part) for part in (record.observation_space, record.action_space)]
    network = {"policy": record.policy, "policy_kwargs": record.policy_kwargs}
    plain = algorithm_named(record.algo).plain_settings
    hyperparameters = load_hyperparameters(record.algo, record.env_id) | network | dict(plain)
    env = DummyVecEnv([lambda: SpacesOnly(*parts)])
    return make_model(
        record.algo, env, hyperparameters, num_answers=record.num_answers, device="cpu"
    )


def import_zip(path: Path, record: AgentRecord) -> BasePolicy:
    """The policy whose weights are in a file that Stable-Baselines3 has written.

    Args:
        record: of an agent with the same network.

    Raises:
        UserError: for a file that is missing, corrupt, of another release of Stable-Baselines3 or
            with the weights of another network.
    """
    who = f"agent {str(path)!r}"
    try:
        with zipfile.ZipFile(path) as archive:
            version = archive.read(VERSION).decode().strip()
            content = io.BytesIO(archive.read(WEIGHTS))
        require_release(who, version)
        policy = build_policy(record)
        policy.load_state_dict(torch.load(content, map_location="cpu", weights_only=True))
    except UserError:
        raise
    except (
        OSError,
        KeyError,
        ValueError,
        TypeError,
        RuntimeError,
        zipfile.BadZipFile,
        pickle.UnpicklingError,
    ) as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"{who} cannot be read: {reason}") from error
    policy.set_training_mode(False)
    return policy
