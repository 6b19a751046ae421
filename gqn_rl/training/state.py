"""Training state on disk: one safetensors file, written atomically, with the step inside.

The state before it is kept beside it, so that a file which something else damages costs no more
than the steps between two saves.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open
from torch import Tensor

from gqn_rl.errors import UserError
from gqn_rl.files import write_bytes
from gqn_rl.tensor_files import tensor_bytes
from gqn_rl.training.trainer import Trainer

FILE_NAME = "training_state.safetensors"
PREVIOUS_NAME = "training_state.previous.safetensors"
KEY, FORMAT = "state", "gqn_rl.training/3"
FORMAT_OF_KEYS = "gqn_rl.training/2"
"""That of older files, which say each thing under a key of its own."""
FIELDS = ("step", "family", "config", "recipe", "record", "sha256")


class State(NamedTuple):
    """What a run needs to go on.

    Attributes:
        about: family, configuration, recipe, step and record.
        tensors: by name, see `Trainer.state`.
    """

    about: dict[str, Any]
    tensors: dict[str, Tensor]


def save_state(folder: Path, trainer: Trainer, record: dict[str, Any]) -> None:
    """Replace the state in `folder`; the last good one survives any failure."""
    tensors = trainer.state()
    about = {
        "step": trainer.step,
        "family": trainer.model.family,
        "config": trainer.model.config.to_dict(),
        "recipe": trainer.recipe.to_dict(),
        "record": record,
        "sha256": digest(tensors),
    }
    path, previous = folder / FILE_NAME, folder / PREVIOUS_NAME
    content = tensor_bytes(tensors, KEY, {"format": FORMAT} | about)
    if path.is_file():
        previous.unlink(missing_ok=True)
        os.link(path, previous)
    write_bytes(path, content)


def digest(tensors: dict[str, Tensor]) -> str:
    """SHA-256 over names and numbers, in the order of the names."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        found.update(name.encode())
        found.update(tensors[name].detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def has_state(folder: Path) -> bool:
    """Whether a run in `folder` has saved a state, usable or not."""
    return any((folder / name).is_file() for name in (FILE_NAME, PREVIOUS_NAME))


def read_state(folder: Path) -> State:
    """The newest usable state in `folder`: where the last one is damaged, the one before it.

    Raises:
        UserError: when there is none.
    """
    try:
        return _read(folder / FILE_NAME)
    except UserError:
        if not (folder / PREVIOUS_NAME).is_file():
            raise
        return _read(folder / PREVIOUS_NAME)


def load_state(folder: Path, trainer: Trainer) -> None:
    """Bring `trainer` to the newest usable state in `folder`."""
    about, tensors = read_state(folder)
    trainer.load_state(tensors, about["step"])


def _read(path: Path) -> State:
    if not path.is_file():
        raise UserError(f"nothing to resume: {str(path)!r} does not exist")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is truncated or not a safetensors file: {error}") from error
    try:
        about = _about(metadata)
    except (KeyError, ValueError, TypeError) as error:
        raise UserError(f"{path} is not a training state: {error!r}") from error
    if about["format"] != FORMAT:
        raise UserError(f"{path} has format {about['format']!r}, expected {FORMAT!r}")
    if (found := digest(tensors)) != about["sha256"]:
        raise UserError(
            f"{path} is damaged: its numbers have sha256 {found[:16]}..., "
            f"expected {about['sha256'][:16]}..."
        )
    return State(about, tensors)


def _about(metadata: dict[str, str]) -> dict[str, Any]:
    """What a file says about itself: `FIELDS`, and its format."""
    if metadata.get("format") == FORMAT_OF_KEYS:
        return {"format": FORMAT} | {key: json.loads(metadata[key]) for key in FIELDS}
    about = json.loads(metadata.get(KEY, "{}"))
    if about.get("format") != FORMAT:
        return {"format": about.get("format", metadata.get("format"))}
    return {key: about[key] for key in ("format", *FIELDS)}
