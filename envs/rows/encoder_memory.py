"""What an encoder knows of the rows' scenes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.rows.snapshots import Snapshot
from gqn_rl.encoders import SceneEncoder, make_encoder
from gqn_rl.errors import UserError
from gqn_rl.geometry.view import Views
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.rendering import RendererIdentity

REPRESENTATION_LIMIT = 10.0
"""Standardised representations are clipped here, in standard deviations, for a finite space."""


class EncoderMemory:
    """The running state of an encoder, one scene per row; each view is encoded once.

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

    @property
    def can_draw(self) -> bool:
        """Whether the encoder is a `SceneImaginer`."""
        return can_draw(self.encoder)

    @property
    def can_compare(self) -> bool:
        """Whether the encoder is a `ComparingEncoder`."""
        return hasattr(self.encoder, "compare") and hasattr(self.encoder, "comparison_size")

    def compare(
        self, representation: NDArray[np.float32], reference: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """See `ComparingEncoder.compare`; within `REPRESENTATION_LIMIT`."""
        return _clipped(self.encoder.compare(representation, reference))  # type: ignore[attr-defined]

    @property
    def is_informed(self) -> bool:
        """Whether the encoder is an `InformedEncoder`."""
        return hasattr(self.encoder, "information_gain")

    def information_gain(self, *arguments: NDArray[Any]) -> NDArray[np.float32]:
        """See `InformedEncoder.information_gain`."""
        gain: NDArray[np.float32] = self.encoder.information_gain(*arguments)  # type: ignore[attr-defined]
        return gain

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
        if mask.all():
            self._states[rows.start] = self.encoder.update(state, views)
        else:
            self._states[rows.start] = self.encoder.update(state, views, mask)

    def representation(self) -> NDArray[np.float32]:
        """float32 (n, F), within `REPRESENTATION_LIMIT`."""
        states = [self._states[rows.start] for rows in self._groups]
        return _clipped(np.concatenate([self.encoder.representation(state) for state in states]))

    def represent(self, images: NDArray[np.uint8], viewpoints: Viewpoints) -> NDArray[np.float32]:
        """The representations of other scenes; the rows' own stay as they are.

        Args:
            images: uint8 (k, C, H, W, 3), C views of each scene.
            viewpoints: C poses.

        Returns:
            float32 (k, F), within `REPRESENTATION_LIMIT`.
        """
        state = self.encoder.initial_state(len(images))
        for index in range(len(viewpoints)):
            pose = viewpoints[np.full(len(images), index)]
            state = self.encoder.update(state, Views(images[:, index], pose))
        return _clipped(self.encoder.representation(state))

    def snapshot(self) -> Snapshot:
        """The encoder's state, "0", "1", ... to arrays (n, ...).

        Raises:
            UserError: if the encoder is no `ResumableEncoder`.
        """
        self._require_resumable()
        states = [
            self.encoder.state_arrays(self._states[rows.start])  # type: ignore[attr-defined]
            for rows in self._groups
        ]
        parts = [np.concatenate(part) for part in zip(*states, strict=True)]
        return {str(number): part for number, part in enumerate(parts)}

    def restore(self, snapshot: Snapshot) -> None:
        """Take the encoder's state from a snapshot of as many rows."""
        self._require_resumable()
        parts = [snapshot[str(number)] for number in range(len(snapshot))]
        for rows in self._groups:
            self._states[rows.start] = self.encoder.state_from_arrays(  # type: ignore[attr-defined]
                tuple(part[rows] for part in parts)
            )

    def _require_resumable(self) -> None:
        for method in ("state_arrays", "state_from_arrays"):
            if not hasattr(self.encoder, method):
                raise UserError(
                    f"encoder {type(self.encoder)!r} has no {method}: what it has seen cannot be "
                    "saved and taken up again"
                )

    def draw(self, rows: NDArray[np.int64], viewpoints: Viewpoints) -> NDArray[np.uint8]:
        """How the scenes of some rows (k,) might look from elsewhere, uint8 (k, H, W, 3)."""
        size = self.encoder.image_size
        images = np.zeros((len(rows), size, size, 3), np.uint8)
        for group in self._groups:
            here = np.flatnonzero((rows >= group.start) & (rows < group.stop))
            if len(here):
                state = self.encoder.select(  # type: ignore[attr-defined]
                    self._states[group.start], rows[here] - group.start
                )
                images[here] = self.encoder.predict_view(  # type: ignore[attr-defined]
                    state, viewpoints[here]
                )
        return images


def can_draw(encoder: SceneEncoder[Any]) -> bool:
    """Whether an encoder is a `SceneImaginer`."""
    return hasattr(encoder, "predict_view") and hasattr(encoder, "select")


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


def encoder_name(encoder: str | Path | SceneEncoder[Any]) -> str:
    """What a message calls it."""
    return f"encoder {str(encoder) if isinstance(encoder, str | Path) else type(encoder)!r}"


def _clipped(representation: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.clip(representation, -REPRESENTATION_LIMIT, REPRESENTATION_LIMIT)
