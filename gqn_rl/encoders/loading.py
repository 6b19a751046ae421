"""Encoders from checkpoints: what a family can do decides of which class they are."""

from __future__ import annotations

import hashlib
from pathlib import Path

from gqn_rl.devices import choose_device
from gqn_rl.encoders.canonical_encoder import CanonicalEncoder
from gqn_rl.encoders.gqn_encoder import GQNEncoder
from gqn_rl.gqn.canonical.canonical_gqn import CanonicalGQN
from gqn_rl.gqn.checkpoint import load_checkpoint as load_model
from gqn_rl.gqn.checkpoint import pretrained_path, read_sidecar
from gqn_rl.gqn.config import ENCODER_WEIGHTS
from gqn_rl.gqn.families import build, config_from_dict


def load_checkpoint(path: Path, device: str = "auto") -> GQNEncoder:
    """The encoder from a checkpoint: a .safetensors file, or a folder with model.safetensors."""
    model, sidecar = load_model(pretrained_path(path), device=choose_device(device))
    kind = CanonicalEncoder if isinstance(model, CanonicalGQN) else GQNEncoder
    return kind(model, sidecar["renderer"], sidecar["sha256"])


def load_pretrained(device: str = "auto", seed: int = 0) -> GQNEncoder:
    """The encoder with the shipped weights; `seed` has no effect."""
    return load_checkpoint(Path(ENCODER_WEIGHTS), device)


def random_weights(device: str = "auto", seed: int = 0) -> GQNEncoder:
    """The shipped architecture with random weights: the control for what training adds."""
    path = pretrained_path(ENCODER_WEIGHTS)
    shipped = read_sidecar(path)
    config = config_from_dict(shipped["family"], shipped["config"], str(path))
    model = build(config, seed).to(choose_device(device)).eval().requires_grad_(False)
    state = b"".join(t.cpu().numpy().tobytes() for t in model.state_dict().values())
    return GQNEncoder(model, None, hashlib.sha256(state).hexdigest())
