"""What training needs, beside the agent, to go on: weights, optimisers and counters.

The environments and random generators start anew, so a resumed run is a continuation, not a
repetition of the run that was never interrupted.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from stable_baselines3.common.base_class import BaseAlgorithm

from agents.weights import distinct_weights, load_distinct_weights
from gqn_rl.errors import UserError
from gqn_rl.files import write_atomically

NAME = "training_state.safetensors"
HEADER = "training"
COUNTERS = ("num_timesteps", "_n_updates", "_episode_num")


def optimizers(model: BaseAlgorithm) -> dict[str, torch.optim.Optimizer]:
    """Every optimiser of the model, by name."""
    owners = {"policy": model.policy, "actor": model.policy, "critic": model.policy}
    places: dict[str, Any] = {
        "policy": getattr(model.policy, "optimizer", None),
        **{name: getattr(getattr(model.policy, name, None), "optimizer", None) for name in owners},
        "entropy": getattr(model, "ent_coef_optimizer", None),
        "answer": getattr(model, "answer_optimizer", None),
    }
    return {name: optimizer for name, optimizer in places.items() if optimizer is not None}


def save_training_state(folder: Path, model: BaseAlgorithm) -> None:
    """Write `folder`/training_state.safetensors in one piece."""
    tensors = {f"weights/{name}": value for name, value in distinct_weights(model.policy).items()}
    groups: dict[str, Any] = {}
    for name, optimizer in optimizers(model).items():
        state = optimizer.state_dict()
        groups[name] = state["param_groups"]
        for index, values in state["state"].items():
            for key, value in values.items():
                tensors[f"{name}/{index}/{key}"] = torch.as_tensor(value)
    content = {"counters": {key: getattr(model, key) for key in COUNTERS}, "groups": groups}
    header = {HEADER: json.dumps(content)}
    cpu = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    write_atomically(folder / NAME, lambda path: save_file(cpu, path, metadata=header))


def load_training_state(folder: Path, model: BaseAlgorithm) -> None:
    """Put a saved state into a model of the same shape.

    Raises:
        UserError: for a file that is missing, corrupt or from a model of another shape.
    """
    path = folder / NAME
    if not path.exists():
        raise UserError(f"cannot resume: {str(path)!r} does not exist")
    try:
        with safe_open(str(path), framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            content = json.loads((file.metadata() or {})[HEADER])
        weights = _part(tensors, "weights")
        states = {
            name: {"state": _state(_part(tensors, name)), "param_groups": groups}
            for name, groups in content["groups"].items()
        }
        load_distinct_weights(model.policy, weights)
        for name, optimizer in optimizers(model).items():
            optimizer.load_state_dict(states[name])
        for key, value in content["counters"].items():
            setattr(model, key, value)
    except (SafetensorError, OSError, KeyError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"cannot resume from {str(path)!r}: {reason}") from error


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    start = f"{prefix}/"
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}


def _state(tensors: dict[str, torch.Tensor]) -> dict[int, dict[str, torch.Tensor]]:
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        index, key = name.split("/")
        state.setdefault(int(index), {})[key] = value
    return state
