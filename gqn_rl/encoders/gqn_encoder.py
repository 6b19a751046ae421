"""A GQN as a scene encoder: the running evidence is its state."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gqn_rl.devices import autocast, choose_device
from gqn_rl.gqn.checkpoint import load_checkpoint as load_model
from gqn_rl.gqn.checkpoint import pretrained_path
from gqn_rl.gqn.evidence import Evidence
from gqn_rl.gqn.families import build, preset
from gqn_rl.gqn.model import GenerativeQueryNetwork
from gqn_rl.view import Views, to_float, to_uint8
from gqn_rl.viewpoint import Viewpoints

IMAGINATION_SEED = 0


class GQNEncoder:
    """Encodes one new view per scene and step; never the history.

    Args:
        model: in evaluation mode, on the device it is to run on.
        renderer: identity of the renderer it was trained on, None where any will do.
        weights_hash: says which weights these are; stored with agents trained on them.
        precision: "auto", "bf16" or "fp32".
    """

    def __init__(
        self,
        model: GenerativeQueryNetwork,
        renderer: dict[str, Any] | None = None,
        weights_hash: str = "",
        precision: str = "auto",
    ) -> None:
        self.model = model
        self.weights_hash = weights_hash
        self.precision = precision
        self._renderer = renderer

    @property
    def representation_size(self) -> int:
        return self.model.representation_size

    @property
    def image_size(self) -> int:
        return self.model.image_size

    @property
    def renderer(self) -> dict[str, Any] | None:
        return self._renderer

    def initial_state(self, n: int) -> Evidence:
        """See `SceneEncoder`."""
        return self.model.nothing_seen(n)

    @torch.inference_mode()
    def update(
        self, state: Evidence, views: Views, mask: NDArray[np.bool_] | None = None
    ) -> Evidence:
        """See `SceneEncoder`."""
        images = to_float(torch.from_numpy(views.images).to(self.model.device))
        viewpoints = torch.from_numpy(views.viewpoints.encode()).to(self.model.device)
        with autocast(self.model.device, self.precision):
            seen = self.model.look(images, viewpoints)
            return state.plus(seen if mask is None else self.reset(seen, ~mask))

    @torch.inference_mode()
    def reset(self, state: Evidence, mask: NDArray[np.bool_]) -> Evidence:
        """See `SceneEncoder`."""
        return state.forget(torch.from_numpy(np.asarray(mask, dtype=bool)).to(self.model.device))

    @torch.inference_mode()
    def representation(self, state: Evidence) -> NDArray[np.float32]:
        """See `SceneEncoder`."""
        r = self.model.standardise(self._representation(state))
        out: NDArray[np.float32] = r.float().cpu().numpy()
        return out

    @torch.inference_mode()
    def select(self, state: Evidence, rows: NDArray[np.int64]) -> Evidence:
        """See `SceneImaginer`."""
        return state.select(torch.from_numpy(rows).to(self.model.device))

    @torch.inference_mode()
    def predict_view(self, state: Evidence, viewpoints: Viewpoints) -> NDArray[np.uint8]:
        """See `SceneImaginer`.

        A sample from the prior path. Its noise is the same for every scene and call, so that
        imagining changes nothing that comes after it and a scene's row does not matter.
        """
        encoded = torch.from_numpy(viewpoints.encode()).to(self.model.device)
        generator = torch.Generator(self.model.device).manual_seed(IMAGINATION_SEED)
        with autocast(self.model.device, self.precision):
            r = self.model.representation(state)
            noise = self.model.noise(1, generator)
            scene = self.model.imagine(r, noise.expand(len(r), *noise.shape[1:]))
            images = self.model.draw_images(scene, encoded)
        out: NDArray[np.uint8] = to_uint8(images).cpu().numpy()
        return out

    def _representation(self, state: Evidence) -> torch.Tensor:
        with autocast(self.model.device, self.precision):
            return self.model.representation(state)


def load_checkpoint(path: Path, device: str = "auto") -> GQNEncoder:
    """The encoder from a checkpoint: a .safetensors file, or a folder with model.safetensors."""
    model, sidecar = load_model(pretrained_path(path), device=choose_device(device))
    return GQNEncoder(model, sidecar["renderer"], sidecar["sha256"])


def load_pretrained(device: str = "auto", seed: int = 0) -> GQNEncoder:
    """The encoder with the shipped weights; `seed` has no effect."""
    return load_checkpoint(Path("small"), device)


def random_weights(device: str = "auto", seed: int = 0) -> GQNEncoder:
    """The shipped architecture with random weights: the control for what training adds."""
    model = build(preset("small"), seed).to(choose_device(device)).eval().requires_grad_(False)
    state = b"".join(t.cpu().numpy().tobytes() for t in model.state_dict().values())
    return GQNEncoder(model, None, hashlib.sha256(state).hexdigest())
