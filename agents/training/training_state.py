"""The file that a training goes on from after a crash, replaced in one piece."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from stable_baselines3.common.base_class import BaseAlgorithm

from agents.algorithms.algorithm import algorithm_named
from agents.saving.bundle import AgentRecord, record_from_json
from agents.sb3_vec_env import GymnasiumVecEnv
from agents.training.model_state import ModelState, model_state, set_model_state
from gqn_rl.errors import UserError
from gqn_rl.tensor_files import write_tensors

NAME = "training_state.safetensors"
HEADER = "training"
FORMAT = 2


def save_training_state(
    folder: Path,
    model: BaseAlgorithm,
    bridge: GymnasiumVecEnv,
    record: AgentRecord,
    notes: dict[str, Any],
) -> None:
    """Replace `folder`/training_state.safetensors; the one before survives any failure.

    Args:
        bridge: the environments that the model learns in.
        record: says which agent this is.
        notes: what else is to be kept, as plain data.
    """
    state = model_state(model, bridge, algorithm_named(record.algo))
    content = {
        "format": FORMAT,
        "agent": asdict(record),
        "numbers": state.numbers,
        "notes": notes,
    }
    write_tensors(folder / NAME, state.arrays, HEADER, content)


def read_record(folder: Path) -> AgentRecord:
    """The agent whose training state is in `folder`.

    Raises:
        UserError: see `load_training_state`.
    """
    return _checked_record(folder / NAME, _read(folder / NAME, arrays=False)[0])


def load_training_state(
    folder: Path, model: BaseAlgorithm, bridge: GymnasiumVecEnv
) -> dict[str, Any]:
    """Put a saved state into a model made alike and its environments; returns the notes.

    Raises:
        UserError: for a file that is missing, cut short, corrupt or of another model.
    """
    path = folder / NAME
    content, arrays = _read(path, arrays=True)
    try:
        algorithm = algorithm_named(content["agent"]["algo"])
        set_model_state(model, bridge, algorithm, ModelState(arrays, content["numbers"]))
        notes: dict[str, Any] = content["notes"]
    except (KeyError, ValueError, RuntimeError, TypeError) as error:
        raise _unusable(path, error) from error
    return notes


def _read(path: Path, arrays: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    if not path.exists():
        raise UserError(f"cannot resume: {str(path)!r} does not exist")
    try:
        with safe_open(str(path), framework="np") as file:
            content = json.loads((file.metadata() or {})[HEADER])
            if content["format"] != FORMAT:
                raise ValueError(f"its format is {content['format']!r}, expected {FORMAT}")
            names = file.keys() if arrays else ()
            return content, {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
        raise _unusable(path, error) from error


def _checked_record(path: Path, content: dict[str, Any]) -> AgentRecord:
    try:
        record = record_from_json(content["agent"])
    except (KeyError, ValueError, TypeError) as error:
        raise _unusable(path, error) from error
    record.require_library(f"the training in {str(path.parent)!r}")
    return record


def _unusable(path: Path, error: Exception) -> UserError:
    reason = " ".join(str(error).split())[:300]
    return UserError(f"cannot resume from {str(path)!r}: {reason}")
