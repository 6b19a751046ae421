"""Models from names and numbers: hyperparameters, and the algorithm that they are made for."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.torch_layers import CombinedExtractor
from stable_baselines3.common.vec_env import VecEnv
from torch import nn

from agents.algorithms.algorithm import Algorithm, algorithm_named, read_sections
from agents.hyperparameter_values import checked
from agents.policies.answers.posterior import PosteriorPolicy
from agents.policies.features import SceneFeatures
from agents.policies.pixels.features import ViewFeatures
from agents.renamed import current_names
from gqn_rl.errors import UserError, unknown_name

Schedule = Callable[[float], float]


ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "silu": nn.SiLU, "tanh": nn.Tanh}
FEATURES = {"scene": SceneFeatures, "combined": CombinedExtractor, "looks": ViewFeatures}

RUN_KEYS = (
    *("n_timesteps", "num_envs", "encoder", "policy", "policy_kwargs", "potential_shaping"),
    "for_any_observation",
)
"""Hyperparameters that are not arguments of the algorithm's model."""
OF_THE_POSTERIOR = (
    *("answer_hidden", "supervised_posterior", "inverse_temperature"),
    *("confidence_gain", "threshold"),
)
"""`policy_kwargs` that say something only to policies with an answer posterior."""
SCHEDULES = ("learning_rate", "clip_range")
"""Hyperparameters that may fall over the training, see `schedule`."""


def load_hyperparameters(
    algo: str,
    env_id: str,
    overrides: dict[str, Any] | None = None,
    path: Path | None = None,
    *,
    own_section: bool = True,
) -> dict[str, Any]:
    """The settings of `algo` for `env_id`: defaults, the id's own section, then `overrides`.

    Nested settings (policy_kwargs) are merged key by key; null takes a name of them away, which
    leaves it to the policy.

    Args:
        path: a file of the same form as the package's, to be laid over it.
        own_section: whether the package's section for the id counts, or its defaults alone.

    Raises:
        UserError: for an unknown algorithm, a file that cannot be read, an override whose name
            no setting has, or a value of the wrong kind or out of its range.
    """
    algorithm = algorithm_named(algo)
    sections = algorithm.hyperparameters()
    own = sections.get(env_id) if own_section else None
    settings = merged(sections["default"], own or {})
    given = {} if path is None else read_sections(path)
    for given_changes in (given.get("default"), given.get(env_id), overrides):
        changes = current_names(given_changes or {})
        for name in changes:
            if name not in settings:
                raise unknown_name("hyperparameter", name, settings)
        settings = merged(for_policy(settings, changes.get("policy")), changes)
    if isinstance(settings.get("policy_kwargs"), dict):
        given_kwargs = settings["policy_kwargs"].items()
        settings["policy_kwargs"] = {key: v for key, v in given_kwargs if v is not None}
    return checked(settings, algorithm.rules)


def for_policy(settings: Mapping[str, Any], policy: str | None) -> Mapping[str, Any]:
    """Settings that go to another policy than they were made for, without its answer posterior.

    Args:
        policy: the other one; None for the settings' own.

    >>> ours = {"policy": "AnswerPolicy", "policy_kwargs": {"threshold": 0.3, "net_arch": [64]}}
    >>> for_policy(ours, "MultiInputPolicy")["policy_kwargs"]
    {'net_arch': [64]}
    """
    given = settings.get("policy_kwargs")
    if policy in (None, settings.get("policy")) or not isinstance(given, dict):
        return settings
    kept = {name: value for name, value in given.items() if name not in OF_THE_POSTERIOR}
    return {**settings, "policy_kwargs": kept}


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes` laid over it, nested dictionaries key by key; neither is modified."""
    result = copy.deepcopy(dict(base))
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
        UserError: for an unknown name, a value that cannot be, or an environment that the
            algorithm cannot act in.
    """
    algorithm = algorithm_named(algo)
    settings = checked(current_names(hyperparameters), algorithm.rules)
    name = settings["policy"]
    policy, keywords = policy_and_arguments(
        algorithm, name, settings.get("policy_kwargs", {}), num_answers, env.action_space
    )
    algorithm.require_actions(env.action_space, name)
    own = {key: value for key, value in settings.items() if key not in RUN_KEYS}
    own |= {key: schedule(own[key]) for key in SCHEDULES if key in own}
    arguments = algorithm.arguments(
        own, num_envs=env.num_envs, num_answers=num_answers, volumes=volumes or {}
    )
    model: Callable[..., BaseAlgorithm] = algorithm.model
    log = None if tensorboard_log is None else str(tensorboard_log)
    places = {"seed": seed, "device": device, "tensorboard_log": log}
    try:
        return model(policy, env, policy_kwargs=keywords, **places, **arguments)
    except TypeError as error:
        if "keyword argument" not in str(error):
            raise
        raise UserError(f"policy {name!r} does not take its policy_kwargs: {error}") from error
    except AssertionError as error:  # how Stable-Baselines3 refuses settings
        reason = " ".join(str(error).split())
        raise UserError(f"algo {algo!r} refuses its hyperparameters: {reason}") from error


def policy_and_arguments(
    algorithm: Algorithm,
    name: str,
    keywords: dict[str, Any],
    num_answers: int,
    action_space: spaces.Space,
) -> tuple[type[BasePolicy], dict[str, Any]]:
    """The policy class called `name` and its arguments, from what JSON or YAML can hold."""
    policy = algorithm.policy(name, action_space)
    result = current_names(copy.deepcopy(keywords))
    tables = {"activation_fn": ACTIVATIONS, "features_extractor_class": FEATURES}
    for key, table in tables.items():
        if key in result:
            if result[key] not in table:
                raise unknown_name(key, result[key], table)
            result[key] = table[result[key]]
    if issubclass(policy, PosteriorPolicy):
        result["num_answers"] = num_answers
    return policy, result


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
