"""From names and numbers to an agent: the table of algorithms and their hyperparameters.

Adding an algorithm is a line in `ALGORITHMS` and a file agents/hyperparameters/<name>.yml.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy, MultiInputActorCriticPolicy
from stable_baselines3.common.torch_layers import CombinedExtractor
from stable_baselines3.common.vec_env import VecEnv
from torch import nn

from agents.answer_policy import AnswerPolicy
from agents.answer_ppo import AnswerPPO
from agents.features import SceneFeatures
from agents.pixel_features import LookFeatures
from gqn_rl.errors import UserError, unknown_name

Schedule = Callable[[float], float]

ALGORITHMS: dict[str, type[AnswerPPO]] = {"ppo": AnswerPPO}
POLICIES: dict[str, type[ActorCriticPolicy]] = {
    "AnswerPolicy": AnswerPolicy,
    "MultiInputPolicy": MultiInputActorCriticPolicy,
}
ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "silu": nn.SiLU, "tanh": nn.Tanh}
FEATURES = {"scene": SceneFeatures, "combined": CombinedExtractor, "looks": LookFeatures}

FOLDER = Path(__file__).parent / "hyperparameters"
RUN_KEYS = ("n_timesteps", "num_envs", "policy", "policy_kwargs")
"""Hyperparameters that are not arguments of the algorithm."""


def load_hyperparameters(
    algo: str, env_id: str, overrides: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The settings of `algo` for `env_id`: defaults, the id's own section, then `overrides`.

    Nested settings (policy_kwargs) are merged key by key.

    Raises:
        UserError: for an unknown algorithm, or an override whose name no setting has.
    """
    if algo not in ALGORITHMS:
        raise unknown_name("algo", algo, ALGORITHMS)
    sections = yaml.safe_load((FOLDER / f"{algo}.yml").read_text())
    settings: dict[str, Any] = merged(sections["default"], sections.get(env_id) or {})
    for name in overrides or {}:
        if name not in settings:
            raise unknown_name("hyperparameter", name, settings)
    return merged(settings, overrides or {})


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`base` with `changes` laid over it, nested dictionaries key by key; neither is modified."""
    result = copy.deepcopy(base)
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def make_model(
    algo: str,
    env: VecEnv,
    hyperparameters: dict[str, Any],
    *,
    num_answers: int,
    seed: int | None = None,
    device: str = "auto",
    tensorboard_log: Path | None = None,
) -> BaseAlgorithm:
    """An untrained model.

    Args:
        hyperparameters: as `load_hyperparameters` returns them.
        num_answers: K, the number of answers at the end of the action space.
    """
    if algo not in ALGORITHMS:
        raise unknown_name("algo", algo, ALGORITHMS)
    arguments = {key: value for key, value in hyperparameters.items() if key not in RUN_KEYS}
    policy, keywords = policy_and_arguments(
        hyperparameters["policy"], hyperparameters.get("policy_kwargs", {}), num_answers
    )
    for key in ("learning_rate", "clip_range"):
        if key in arguments:
            arguments[key] = schedule(arguments[key])
    check_batch(env.num_envs, arguments)
    return ALGORITHMS[algo](
        policy,
        env,
        policy_kwargs=keywords,
        num_answers=num_answers,
        seed=seed,
        device=device,
        tensorboard_log=None if tensorboard_log is None else str(tensorboard_log),
        **arguments,
    )


def policy_and_arguments(
    name: str, keywords: dict[str, Any], num_answers: int
) -> tuple[type[ActorCriticPolicy], dict[str, Any]]:
    """The policy class called `name` and its arguments, from what JSON or YAML can hold."""
    if name not in POLICIES:
        raise unknown_name("policy", name, POLICIES)
    result = copy.deepcopy(keywords)
    tables = {"activation_fn": ACTIVATIONS, "features_extractor_class": FEATURES}
    for key, table in tables.items():
        if key in result:
            if result[key] not in table:
                raise unknown_name(key, result[key], table)
            result[key] = table[result[key]]
    if issubclass(POLICIES[name], AnswerPolicy):
        result["num_answers"] = num_answers
    return POLICIES[name], result


def schedule(value: float | str) -> float | Schedule:
    """A number as it is; "lin_x" as a schedule from x to 0 over the training.

    Raises:
        UserError: for any other text.
    """
    if not isinstance(value, str):
        return float(value)
    kind, _, number = value.partition("_")
    try:
        initial = float(number)
    except ValueError:
        initial = float("nan")
    if kind != "lin" or not initial > 0:
        raise UserError(f"schedule is {value!r}, expected a number or 'lin_<positive number>'")
    # The last rollout overshoots the total; a negative rate would then unlearn.
    return lambda progress_remaining: max(progress_remaining, 0.0) * initial


def check_batch(num_envs: int, arguments: dict[str, Any]) -> None:
    """PPO's minibatches must divide its rollout, or the last of each epoch is a stump."""
    rollout, batch = num_envs * arguments["n_steps"], arguments["batch_size"]
    if batch > rollout:
        arguments["batch_size"] = rollout
    elif rollout % batch:
        arguments["batch_size"] = max(d for d in range(1, batch + 1) if rollout % d == 0)
