"""An agent that RLlib has trained: its policy network in a file, and acting by it.

module.safetensors holds the weights of an `RLModule`, module.json what it is built from; neither
is pickled. `load_agent` needs Ray installed, but none running.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from agents.saving.spaces_json import space_from_json
from envs.observation.flattening import Flattening
from experiments.rllib.cluster import imported_ray
from gqn_rl.errors import UserError
from gqn_rl.files import write_json
from gqn_rl.tensor_files import write_tensors

WEIGHTS, RECORD = "module.safetensors", "module.json"
FORMAT = 1


@dataclass(frozen=True)
class ModuleRecord:
    """What a policy is built from and what is known about it; plain data.

    Attributes:
        env_id, env_kwargs, encoder: what it was trained in, see `AgentEnvironment`.
        observation_space: Dict of Boxes, as `agents.saving.spaces_json` writes it; it is
            read flattened, see `envs.observation.flattening.Flattening`.
        action_space: likewise.
        model: arguments of RLlib's `DefaultModelConfig`.
        training: how far it had been trained and what it was chosen by.
    """

    env_id: str
    env_kwargs: dict[str, Any]
    encoder: dict[str, Any] | None
    observation_space: dict[str, Any]
    action_space: dict[str, Any]
    model: dict[str, Any]
    training: dict[str, Any]
    format: int = FORMAT


class RLlibAgent:
    """Acts by an `RLModule`; has Stable-Baselines3's `predict`.

    Attributes:
        module: the network, without the critic.
        record: what is known about it.
    """

    def __init__(self, record: ModuleRecord, device: str = "cpu") -> None:
        imported_ray()
        from ray.rllib.algorithms.ppo.torch.default_ppo_torch_rl_module import (
            DefaultPPOTorchRLModule,
        )
        from ray.rllib.core.rl_module.default_model_config import DefaultModelConfig
        from ray.rllib.core.rl_module.rl_module import RLModuleSpec

        seen, acts = map(space_from_json, (record.observation_space, record.action_space))
        assert isinstance(seen, spaces.Dict)
        self.record, self._action_space = record, acts
        self._flattening, self._device = Flattening(seen), device
        self.module: Any = RLModuleSpec(
            module_class=DefaultPPOTorchRLModule,
            observation_space=self._flattening.space,
            action_space=acts,
            model_config=asdict(DefaultModelConfig(**record.model)),
            inference_only=True,
        ).build()
        self.module.to(device).eval()

    def load(self, weights: dict[str, NDArray[Any]]) -> None:
        """Take weights, as `LearnerGroup.get_weights` names them; the critic's are left out."""
        own = self.module.state_dict()
        self.module.load_state_dict({name: torch.as_tensor(weights[name]) for name in own})

    @torch.no_grad()
    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], Any]:
        """Actions (N,) or (N, A) for Dict observations of N environments."""
        flat = torch.as_tensor(self._flattening(observation), device=self._device)
        logits = self.module.forward_inference({"obs": flat})["action_dist_inputs"]
        kind = self.module.get_inference_action_dist_cls()
        distribution = kind.from_logits(logits)
        if deterministic:
            distribution = distribution.to_deterministic()
        actions = distribution.sample().cpu().numpy()
        if isinstance(self._action_space, spaces.Box):
            actions = np.clip(actions, self._action_space.low, self._action_space.high)
        return actions, state


def save_agent(folder: Path, agent: RLlibAgent) -> None:
    """Write both files; the weights last, so that a crash between them leaves no wrong pair."""
    write_tensors(folder / WEIGHTS, agent.module.state_dict(), "record", asdict(agent.record))
    write_json(folder / RECORD, asdict(agent.record))


def load_agent(folder: Path, device: str = "cpu") -> RLlibAgent:
    """The agent of a run folder of `train_rllib`.

    Raises:
        UserError: for a folder without one, a damaged file, or without RLlib.
    """
    path = folder / WEIGHTS
    if not path.is_file():
        raise UserError(f"{str(folder)!r} holds no agent of train_rllib: no {WEIGHTS}")
    try:
        with safe_open(path, "pt") as file:
            record = ModuleRecord(**json.loads(file.metadata()["record"]))
            weights = {name: file.get_tensor(name).numpy() for name in file.keys()}  # noqa: SIM118
        agent = RLlibAgent(record, device)
        agent.load(weights)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{str(path)!r} holds no agent of train_rllib: {error}") from error
    return agent
