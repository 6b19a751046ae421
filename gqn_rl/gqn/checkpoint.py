"""Weights on disk: safetensors beside a JSON sidecar that says what they are.

The sidecar holds the family and configuration of the network, the identity of the renderer it was
trained on, the camera convention, the hash of the weights, and the record of training and
evaluation. Nothing is ever unpickled. The sidecar of a family from elsewhere names its
`module:Class`, which is imported from what is installed; where the files come from the hub, only if
the caller has imported it.
"""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from gqn_rl.data.description import DEEPMIND_CAMERA
from gqn_rl.devices import choose_device
from gqn_rl.entry_points import require_imported
from gqn_rl.errors import UserError
from gqn_rl.files import visible_files, write_bytes, write_json
from gqn_rl.geometry.viewpoint import CAMERA_CONVENTION
from gqn_rl.gqn.config import DEFAULT_WEIGHTS as DEFAULT_WEIGHTS
from gqn_rl.gqn.config import ENCODER_WEIGHTS as ENCODER_WEIGHTS
from gqn_rl.gqn.families import FAMILIES, build, config_from_dict
from gqn_rl.gqn.model import GenerativeQueryNetwork
from gqn_rl.hub.repository import is_address, parse_address, pull
from gqn_rl.tensor_files import tensor_bytes

FORMAT = "gqn_rl.gqn/1"
CAMERAS = (CAMERA_CONVENTION, DEEPMIND_CAMERA)
"""Weights trained on DeepMind's poses load, but no renderer of ours has their renderer's identity,
so that nothing uses them on other poses."""


def sidecar_path(path: Path) -> Path:
    return path.with_suffix(".json")


def shipped_names() -> list[str]:
    """The weights in the package."""
    weights = visible_files(_weights_folder(), "gqn-*.safetensors")
    return sorted(path.stem.removeprefix("gqn-") for path in weights)


def _weights_folder() -> Path:
    return Path(str(resources.files("gqn_rl") / "weights"))


def pretrained_path(name_or_path: str | Path) -> Path:
    """Where shipped weights of that name lie, or the path itself.

    A folder stands for the file model.safetensors in it; hub:owner/name[@revision] for weights on
    the Hugging Face hub, which are fetched and checked.
    """
    if is_address(name_or_path):
        path = pull(parse_address(name_or_path), "weights")
        family = str(read_sidecar(path)["family"])
        require_imported("family", family, FAMILIES, str(name_or_path))
        return path
    shipped = _weights_folder() / f"gqn-{name_or_path}.safetensors"
    if shipped.is_file():
        return shipped
    path = Path(name_or_path)
    if path.is_dir():
        return path / "model.safetensors"
    if path.suffix == ".safetensors":
        return path
    raise UserError(
        f"no weights called {str(name_or_path)!r}; expected a path or one of {shipped_names()}"
    )


def save_checkpoint(
    path: Path,
    model: GenerativeQueryNetwork,
    *,
    renderer: dict[str, Any],
    record: dict[str, Any],
    camera: str = CAMERA_CONVENTION,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write the weights and their sidecar, each atomically, weights first.

    Args:
        path: ends in .safetensors.
        renderer: `RendererIdentity.to_dict` of the renderer that made the training images.
        record: how the weights were trained and how well they do; anything JSON can hold.
        camera: the convention of the poses in training.
        dtype: of the weights on disk; the standardisation statistics stay float32.
    """
    tensors = {
        name: tensor.detach().cpu().to(dtype if not _is_statistic(name) else torch.float32)
        for name, tensor in model.state_dict().items()
    }
    content = tensor_bytes(tensors)
    sidecar = {
        "format": FORMAT,
        "family": model.family,
        "config": model.config.to_dict(),
        "renderer": renderer,
        "camera": camera,
        "sha256": hashlib.sha256(content).hexdigest(),
        "record": record,
    }
    write_bytes(path, content)
    write_json(sidecar_path(path), sidecar)


def load_checkpoint(
    path: Path, device: str | torch.device = "cpu"
) -> tuple[GenerativeQueryNetwork, dict[str, Any]]:
    """The model in evaluation mode, its weights frozen, and its sidecar.

    Args:
        device: "auto", "cpu", "cuda" or another PyTorch device.

    Raises:
        UserError: when a file is missing, truncated or changed, the weights were made for
            another architecture or camera convention, or the device cannot be used.
    """
    place = choose_device(str(device))
    sidecar = read_sidecar(path)
    tensors = read_weights(path, sidecar)
    if sidecar["camera"] not in CAMERAS:
        raise UserError(
            f"{path} uses the camera convention {sidecar['camera']!r}, "
            f"expected one of {list(CAMERAS)}"
        )
    model = build(config_from_dict(sidecar["family"], sidecar["config"], str(path)), seed=0)
    try:
        model.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise UserError(f"{path} does not fit its configuration: {reason}") from error
    return model.to(place).eval().requires_grad_(False), sidecar


def read_sidecar(path: Path) -> dict[str, Any]:
    """The JSON beside the weights."""
    for needed in (path, sidecar_path(path)):
        if not needed.is_file():
            raise UserError(f"weights file {str(needed)!r} does not exist")
    try:
        sidecar = json.loads(sidecar_path(path).read_text())
    except (ValueError, OSError) as error:
        raise UserError(f"{sidecar_path(path)} is not valid JSON: {error}") from error
    if not isinstance(sidecar, dict):
        raise UserError(
            f"{sidecar_path(path)} holds a {type(sidecar).__name__}, expected an object"
        )
    missing = {"format", "family", "config", "renderer", "camera", "sha256"} - set(sidecar)
    if missing or sidecar["format"] != FORMAT:
        raise UserError(
            f"{sidecar_path(path)} has format {sidecar.get('format')!r}, expected {FORMAT!r}"
            + (f"; missing {sorted(missing)}" if missing else "")
        )
    return dict(sidecar)


def read_weights(path: Path, sidecar: dict[str, Any]) -> dict[str, Tensor]:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != sidecar["sha256"]:
        raise UserError(
            f"{path} is truncated or changed: sha256 {digest[:16]}..., "
            f"expected {sidecar['sha256'][:16]}..."
        )
    try:
        return load(content)
    except SafetensorError as error:
        raise UserError(f"{path} is not a safetensors file: {error}") from error


def _is_statistic(name: str) -> bool:
    return name.startswith("representation_")
