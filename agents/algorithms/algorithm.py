"""The one place for what making, saving, converting, searching and running know of an algorithm."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from inspect import isabstract
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import yaml
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.policies import BasePolicy
from torch import Tensor, nn
from torch.optim import Optimizer

from agents.hyperparameter_values import RULES, Rule, read_yaml
from agents.restorable import Restorable
from gqn_rl.entry_points import find
from gqn_rl.errors import UserError, unknown_name

ALGORITHMS = {
    "ppo": "agents.algorithms.ppo:PPOAlgorithm",
    "sac": "agents.algorithms.sac:SACAlgorithm",
}
"""Name to `module:class` of an `Algorithm`."""

Settings = dict[str, Any]
Volumes = Mapping[str, Sequence[int]]
"""Keys of the observation to the shapes (C, S, S, S) of the cells that they hold flat."""
Sections = Mapping[str, Mapping[str, Any]]
"""Environment id to settings; "default" has those that every id begins with."""
FOLDER = Path(__file__).parents[1]


@runtime_checkable
class DecidedActor(Protocol):
    """A policy or an actor that says its best action without a distribution.

    >>> from agents.policies.hybrid.policy import HybridPolicy
    >>> seen = spaces.Dict({"representation": spaces.Box(-1, 1, (256,))})
    >>> policy = HybridPolicy(seen, spaces.Box(-1, 1, (13,)), lambda _: 1e-3, num_answers=10)
    >>> isinstance(policy, DecidedActor)
    True
    """

    def best_action(self, observations: dict[str, Tensor]) -> Tensor:
        """The best actions (B, A) in [-1, 1]."""
        ...


class Algorithm(ABC):
    """An algorithm by its name. The defaults suit any of Stable-Baselines3 with one optimiser.

    >>> algorithm = algorithm_named("ppo")
    >>> algorithm.model.__name__, algorithm.action_space.__name__, sorted(algorithm.policies)
    ('AnswerPPO', 'Discrete', ['AnswerPolicy', 'MovePolicy', 'MultiInputPolicy'])

    Args:
        name: as flags and records have it: a key of `ALGORITHMS` or `module:class`.
    """

    log_interval: int = 1
    """Rollouts, off policy episodes, between two lines of the log."""
    outputs: tuple[str, ...] = ("actions",)
    """Names of what `act` returns, see `outputs_of`."""
    counters: tuple[str, ...] = (
        "num_timesteps",
        "_n_updates",
        "_episode_num",
        "_current_progress_remaining",
    )
    """Attributes of a model that change while it learns and are plain numbers."""
    rules: Mapping[str, Rule] = RULES
    """What each hyperparameter may be, by its dotted name."""
    plain_settings: Mapping[str, Any] = {}
    """Hyperparameters with which a model is one that Stable-Baselines3 can load by itself."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    @abstractmethod
    def model(self) -> type[BaseAlgorithm]:
        """The class that learns."""

    @property
    @abstractmethod
    def action_space(self) -> type[spaces.Space]:
        """The kind of action space that it works on, of several the first to be thought of."""

    @property
    @abstractmethod
    def policies(self) -> Mapping[str, type[BasePolicy]]:
        """Name to class of the networks that it can learn with, in hyperparameters and records."""

    def action_spaces(self, policy: str) -> tuple[type[spaces.Space], ...]:
        """The kinds of action space that it works on with a policy of that name."""
        return (self.action_space,)

    @abstractmethod
    def hyperparameters(self) -> Sections:
        """Settings: `RUN_KEYS` of `agents.factory` and arguments of `model`."""

    def search_space(self) -> Sections:
        """What is tried in a search, see `agents.search.space`.

        Raises:
            UserError: for an algorithm without one.
        """
        raise UserError(f"algo {self.name!r} has no search space for --optimize")

    def arguments(
        self, settings: Settings, *, num_envs: int, num_answers: int, volumes: Volumes
    ) -> Settings:
        """Arguments of `model` for an environment, from hyperparameters.

        Args:
            num_answers: K, the number of answers at the end of the action space.
            volumes: what may be turned, see `agents.algorithms.turning.RandomTurns`.
        """
        return settings

    def acting_part(self, policy: BasePolicy) -> nn.Module:
        """The part of a policy whose weights `predict` needs: all that is kept of an agent."""
        return policy

    def outputs_of(self, policy: BasePolicy) -> tuple[str, ...]:
        """Names of what `act` returns of a policy."""
        return self.outputs

    def act(self, policy: BasePolicy, observations: dict[str, Tensor]) -> Tensor:
        """`outputs_of`, (B, ...), for observations (B, ...); here the best actions."""
        return policy._predict(observations, deterministic=True)

    def optimizers(self, model: Any) -> dict[str, Optimizer]:
        """Every optimiser of a model, by name."""
        return {"policy": model.policy.optimizer}

    def tensors(self, model: Any) -> dict[str, Tensor]:
        """What a model learns beside the weights of its policy, by name."""
        return {}

    def stores(self, model: Any) -> dict[str, Restorable]:
        """What a model remembers from one rollout to the next, by name.

        Raises:
            UserError: for a replay buffer that cannot be taken up again.
        """
        if not isinstance(model, OffPolicyAlgorithm):
            return {}
        buffer = model.replay_buffer
        if not isinstance(buffer, Restorable):
            raise UserError(
                f"a {type(buffer).__name__} has no snapshot and cannot be resumed; set "
                f"replay_buffer_class to agents.algorithms.replay.TargetReplayBuffer"
            )
        return {"replay": buffer}

    def require_actions(self, space: spaces.Space, policy: str | None = None) -> None:
        """Refuse another kind of action space than the algorithm works on.

        Args:
            policy: its name; None where any will do.

        Raises:
            UserError: naming both, and the policies that would do.
        """
        kinds = (self.action_space,) if policy is None else self.action_spaces(policy)
        if isinstance(space, kinds):
            return
        others = [name for name in self.policies if isinstance(space, self.action_spaces(name))]
        raise UserError(
            f"{self.name} needs a {' or '.join(kind.__name__ for kind in kinds)} action space, "
            f"the environment has {space}"
            + (f"; policies that act there: {', '.join(others)}" if others else "")
        )

    def require_model(self, model: BaseAlgorithm) -> None:
        """Refuse a model of another algorithm.

        Raises:
            UserError: naming both.
        """
        if not isinstance(model, self.model):
            expected, received = self.model.__name__, type(model).__name__
            raise UserError(f"{self.name} is of {expected}, the model is of {received}")

    def policy(self, name: str, action_space: spaces.Space | None = None) -> type[BasePolicy]:
        """The network of a name in `policies`, for actions of a space.

        Raises:
            UserError: for another name.
        """
        if name not in self.policies:
            raise unknown_name("policy", name, self.policies)
        return self.policies[name]


