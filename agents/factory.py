"""From names and numbers to an agent: the table of algorithms and their hyperparameters.

Adding an algorithm is an entry in `ALGORITHMS` and a file agents/hyperparameters/<name>.yml.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy, MultiInputActorCriticPolicy
from stable_baselines3.common.torch_layers import CombinedExtractor
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.sac.policies import MultiInputPolicy as MultiInputSACPolicy
from torch import nn

from agents.algorithms.answer_ppo import AnswerPPO
from agents.algorithms.answer_sac import AnswerSAC
from agents.policies.answer_policy import AnswerPolicy
from agents.policies.answer_sac_policy import AnswerSACPolicy
from agents.policies.features import SceneFeatures
from agents.policies.move_sac_policy import MoveSACPolicy
from agents.policies.pixel_features import LookFeatures
from agents.renamed import current_names
from gqn_rl.errors import UserError, unknown_name

Schedule = Callable[[float], float]


@dataclass(frozen=True)
class Algorithm:
    """What belongs to an algorithm's name.

    Attributes:
        model: its class.
        action_space: the kind it works on.
        policies: name to class.
        episodes_per_log: how many are between two lines of the log; None for one per rollout.
    """

    model: type[AnswerPPO] | type[AnswerSAC]
    action_space: type[spaces.Space]
    policies: dict[str, type[BasePolicy]]
    episodes_per_log: int | None = None


ALGORITHMS = {
    "ppo": Algorithm(
        AnswerPPO,
        spaces.Discrete,
        {"AnswerPolicy": AnswerPolicy, "MultiInputPolicy": MultiInputActorCriticPolicy},
    ),
    "sac": Algorithm(
        AnswerSAC,
        spaces.Box,
        {
            "AnswerPolicy": AnswerSACPolicy,
            "MovePolicy": MoveSACPolicy,
            "MultiInputPolicy": MultiInputSACPolicy,
        },
        episodes_per_log=500,
    ),
}
ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "silu": nn.SiLU, "tanh": nn.Tanh}
FEATURES = {"scene": SceneFeatures, "combined": CombinedExtractor, "looks": LookFeatures}

FOLDER = Path(__file__).parent / "hyperparameters"
RUN_KEYS = ("n_timesteps", "num_envs", "policy", "policy_kwargs", "potential_shaping")
"""Hyperparameters that are not arguments of the algorithm."""


def load_hyperparameters(
    algo: str, env_id: str, overrides: dict[str, Any] | None = None, path: Path | None = None
) -> dict[str, Any]:
    """The settings of `algo` for `env_id`: defaults, the id's own section, then `overrides`.

    Nested settings (policy_kwargs) are merged key by key.

    Args:
        path: a file of the same form as the package's, to be laid over it.

    Raises:
        UserError: for an unknown algorithm, a file that cannot be read, or an override whose name
            no setting has.
    """
    algorithm_named(algo)
    sections = yaml.safe_load((FOLDER / f"{algo}.yml").read_text())
    settings: dict[str, Any] = merged(sections["default"], sections.get(env_id) or {})
    given = {} if path is None else read_sections(path)
    for given_changes in (given.get("default"), given.get(env_id), overrides):
        changes = current_names(given_changes or {})
        for name in changes:
            if name not in settings:
                raise unknown_name("hyperparameter", name, settings)
        settings = merged(settings, changes)
    return settings


def read_sections(path: Path) -> dict[str, dict[str, Any]]:
    """A hyperparameter file: section to settings.

    Raises:
        UserError: for a file that is missing or of another form.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"hyperparameters {str(path)!r} cannot be read: {reason}") from error
    if not isinstance(content, dict) or not all(
        isinstance(section, dict) for section in content.values()
    ):
        raise UserError(f"{str(path)!r} holds no sections of hyperparameters")
    return content


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
    volumes: Mapping[str, Sequence[int]] | None = None,
    seed: int | None = None,
    device: str = "auto",
    tensorboard_log: Path | None = None,
) -> BaseAlgorithm:
    """An untrained model.

    Args:
        hyperparameters: as `load_hyperparameters` returns them.
        num_answers: K, the number of answers at the end of the action space.
        volumes: observations that hold cells in the frame of the object, to be turned where
            `aux_turned` is "auto"; see `agents.algorithms.turning.RandomTurns`.

    Raises:
        UserError: for an unknown name, or an environment that the algorithm cannot act in.
    """
    model: Any = algorithm_for(algo, env.action_space).model
    hyperparameters = current_names(hyperparameters)
    arguments = {key: value for key, value in hyperparameters.items() if key not in RUN_KEYS}
    policy, keywords = policy_and_arguments(
        algo, hyperparameters["policy"], hyperparameters.get("policy_kwargs", {}), num_answers
    )
    for key in ("learning_rate", "clip_range"):
        if key in arguments:
            arguments[key] = schedule(arguments[key])
    if "n_steps" in arguments:
        check_batch(env.num_envs, arguments)
    if arguments.get("aux_turned") == "auto":
        arguments["aux_turned"] = volumes or {}
    try:
        return model(
            policy,
            env,
            policy_kwargs=keywords,
            num_answers=num_answers,
            seed=seed,
            device=device,
            tensorboard_log=None if tensorboard_log is None else str(tensorboard_log),
            **arguments,
        )
    except TypeError as error:
        if "keyword argument" not in str(error):
            raise
        name = hyperparameters["policy"]
        raise UserError(f"policy {name!r} does not take its policy_kwargs: {error}") from error


def algorithm_named(name: str) -> Algorithm:
    """The entry of `ALGORITHMS`; `UserError` for another name."""
    if name not in ALGORITHMS:
        raise unknown_name("algo", name, ALGORITHMS)
    return ALGORITHMS[name]


def algorithm_for(name: str, action_space: spaces.Space) -> Algorithm:
    """The entry of `ALGORITHMS`, if it works on this action space; else `UserError`."""
    algorithm = algorithm_named(name)
    if not isinstance(action_space, algorithm.action_space):
        raise UserError(
            f"{name} needs a {algorithm.action_space.__name__} action space, "
            f"the environment has {action_space}"
        )
    return algorithm


def policy_and_arguments(
    algo: str, name: str, keywords: dict[str, Any], num_answers: int
) -> tuple[type[BasePolicy], dict[str, Any]]:
    """The policy class called `name` and its arguments, from what JSON or YAML can hold."""
    policies = algorithm_named(algo).policies
    if name not in policies:
        raise unknown_name("policy", name, policies)
    result = current_names(copy.deepcopy(keywords))
    tables = {"activation_fn": ACTIVATIONS, "features_extractor_class": FEATURES}
    for key, table in tables.items():
        if key in result:
            if result[key] not in table:
                raise unknown_name(key, result[key], table)
            result[key] = table[result[key]]
    if issubclass(policies[name], AnswerPolicy | AnswerSACPolicy):
        result["num_answers"] = num_answers
    return policies[name], result


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
