"""Agents on disk: weights as safetensors, everything else as JSON. Nothing is unpickled.

A bundle is two files, <name>.safetensors and <name>.json. The record also stands in the header of
the weights file, which is replaced in one piece: weights and record can never be from two
agents, whenever the writer is killed. The JSON file is the same record for people and tools.

The weights are those that act: of an actor and its critics, which only training needs, the actor.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import stable_baselines3
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from stable_baselines3.common.policies import BasePolicy

from agents.algorithms.algorithm import ALGORITHMS, algorithm_named
from agents.factory import policy_and_arguments
from agents.policies.features import channels_first
from agents.saving.releases import require_release
from agents.saving.spaces_json import space_from_json, space_to_json
from agents.saving.weights import distinct_weights, load_distinct_weights
from gqn_rl.devices import choose_device, float32_tensors
from gqn_rl.entry_points import require_imported
from gqn_rl.errors import UserError
from gqn_rl.files import write_json
from gqn_rl.hub.repository import is_address, parse_address, pull
from gqn_rl.tensor_files import write_tensors

FORMAT = 1
NAME = "agent"
HEADER = "agent"
TRAINED = Path(__file__).parents[1] / "trained"
"""Where the agents that ship with the package are: trained/<env id>.safetensors and .json."""


@dataclass(frozen=True)
class AgentRecord:
    """All that is needed to rebuild an agent's network and to refuse the wrong environment.

    >>> record = load_bundle(shipped_agent("GQNShepard-v0")).record
    >>> record.algo, record.policy, record.num_answers, record.env_kwargs["encoder"]
    ('ppo', 'AnswerPolicy', 10, 'refined')

    Attributes:
        algo: of an `agents.algorithms.algorithm.Algorithm`, by name or as `module:class`.
        policy, policy_kwargs: as in the hyperparameter files.
        num_answers: K, how many of the last actions are answers.
        env_id, env_kwargs: the environment trained on, as given to `gymnasium.make_vec`.
        observation_space, action_space: of one environment, see `agents.saving.spaces_json`.
        encoder: what identifies the encoder's weights, such as {"name": ..., "sha256": ...};
            None where there is no encoder.
        training: how it came about: steps, seconds, seed, scores.
        stable_baselines3: version that trained it.
    """

    algo: str
    policy: str
    policy_kwargs: dict[str, Any]
    num_answers: int
    env_id: str
    env_kwargs: dict[str, Any]
    observation_space: dict[str, Any]
    action_space: dict[str, Any]
    encoder: dict[str, Any] | None = None
    training: dict[str, Any] = field(default_factory=dict)
    stable_baselines3: str = stable_baselines3.__version__
    format: int = FORMAT

    def require_environment(
        self,
        who: str,
        env_id: str,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        encoder: dict[str, Any] | None = None,
    ) -> None:
        """Refuse an environment whose spaces or encoder are not those this agent was trained on.

        Environments may have other names: what an agent can do depends on what it sees.

        Args:
            who: what the message calls the agent.
            env_id: the environment's, for the message.
            encoder: the environment's, as in the record; None is not compared.

        Raises:
            UserError: naming the first difference and both values.
        """
        pairs = _differences(self.observation_space, space_to_json(observation_space))
        pairs += [("action_space", self.action_space, space_to_json(action_space))]
        if encoder is not None and self.encoder is not None:
            mine, other = self.encoder.get("sha256"), encoder.get("sha256")
            if mine is not None and other is not None:
                pairs += [("encoder weights (sha256)", mine, other)]
        for name, mine, other in pairs:
            if mine != other:
                where = "the environment" if env_id == self.env_id else repr(env_id)
                raise UserError(
                    f"{who} was trained with {name} {mine!r}, but {where} has {other!r}"
                )

    def require_library(self, who: str) -> None:
        """See `agents.saving.releases.require_release`."""
        require_release(who, self.stable_baselines3)


@dataclass(frozen=True)
class Agent:
    """A trained policy and its record. `predict` is Stable-Baselines3's.

    >>> import numpy as np
    >>> agent = load_bundle(shipped_agent("GQNShepard-v0"))
    >>> nothing = {key: np.zeros((2, *space.shape), space.dtype)
    ...            for key, space in agent.policy.observation_space.items()}
    >>> agent.predict(nothing, deterministic=True)[0].shape
    (2,)
    """

    policy: BasePolicy
    record: AgentRecord
    path: Path

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: NDArray[Any] | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], Any]:
        return self.policy.predict(observation, state, episode_start, deterministic)

    def require_environment(
        self,
        env_id: str,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        encoder: dict[str, Any] | None = None,
    ) -> None:
        """See `AgentRecord.require_environment`."""
        who = f"agent {str(self.path)!r}"
        self.record.require_environment(who, env_id, observation_space, action_space, encoder)


def make_record(
    *,
    algo: str,
    hyperparameters: dict[str, Any],
    num_answers: int,
    env_id: str,
    env_kwargs: dict[str, Any],
    observation_space: spaces.Space,
    action_space: spaces.Space,
    encoder: dict[str, Any] | None = None,
    training: dict[str, Any] | None = None,
) -> AgentRecord:
    """The record of an agent made from `hyperparameters`, see `agents.factory`."""
    return AgentRecord(
        algo=algo,
        policy=hyperparameters["policy"],
        policy_kwargs=hyperparameters.get("policy_kwargs", {}),
        num_answers=num_answers,
        env_id=env_id,
        env_kwargs=env_kwargs,
        observation_space=space_to_json(observation_space),
        action_space=space_to_json(action_space),
        encoder=encoder,
        training=training or {},
    )


def weights_path(path: Path) -> Path:
    """Where the weights are: in a run folder, or the bundle named with or without its ending."""
    path = Path(path)
    if path.is_dir():
        return path / f"{NAME}.safetensors"
    if path.suffix in (".safetensors", ".json"):
        return path.with_suffix(".safetensors")
    return path.with_name(f"{path.name}.safetensors")


def shipped_agent(env_id: str) -> Path:
    """The weights of the agent that ships for an environment.

    Raises:
        UserError: where none does.
    """
    path = TRAINED / f"{env_id}.safetensors"
    if not path.exists():
        there = sorted(file.stem for file in TRAINED.glob("*.safetensors")) or "none"
        raise UserError(
            f"no trained agent ships for {env_id!r} (shipped: {there}); name a run folder with "
            f"--agent, or train one with python -m experiments.train_agent"
        )
    return path


def save_bundle(path: Path, policy: BasePolicy, record: AgentRecord) -> Path:
    """Write both files of a bundle, each in one piece; returns the path of the weights."""
    target = weights_path(path)
    weights = distinct_weights(algorithm_named(record.algo).acting_part(policy))
    content = asdict(record)
    write_tensors(target, weights, HEADER, content)
    write_json(target.with_suffix(".json"), content)
    return target


def load_bundle(path: Path, device: str = "cpu") -> Agent:
    """Read a bundle: a run folder, the path of either file, or hub:owner/name[@revision].

    Args:
        device: "auto", "cpu", "cuda" or another PyTorch device.

    Raises:
        UserError: for a device that cannot be used, a hub that cannot be reached, files that are
            missing, cut short, corrupt or of another format, or an agent of a release of
            Stable-Baselines3 that does not read it.
    """
    place = choose_device(device)
    target = pull(parse_address(path), "agent") if is_address(path) else weights_path(path)
    if not target.exists():
        raise UserError(f"agent {str(target)!r} does not exist")
    sidecar = target.with_suffix(".json")
    if not sidecar.exists():
        raise UserError(f"agent {str(target)!r} has no {sidecar.name!r} beside it")
    try:
        json.loads(sidecar.read_text())
        weights, content = read_weights(target)
        record = record_from_json(content)
        record.require_library(f"agent {str(target)!r}")
        if is_address(path):
            require_imported("algo", record.algo, ALGORITHMS, str(path))
        policy = build_policy(record)
        load_distinct_weights(algorithm_named(record.algo).acting_part(policy), weights)
    except UserError:
        raise
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"agent {str(target)!r} cannot be read: {reason}") from error
    policy.set_training_mode(False)
    return Agent(policy.to(place), record, target)


def read_weights(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The tensors of a weights file and the record in its header."""
    with safe_open(str(path), framework="pt") as file:
        metadata = file.metadata() or {}
        if HEADER not in metadata:
            raise ValueError("it holds no agent")
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return weights, json.loads(metadata[HEADER])


