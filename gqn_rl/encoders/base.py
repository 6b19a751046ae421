"""What an encoder is, and the table of encoders.

An encoder never looks back: its state is an order-invariant aggregate of the views so far, of a
fixed size, and each new view is encoded once. Adding one is a new file and a line in `ENCODERS`;
outside the package, `module:function` is its name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from gqn_rl.entry_points import find, is_entry_point
from gqn_rl.errors import unknown_name
from gqn_rl.geometry.view import Views
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.hub.repository import is_address

State = TypeVar("State")


@runtime_checkable
class SceneEncoder(Protocol[State]):
    """Turns views of n scenes into n representations, one new view per scene at a time."""

    @property
    def representation_size(self) -> int:
        """F, the length of one representation."""
        ...

    @property
    def image_size(self) -> int:
        """Height and width of the images it takes."""
        ...

    @property
    def renderer(self) -> dict[str, Any] | None:
        """Identity of the renderer whose images it was trained on (`RendererIdentity.to_dict`);
        None where any will do."""
        ...

    def initial_state(self, n: int) -> State:
        """The state of n scenes of which nothing has been seen."""
        ...

    def update(self, state: State, views: Views, mask: NDArray[np.bool_] | None = None) -> State:
        """The state after one more view of every scene; `state` itself is not changed.

        Args:
            mask: bool (n,), the scenes that take their view in; the others stay as they are and
                the views given for them count for nothing. None for all scenes.
        """
        ...

    def reset(self, state: State, mask: NDArray[np.bool_]) -> State:
        """The state with the scenes of `mask` (n,) as if nothing had been seen of them."""
        ...

    def representation(self, state: State) -> NDArray[np.float32]:
        """float32 (n, F), standardised by the statistics stored with the weights."""
        ...

    def identity(self) -> str:
        """A text that differs wherever representations do; stored with agents trained on it.

        For weights, their SHA-256; where they lie, or lay, makes no difference.
        """
        ...


# What an encoder may be able to do beyond that. Each is asked for with isinstance, so that methods
# of these names are all that an encoder needs.


@runtime_checkable
class SceneImaginer(Protocol[State]):
    """An encoder that also draws what it expects to see."""

    def select(self, state: State, rows: NDArray[np.int64]) -> State:
        """The state of some scenes only, in the order of `rows` (k,)."""
        ...

    def predict_view(self, state: State, viewpoints: Viewpoints) -> NDArray[np.uint8]:
        """How each scene looks from one new pose, uint8 (n, H, W, 3).

        A scene's picture depends on its own state and pose alone, up to the rounding of batched
        arithmetic: not on its row, nor on the calls before.
        """
        ...


@runtime_checkable
class ResumableEncoder(Protocol[State]):
    """An encoder whose state can be saved and taken up again."""

    def state_arrays(self, state: State) -> tuple[NDArray[Any], ...]:
        """All that a state is, as arrays (n, ...)."""
        ...

    def state_from_arrays(self, arrays: tuple[NDArray[Any], ...]) -> State:
        """Inverse of `state_arrays`, to the bit.

        Raises:
            UserError: for arrays that are no state of this encoder.
        """
        ...


@runtime_checkable
class ComparingEncoder(Protocol):
    """An encoder that can say how alike two objects are."""

    @property
    def comparison_size(self) -> int:
        """K, how many numbers a comparison has."""
        ...

    def compare(
        self, representation: NDArray[np.float32], reference: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """float32 (n, K), finite, from the representations (n, F) of n objects and n references."""
        ...


@runtime_checkable
class InformedEncoder(Protocol):
    """An encoder that can say what a view would tell before it is taken."""

    def information_gain(
        self,
        representation: NDArray[np.float32],
        query: NDArray[np.float32],
        seen: NDArray[np.float32],
        is_seen: NDArray[np.bool_],
        candidates: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """What views of n scenes from M candidate poses each would tell about a query view.

        Args:
            representation: float32 (n, F), after the views seen.
            query: float32 (n, 7), a pose as `Viewpoints.encode` gives it.
            seen: float32 (n, L, 7), the poses of the views seen where `is_seen` (n, L) is true.
            candidates: float32 (n, M, 7).

        Returns:
            float32 (n, M + 1), at least 0 and of the order of one, in a unit of the encoder's own;
            the last number is what is left to be told at all. It knows nothing of the scenes but
            the representation.
        """
        ...


@runtime_checkable
class SpatialEncoder(Protocol):
    """An encoder whose representation is a voxel grid in the frame of the object."""

    @property
    def voxel_grid_shape(self) -> tuple[int, int, int, int]:
        """(C, S, S, S) with F = C * S ** 3, which the representation holds flat."""
        ...


ENCODERS = {
    "gqn": "gqn_rl.encoders.loading:load_pretrained",
    "cells": "gqn_rl.encoders.voxel_grid_encoder:load_voxel_grid",
    "random": "gqn_rl.encoders.loading:random_weights",
}
"""Name to `module:function`; the function takes `device` and `seed` and returns the encoder."""


def make_encoder(name: str | Path, *, device: str = "auto", seed: int = 0) -> SceneEncoder[Any]:
    """The encoder called `name`, or a GQN with the shipped weights or from the path `name`.

    Args:
        name: also `module:function` for an encoder of one's own, made like those of `ENCODERS`, or
            hub:owner/name[@revision] for weights on the Hugging Face hub.
        device: "auto", "cpu", "cuda" or another PyTorch device.
        seed: for encoders with random weights.

    Raises:
        UserError: for a name that is neither in the table nor that of shipped weights nor an
            existing path, or a checkpoint that cannot be used.
    """
    from gqn_rl.encoders.loading import load_checkpoint
    from gqn_rl.gqn.checkpoint import shipped_names

    if str(name) in ENCODERS or (is_entry_point(str(name)) and not Path(name).exists()):
        make = find("encoder", str(name), ENCODERS)
        encoder: SceneEncoder[Any] = make(device=device, seed=seed)
        return encoder
    is_path = bool(Path(name).suffix) or Path(name).exists() or is_address(name)
    if str(name) in shipped_names() or is_path:
        return load_checkpoint(Path(name), device=device)
    known = [*ENCODERS, *shipped_names(), "path of a checkpoint"]
    raise unknown_name("encoder", str(name), known)
