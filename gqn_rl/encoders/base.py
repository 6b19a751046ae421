"""Interface of encoders, and the table of them.

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
    """Turns views of n scenes into n representations, one new view per scene at a time.

    >>> from gqn_rl.geometry.viewpoint import look_at_origin
    >>> class MeanColour:  # a state is n sums of colours and the numbers of views
    ...     representation_size, image_size, renderer = 3, 64, None
    ...
    ...     def initial_state(self, n):
    ...         return np.zeros((n, 4), np.float32)
    ...
    ...     def update(self, state, views, mask=None):
    ...         colour = views.images.mean(axis=(1, 2)) / 255
    ...         new = np.concatenate([colour, np.ones((len(views), 1))], axis=1)
    ...         return state + (new if mask is None else np.where(mask[:, None], new, 0.0))
    ...
    ...     def reset(self, state, mask):
    ...         return np.where(mask[:, None], 0.0, state)
    ...
    ...     def representation(self, state):
    ...         return state[:, :3] / np.maximum(state[:, 3:], 1)
    ...
    ...     def identity(self):
    ...         return "mean colour"
    >>> encoder = MeanColour()
    >>> isinstance(encoder, SceneEncoder)
    True
    >>> state, poses = encoder.initial_state(2), look_at_origin(np.zeros(2), np.zeros(2))
    >>> for grey in (0, 51):
    ...     images = np.full((2, 64, 64, 3), grey, np.uint8)
    ...     state = encoder.update(state, Views(images, poses), np.array([True, grey > 0]))
    >>> encoder.representation(state).round(2)
    array([[0.1, 0.1, 0.1],
           [0.2, 0.2, 0.2]])
    """

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
    """An encoder that also draws what it expects to see.

    >>> from gqn_rl.geometry.viewpoint import look_at_origin
    >>> class Pessimist:  # expects black whatever it has seen; a state is an array with n rows
    ...     def select(self, state, rows):
    ...         return state[rows]
    ...
    ...     def predict_view(self, state, viewpoints):
    ...         return np.zeros((len(viewpoints), 64, 64, 3), np.uint8)
    >>> isinstance(Pessimist(), SceneImaginer)
    True
    >>> Pessimist().predict_view(np.zeros((2, 3)), look_at_origin(np.zeros(2), np.zeros(2))).shape
    (2, 64, 64, 3)
    """

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
    """An encoder whose state can be saved and taken up again.

    >>> class Plain:  # a state is an array with n rows
    ...     def state_arrays(self, state):
    ...         return (state.copy(),)
    ...
    ...     def state_from_arrays(self, arrays):
    ...         return arrays[0]
    >>> isinstance(Plain(), ResumableEncoder)
    True
    >>> Plain().state_from_arrays(Plain().state_arrays(np.eye(2)))
    array([[1., 0.],
           [0., 1.]])
    """

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
    """An encoder that can say how alike two objects are.

    >>> class Nearness:
    ...     comparison_size = 1
    ...
    ...     def compare(self, representation, reference):
    ...         return -np.linalg.norm(representation - reference, axis=1, keepdims=True)
    >>> isinstance(Nearness(), ComparingEncoder)
    True
    >>> Nearness().compare(np.array([[3.0, 4.0], [0.0, 0.0]]), np.zeros((2, 2)))
    array([[-5.],
           [-0.]])
    """

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
    """An encoder that can say what a view would tell before it is taken.

    >>> class Curious:  # the further from what was seen, the more it expects to learn
    ...     def information_gain(self, representation, query, seen, is_seen, candidates):
    ...         away = np.linalg.norm(candidates[:, :, None, :3] - seen[:, None, :, :3], axis=3)
    ...         gain = np.where(is_seen[:, None], away, np.inf).min(axis=2)
    ...         return np.concatenate([gain, gain.max(axis=1, keepdims=True)], axis=1)
    >>> isinstance(Curious(), InformedEncoder)
    True
    >>> seen, is_seen = np.zeros((1, 1, 7)), np.array([[True]])
    >>> candidates = np.eye(7)[None, [3, 0]]  # from where the view was taken, and an edge away
    >>> Curious().information_gain(np.zeros((1, 3)), seen[:, 0], seen, is_seen, candidates)
    array([[0., 1., 1.]])
    """

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
class StateInformedEncoder(Protocol[State]):
    """An encoder that can say what a view would tell, from its state.

    An `InformedEncoder` needs the representation alone, which not every representation allows: one
    in the frame of the object does not say from where the object is seen.

    >>> refined, base = make_encoder("refined", device="cpu"), make_encoder("base", device="cpu")
    >>> isinstance(refined, StateInformedEncoder), isinstance(base, StateInformedEncoder)
    (True, False)
    """

    def select(self, state: State, rows: NDArray[np.int64]) -> State:
        """See `SceneImaginer`."""
        ...

    def information_gain_from(
        self,
        state: State,
        query: NDArray[np.float32],
        seen: NDArray[np.float32],
        is_seen: NDArray[np.bool_],
        candidates: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """See `InformedEncoder.information_gain`; `state` is of n scenes."""
        ...


@runtime_checkable
class SpatialEncoder(Protocol):
    """An encoder whose representation is a voxel grid in the frame of the object.

    >>> cells, gqn = make_encoder("cells", device="cpu"), make_encoder("gqn", device="cpu")
    >>> isinstance(cells, SpatialEncoder), isinstance(gqn, SpatialEncoder)
    (True, False)
    >>> cells.voxel_grid_shape, cells.representation_size
    ((4, 8, 8, 8), 2048)
    """

    @property
    def voxel_grid_shape(self) -> tuple[int, int, int, int]:
        """(C, S, S, S) with F = C * S ** 3, which the representation holds flat."""
        ...


ENCODERS = {
    "gqn": "gqn_rl.encoders.loading:load_pretrained",
    "cells": "gqn_rl.encoders.voxel_grid_encoder:load_voxel_grid",
    "refined": "gqn_rl.encoders.refined_encoder:load_refined",
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