def record_from_json(content: dict[str, Any]) -> AgentRecord:
    if content.get("format") != FORMAT:
        raise ValueError(f"its format is {content.get('format')!r}, expected {FORMAT}")
    known = {item.name for item in fields(AgentRecord)}
    return AgentRecord(**{key: value for key, value in content.items() if key in known})


def build_policy(record: AgentRecord) -> BasePolicy:
    """The record's network with random weights."""
    observation_space = space_from_json(record.observation_space)
    assert isinstance(observation_space, spaces.Dict)
    action_space = space_from_json(record.action_space)
    algorithm, given = algorithm_named(record.algo), (record.policy, record.policy_kwargs)
    policy, keywords = policy_and_arguments(algorithm, *given, record.num_answers, action_space)
    with float32_tensors():
        return policy(
            channels_first(observation_space),
            action_space,
            lambda _: 0.0,
            **keywords,
        )


def _differences(mine: dict[str, Any], other: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """Names and values to compare, part by part, so that a message names the part that differs."""
    parts_mine, parts_other = mine.get("spaces", {}), other.get("spaces", {})
    pairs: list[tuple[str, Any, Any]] = [("observations", sorted(parts_mine), sorted(parts_other))]
    for key in parts_mine:
        one, two = parts_mine[key], parts_other.get(key, {})
        for detail in ("type", "shape", "dtype", "low", "high"):
            pairs.append((f"observation {key!r} {detail}", one.get(detail), two.get(detail)))
    return pairs
