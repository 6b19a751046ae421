"""The memory of an encoder: what it knows of the rows' scenes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.observation.one_thread import one_thread
from envs.snapshots import Snapshot
from gqn_rl.encoders import ResumableEncoder, SceneEncoder, SceneImaginer, make_encoder
from gqn_rl.errors import UserError
from gqn_rl.geometry.view import Views
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.rendering import RendererIdentity

REPRESENTATION_LIMIT = 10.0
"""Standardised representations are clipped here, in standard deviations, for a finite space."""


class EncoderMemory:
    """The running state of an encoder, one scene per row; each view is encoded once.

    A single row is encoded with one thread, see `one_thread`.

    Args:
        groups: rows that are encoded together; all n rows in order.
        encoder: see `usable_encoder`.
    """

    def __init__(self, groups: Sequence[slice], encoder: SceneEncoder[Any]) -> None:
        self.encoder = encoder
        self._states = {
            rows.start: encoder.initial_state(rows.stop - rows.start) for rows in groups
        }
        self._groups = groups
        self._is_single = groups[-1].stop == 1

    @property
    def imaginer(self) -> SceneImaginer[Any] | None:
        """The encoder, if it draws what it expects to see."""
        encoder: Any = self.encoder
        return encoder if isinstance(encoder, SceneImaginer) else None

    def _computing(self) -> AbstractContextManager[None]:
        return one_thread() if self._is_single else nullcontext()

    def forget(self, mask: NDArray[np.bool_]) -> None:
        """New scenes begin in the rows of `mask` (n,)."""
        for rows in self._groups:
            if mask[rows].any():
                state = self._states[rows.start]
                self._states[rows.start] = self.encoder.reset(state, mask[rows])

    def take_in(
        self,
        rows: slice,
        images: NDArray[np.uint8],
        viewpoints: Viewpoints,
        mask: NDArray[np.bool_],
    ) -> None:
        """One more view in some rows of a group; the others learn nothing.

        All rows of the group go through the encoder, so that its batch never changes its size.

        Args:
            rows: a group.
            images: uint8 (rows, H, W, 3).
            viewpoints: of these rows.
            mask: bool (rows,), which of them.
        """
        if not mask.any():
            return
        state, views = self._states[rows.start], Views(images, viewpoints)
        with self._computing():
            if mask.all():
                self._states[rows.start] = self.encoder.update(state, views)
            else:
                self._states[rows.start] = self.encoder.update(state, views, mask)

    def representation(self) -> NDArray[np.float32]:
        """float32 (n, F), within `REPRESENTATION_LIMIT`."""
        states = [self._states[rows.start] for rows in self._groups]
        with self._computing():
            found = [self.encoder.representation(state) for state in states]
        return clipped(np.concatenate(found))

    def represent(self, images: NDArray[np.uint8], viewpoints: Viewpoints) -> NDArray[np.float32]:
        """The representations of other scenes; the rows' own stay as they are.

        Args:
            images: uint8 (k, C, H, W, 3), C views of each scene.
            viewpoints: k C poses, those of a scene one after the other.

        Returns:
            float32 (k, F), within `REPRESENTATION_LIMIT`.
        """
        state = self.encoder.initial_state(len(images))
        with self._computing():
            for index in range(images.shape[1]):
                pose = viewpoints[np.arange(len(images)) * images.shape[1] + index]
                state = self.encoder.update(state, Views(images[:, index], pose))
            return clipped(self.encoder.representation(state))

    def snapshot(self) -> Snapshot:
        """The encoder's state, "0", "1", ... to arrays (n, ...).

        Raises:
            UserError: if the encoder is no `ResumableEncoder`.
        """
        encoder = self._resumable()
        states = [encoder.state_arrays(self._states[rows.start]) for rows in self._groups]
        parts = [np.concatenate(part) for part in zip(*states, strict=True)]
        return {str(number): part for number, part in enumerate(parts)}

    def restore(self, snapshot: Snapshot) -> None:
        """Take the encoder's state from a snapshot of as many rows."""
        encoder = self._resumable()
        parts = [snapshot[str(number)] for number in range(len(snapshot))]
        for rows in self._groups:
            arrays = tuple(part[rows] for part in parts)
            self._states[rows.start] = encoder.state_from_arrays(arrays)

    def _resumable(self) -> ResumableEncoder[Any]:
        encoder: Any = self.encoder
        if not isinstance(encoder, ResumableEncoder):
            raise UserError(
                f"encoder {type(encoder)!r} has no state_arrays and state_from_arrays: what it has "
                "seen cannot be saved and taken up again"
            )
        return encoder

    def information_gain(
        self, rows: NDArray[np.int64], *where: NDArray[Any]
    ) -> NDArray[np.float32]:
        """What views of the scenes of some rows (k,) would tell, float32 (k, M + 1).

        Only where the encoder is a `StateInformedEncoder`.

        Args:
            where: (k, ...) each, as `InformedEncoder.information_gain` takes them.
        """
        encoder: Any = self.encoder
        with self._computing():
            parts = [
                encoder.information_gain_from(state, *(part[here] for part in where))
                for here, state in self._states_of(rows)
            ]
        return np.concatenate(parts)

    def draw(self, rows: NDArray[np.int64], viewpoints: Viewpoints) -> NDArray[np.uint8]:
        """How the scenes of some rows (k,) might look from elsewhere, uint8 (k, H, W, 3).

        Only where there is an `imaginer`.
        """
        imaginer, size = self.imaginer, self.encoder.image_size
        assert imaginer is not None
        images = np.zeros((len(rows), size, size, 3), np.uint8)
        with self._computing():
            for here, state in self._states_of(rows):
                images[here] = imaginer.predict_view(state, viewpoints[here])
        return images

    def _states_of(self, rows: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], Any]]:
        """What is known of some rows (k,), in order, and which of the k they are."""
        encoder: Any = self.encoder
        for group in self._groups:
            here = np.flatnonzero((rows >= group.start) & (rows < group.stop))
            if len(here):
                yield here, encoder.select(self._states[group.start], rows[here] - group.start)


def usable_encoder(
    encoder: str | Path | SceneEncoder[Any], identity: RendererIdentity, device: str
) -> SceneEncoder[Any]:
    """The encoder by name, path or as it is, if it fits the renderer's pictures.

    Raises:
        UserError: for an unknown name, or an encoder made for other pictures.
    """
    built = make_encoder(encoder, device=device) if isinstance(encoder, str | Path) else encoder
    source = encoder_name(encoder)
    if built.image_size != identity.image_size:
        raise UserError(
            f"{source} takes images of image_size={built.image_size}, "
            f"but the environment has image_size={identity.image_size}"
        )
    if built.renderer is not None:
        identity.require_same_pictures(built.renderer, source)
    return built


def encoder_name(encoder: object) -> str:
    """What a message calls it."""
    return f"encoder {str(encoder) if isinstance(encoder, str | Path) else type(encoder)!r}"


def clipped(numbers: NDArray[np.float32]) -> NDArray[np.float32]:
    """What an encoder says, within `REPRESENTATION_LIMIT`."""
    return np.clip(numbers, -REPRESENTATION_LIMIT, REPRESENTATION_LIMIT)
