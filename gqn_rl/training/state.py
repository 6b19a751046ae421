"""Training state on disk: one safetensors file, written atomically, with the step inside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from gqn_rl.errors import UserError
from gqn_rl.files import write_bytes
from gqn_rl.training.trainer import Trainer

FILE_NAME = "training_state.safetensors"
FORMAT = "gqn_rl.training/1"


def save_state(folder: Path, trainer: Trainer, record: dict[str, Any]) -> None:
    """Replace the state in `folder`; the last good one survives any failure."""
    metadata = {
        "format": FORMAT,
        "step": str(trainer.step),
        "config": json.dumps(trainer.model.config.to_dict()),
        "recipe": json.dumps(trainer.recipe.to_dict()),
        "record": json.dumps(record),
    }
    write_bytes(folder / FILE_NAME, save(trainer.state(), metadata=metadata))


def read_metadata(folder: Path) -> dict[str, Any]:
    """Configuration, recipe, step and record of the state in `folder`.

    Raises:
        UserError: when there is none, or it is truncated or foreign.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise UserError(f"nothing to resume: {str(path)!r} does not exist")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is truncated or not a safetensors file: {error}") from error
    if metadata.get("format") != FORMAT:
        raise UserError(f"{path} has format {metadata.get('format')!r}, expected {FORMAT!r}")
    try:
        return {key: json.loads(metadata[key]) for key in ("step", "config", "recipe", "record")}
    except (KeyError, ValueError) as error:
        raise UserError(f"{path} is not a training state: {error!r}") from error


def load_state(folder: Path, trainer: Trainer) -> None:
    """Bring `trainer` to the state in `folder`."""
    step = read_metadata(folder)["step"]
    with safe_open(folder / FILE_NAME, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    trainer.load_state(tensors, step)
