"""The state of a training: all that its next step depends on, as arrays and plain numbers.

Stable-Baselines3's own files leave out the environments, the observations that the next actions
are chosen from, and the random generators: what is loaded from them goes on differently (its issue
1526).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from agents.algorithms.algorithm import Algorithm
from agents.saving.weights import distinct_weights, load_distinct_weights
from agents.sb3_vec_env import GymnasiumVecEnv
from agents.training.global_random import Arrays, global_random_state, set_global_random_state
from gqn_rl.random_state import generator_state, set_generator_state


@dataclass(frozen=True)
class ModelState:
    """A model between two rollouts.

    Attributes:
        arrays: name to array.
        numbers: plain data that JSON can hold.
    """

    arrays: Arrays
    numbers: dict[str, Any]


def model_state(model: BaseAlgorithm, bridge: GymnasiumVecEnv, algorithm: Algorithm) -> ModelState:
    """The state of a model and of the environments that it learns in, between two rollouts.

    Args:
        bridge: the environments, without what the model has wrapped around them.
        algorithm: the model's.

    Raises:
        UserError: for environments or a replay buffer that cannot be saved.
    """
    arrays = _named("weights", _to_numpy(distinct_weights(model.policy)))
    groups = {}
    for name, optimizer in algorithm.optimizers(model).items():
        state = optimizer.state_dict()
        groups[name] = state["param_groups"]
        for index, values in state["state"].items():
            arrays |= _named(f"optimizers/{name}/{index}", _to_numpy(values))
    arrays |= _named("environment", bridge.snapshot())
    arrays |= _named("observed", _observed(model))
    for name, store in algorithm.stores(model).items():
        arrays |= _named(name, store.snapshot())
    arrays |= _to_numpy(algorithm.tensors(model))
    arrays["action_space"] = generator_state(model.action_space.np_random)
    random_arrays, random_numbers = global_random_state()
    numbers = {
        "counters": {name: getattr(model, name) for name in algorithm.counters},
        "optimizers": groups,
        "episodes": list(model.ep_info_buffer or ()),
        "successes": [bool(success) for success in model.ep_success_buffer or ()],
        "random": random_numbers,
    }
    return ModelState(arrays | _named("random", random_arrays), numbers)


def set_model_state(
    model: BaseAlgorithm, bridge: GymnasiumVecEnv, algorithm: Algorithm, state: ModelState
) -> None:
    """Let a model made alike, and its environments, go on from a state.

    Raises:
        UserError, RuntimeError, ValueError, KeyError: for a state of another kind of model.
    """
    algorithm.require_model(model)
    arrays, numbers = state.arrays, state.numbers
    load_distinct_weights(model.policy, _to_torch(_part(arrays, "weights")))
    for name, optimizer in algorithm.optimizers(model).items():
        values = _by_index(_part(arrays, f"optimizers/{name}"))
        groups = numbers["optimizers"][name]
        optimizer.load_state_dict({"state": values, "param_groups": groups})
    bridge.restore(_part(arrays, "environment"))
    _set_observed(model, _part(arrays, "observed"))
    for name, store in algorithm.stores(model).items():
        store.restore(_part(arrays, name))
    with torch.no_grad():
        for name, tensor in algorithm.tensors(model).items():
            tensor.copy_(torch.from_numpy(arrays[name]))
    set_generator_state(model.action_space.np_random, arrays["action_space"])
    for name, value in numbers["counters"].items():
        setattr(model, name, value)
    window = model._stats_window_size
    model.ep_info_buffer = deque(numbers["episodes"], maxlen=window)
    model.ep_success_buffer = deque(numbers["successes"], maxlen=window)
    set_global_random_state(_part(arrays, "random"), numbers["random"])


def _observed(model: BaseAlgorithm) -> Arrays:
    """The observations of which the next actions are, and where episodes begin."""
    last: Any = model._last_obs
    observations = last if isinstance(last, dict) else {"": last}
    starts: Any = model._last_episode_starts
    arrays = _named("observation", {key: np.asarray(value) for key, value in observations.items()})
    return arrays | {"episode_starts": np.asarray(starts)}


def _set_observed(model: BaseAlgorithm, arrays: Arrays) -> None:
    observations = _part(arrays, "observation")
    model._last_obs = observations.get("", observations)
    model._last_episode_starts = arrays["episode_starts"]


def _named(part: str, arrays: Arrays) -> Arrays:
    return {f"{part}/{name}": array for name, array in arrays.items()}


def _part(arrays: Arrays, part: str) -> Arrays:
    start = f"{part}/"
    return {k.removeprefix(start): v for k, v in arrays.items() if k.startswith(start)}


def _to_numpy(tensors: dict[str, Any]) -> Arrays:
    return {name: torch.as_tensor(t).detach().cpu().numpy() for name, t in tensors.items()}


def _to_torch(arrays: Arrays) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def _by_index(arrays: Arrays) -> dict[int, dict[str, torch.Tensor]]:
    """An optimiser's state: index of the parameter to name to tensor."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, array in arrays.items():
        index, key = name.split("/")
        state.setdefault(int(index), {})[key] = torch.from_numpy(array)
    return state
