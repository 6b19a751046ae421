"""A GQN as a scene encoder: the running aggregate is its state."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gqn_rl.devices import autocast
from gqn_rl.errors import UserError
from gqn_rl.geometry.view import Views, to_float, to_uint8
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.gqn.model import GenerativeQueryNetwork
from gqn_rl.gqn.view_aggregate import ViewAggregate

IMAGINATION_SEED = 0
ENCODED_PER_THREAD, DRAWN_PER_THREAD = 24, 8
"""Scenes at once on a CPU: few enough that what lies between the layers stays in its cache, and
enough that calling the layers takes little of the time."""


class GQNEncoder:
    """Encodes one new view per scene and step; never the history.

    >>> from gqn_rl.geometry.viewpoint import look_at_origin
    >>> encoder = GQNEncoder(GenerativeQueryNetwork.from_pretrained("small"))
    >>> poses = look_at_origin(np.zeros(2), np.zeros(2))
    >>> black = Views(np.zeros((2, 64, 64, 3), np.uint8), poses)
    >>> state = encoder.update(encoder.initial_state(2), black)
    >>> encoder.representation(state).shape, encoder.predict_view(state, poses).shape
    ((2, 4352), (2, 64, 64, 3))

    Args:
        model: in evaluation mode, on the device it is to run on.
        renderer: identity of the renderer it was trained on, None where any will do.
        weights_hash: of the file that they came from.
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

    def initial_state(self, n: int) -> ViewAggregate:
        """See `SceneEncoder`."""
        return self.model.nothing_seen(n)

    @torch.inference_mode()
    def update(
        self, state: ViewAggregate, views: Views, mask: NDArray[np.bool_] | None = None
    ) -> ViewAggregate:
        """See `SceneEncoder`."""
        viewpoints = torch.from_numpy(views.viewpoints.encode()).to(self.model.device)
        images = torch.from_numpy(views.images)
        out = state.empty_like()
        with autocast(self.model.device, self.precision):
            for rows in self.portions(len(views), ENCODED_PER_THREAD):
                portion = to_float(images[rows].to(self.model.device))
                seen = self.model.encode_view(portion, viewpoints[rows])
                if mask is not None:
                    seen = self.reset(seen, ~mask[rows])
                state.select(rows).plus(seen, out=out.select(rows))
        return out

    @torch.inference_mode()
    def reset(self, state: ViewAggregate, mask: NDArray[np.bool_]) -> ViewAggregate:
        """See `SceneEncoder`."""
        return state.forget(torch.from_numpy(np.asarray(mask, dtype=bool)).to(self.model.device))

    @torch.inference_mode()
    def representation(self, state: ViewAggregate) -> NDArray[np.float32]:
        """See `SceneEncoder`."""
        n = len(state.parts[0])
        with autocast(self.model.device, self.precision):
            each = [
                self.model.representation(state.select(rows))
                for rows in self.portions(n, ENCODED_PER_THREAD)
            ]
        out: NDArray[np.float32] = self.model.standardise(torch.cat(each)).float().cpu().numpy()
        return out

    @torch.inference_mode()
    def select(self, state: ViewAggregate, rows: NDArray[np.int64]) -> ViewAggregate:
        """See `SceneImaginer`."""
        return state.select(torch.from_numpy(rows).to(self.model.device))

    @torch.inference_mode()
    def predict_view(self, state: ViewAggregate, viewpoints: Viewpoints) -> NDArray[np.uint8]:
        """See `SceneImaginer`.

        A sample from the prior path. Its noise is the same for every scene and call, so that
        imagining changes nothing that comes after it and a scene's row does not matter.
        """
        encoded = torch.from_numpy(viewpoints.encode()).to(self.model.device)
        generator = torch.Generator(self.model.device).manual_seed(IMAGINATION_SEED)
        noise = self.model.noise(1, generator)
        images = []
        with autocast(self.model.device, self.precision):
            for rows in self.portions(len(encoded), DRAWN_PER_THREAD):
                r = self.model.representation(state.select(rows))
                scene = self.model.imagine(r, noise.expand(len(r), *noise.shape[1:]))
                images.append(to_uint8(self.model.draw_images(scene, encoded[rows])))
        out: NDArray[np.uint8] = torch.cat(images).cpu().numpy()
        return out

    def state_arrays(self, state: ViewAggregate) -> tuple[NDArray[Any], ...]:
        """See `ResumableEncoder`."""
        return tuple(part.detach().cpu().numpy().copy() for part in state.parts)

    def state_from_arrays(self, arrays: tuple[NDArray[Any], ...]) -> ViewAggregate:
        """See `ResumableEncoder`."""
        pattern = self.model.nothing_seen(len(arrays[0]) if arrays else 0)
        received = [(array.shape, str(array.dtype)) for array in arrays]
        expected = [(tuple(p.shape), str(p.cpu().numpy().dtype)) for p in pattern.parts]
        if received != expected:
            raise UserError(f"the encoder's state is {received}, expected {expected}")
        device = self.model.device
        return type(pattern)(*(torch.from_numpy(array).to(device) for array in arrays))

    def identity(self) -> str:
        """The SHA-256 of the weights, not of the file they came from."""
        digest = hashlib.sha256()
        for name, value in sorted(self.model.state_dict().items()):
            digest.update(name.encode())
            digest.update(value.detach().cpu().float().numpy().tobytes())
        return digest.hexdigest()

    def portions(self, n: int, per_thread: int) -> Iterator[slice]:
        """n scenes, on a CPU a portion at a time; at least one, which may be empty."""
        size = n
        if self.model.device.type == "cpu":
            size = per_thread * torch.get_num_threads()
        for start in range(0, max(n, 1), max(size, 1)):
            yield slice(start, min(start + size, n))