def algorithm_named(name: str) -> Algorithm:
    """The algorithm of a name in `ALGORITHMS`, or of a `module:class`.

    Raises:
        UserError: for any other name, or a class that is no complete `Algorithm`.

    >>> algorithm_named("sac").policies["MovePolicy"].__name__
    'MoveSACPolicy'
    """
    found = find("algo", name, ALGORITHMS)
    if not (isinstance(found, type) and issubclass(found, Algorithm)):
        raise UserError(f"algo {name!r} is {found!r}, expected a subclass of {Algorithm.__name__}")
    if isabstract(found):
        raise UserError(f"algo {name!r} lacks {sorted(found.__abstractmethods__)}")
    return found(name)


def read_sections(path: Path) -> dict[str, dict[str, Any]]:
    """A hyperparameter file: section to settings.

    Raises:
        UserError: for a file that is missing or of another form.
    """
    try:
        content = read_yaml(path.read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"hyperparameters {str(path)!r} cannot be read: {reason}") from error
    if not isinstance(content, dict) or not all(
        isinstance(section, dict) for section in content.values()
    ):
        raise UserError(f"{str(path)!r} holds no sections of hyperparameters")
    return content


def shipped_hyperparameters(name: str) -> Sections:
    """Those of agents/hyperparameters/<name>.yml."""
    return read_sections(FOLDER / "hyperparameters" / f"{name}.yml")


def shipped_search_space(name: str) -> Sections:
    """That of agents/search/spaces/<name>.yml."""
    return read_sections(FOLDER / "search" / "spaces" / f"{name}.yml")
