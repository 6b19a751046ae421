"""The refined scene as a representation: cells that explain every view seen so far.

The canonical voxel grid of `gqn_rl.encoders.voxel_grid_encoder`, made by refinement
(gqn_rl/inference/refinement/continuing.py) instead of one pass through the network. Views are
looked at again when a new one comes, so the state keeps the last ones. First and second looks cost
three to four times as much as bare cells, later ones hardly more than these; `python -m
experiments.benchmark env` has the ratio.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gqn_rl.encoders.canonical_encoder import LOOKED_AHEAD_PER_THREAD
from gqn_rl.encoders.gqn_encoder import DRAWN_PER_THREAD
from gqn_rl.encoders.voxel_grid_encoder import VoxelGridEncoder, compared, load_voxel_grid
from gqn_rl.errors import UserError
from gqn_rl.geometry.turned_volumes import TurnedVolumes
from gqn_rl.geometry.view import Context, Views, to_uint8
from gqn_rl.geometry.viewpoint import ENCODING_SIZE, Viewpoints
from gqn_rl.gqn.canonical.generator import CellScene
from gqn_rl.gqn.volumes.encoder import VolumeAggregate
from gqn_rl.inference.refinement.continuing import (
    Estimate,
    as_expected,
    explained_again,
    nothing_known,
)
from gqn_rl.scene_threads import each_part

VIEWS_KEPT = 6
"""Of the newest; older ones count through the aggregate and the frame that they led to."""
TOGETHER = 16
"""Scenes explained at once, which keeps what is in use in a processor's cache."""


@dataclass(frozen=True)
class RefinedState:
    """What n scenes have shown.

    Attributes:
        aggregate: of all views.
        images: uint8 (n, `VIEWS_KEPT`, 3, H, W), the newest views, and viewpoints: float32
            (n, `VIEWS_KEPT`, 7); view k of a scene is number k modulo `VIEWS_KEPT`.
        count: int64 (n,), views so far.
        estimate: what explains them.
    """

    aggregate: VolumeAggregate
    images: Tensor
    viewpoints: Tensor
    count: Tensor
    estimate: Estimate

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All that it is, each (n, ...)."""
        kept = (self.images, self.viewpoints, self.count)
        return (*self.aggregate.parts, *kept, *self.estimate.tensors)

    def made_of(self, tensors: Sequence[Tensor]) -> RefinedState:
        """The inverse of `tensors`."""
        parts = len(self.aggregate.parts)
        aggregate = type(self.aggregate)(*tensors[:parts])
        images, viewpoints, count, *estimate = tensors[parts:]
        return RefinedState(aggregate, images, viewpoints, count, Estimate.made_of(estimate))

    def select(self, rows: Tensor) -> RefinedState:
        """Some of the scenes, int64 (k,)."""
        return self.made_of([part[rows] for part in self.tensors])

    def with_view(self, images: Tensor, viewpoints: Tensor, rows: Tensor) -> RefinedState:
        """One more view (k, ...) of some rows, int64 (k,), kept and counted."""
        place = (rows, self.count[rows] % VIEWS_KEPT)
        return replace(
            self,
            images=self.images.index_put(place, images),
            viewpoints=self.viewpoints.index_put(place, viewpoints),
            count=self.count.index_add(0, rows, torch.ones_like(rows)),
        )

    def with_estimates(
        self, parts: Sequence[Tensor], estimates: Sequence[Estimate]
    ) -> RefinedState:
        """Other estimates in some rows, int64 (k,) for each part."""
        estimate = self.estimate
        for rows, others in zip(parts, estimates, strict=True):
            estimate = estimate.replaced(rows, others)
        return replace(self, estimate=estimate)

    def context(self, rows: Tensor, views: int) -> Context:
        """The newest `views` views of some rows, oldest first."""
        place = (self.count[rows, None] - views + torch.arange(views, device=rows.device)) % (
            VIEWS_KEPT
        )
        images = self.images[rows[:, None], place].float() / 255.0
        return Context(images, self.viewpoints[rows[:, None], place])


def in_parts(rows: Tensor) -> tuple[Tensor, ...]:
    """Rows, int64 (k,), some at a time; none if there are none."""
    return rows.split(TOGETHER) if len(rows) else ()


class RefinedEncoder:
    """A `SpatialEncoder` whose cells explain what was seen, and a `SceneImaginer` of them.

    >>> from gqn_rl.data.synthetic import SceneDistribution, render_views
    >>> from gqn_rl.encoders import make_encoder
    >>> from gqn_rl.rendering import make_renderer
    >>> encoder, rng = make_encoder("refined", device="cpu"), np.random.default_rng(0)
    >>> scenes = SceneDistribution(shapes="test").sample(rng, 4)
    >>> seen = render_views(make_renderer("raycast"), scenes, 4, rng)
    >>> state = encoder.initial_state(4)
    >>> for view in range(3):
    ...     poses = Viewpoints.decode(seen.viewpoints[:, view])
    ...     state = encoder.update(state, Views(seen.images[:, view], poses))
    >>> drawn = encoder.predict_view(state, Viewpoints.decode(seen.viewpoints[:, 3]))
    >>> error = drawn.astype(float) - seen.images[:, 3]
    >>> bool(np.sqrt(np.square(error).mean()) < 8)
    True
    """

    def __init__(self, bare: VoxelGridEncoder) -> None:
        self.model = bare.model
        self._bare = bare
        self._turned = TurnedVolumes(bare.model.config.frame_cells, anywhere=True)

    @property
    def representation_size(self) -> int:
        return self._bare.representation_size

    @property
    def image_size(self) -> int:
        return self._bare.image_size

    @property
    def renderer(self) -> dict[str, Any] | None:
        return self._bare.renderer

    @property
    def voxel_grid_shape(self) -> tuple[int, int, int, int]:
        """See `SpatialEncoder`."""
        return self._bare.voxel_grid_shape

    @property
    def comparison_size(self) -> int:
        """See `ComparingEncoder`."""
        return self._bare.comparison_size

    def compare(
        self, representation: NDArray[np.float32], reference: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """See `ComparingEncoder`; as the bare encoder compares, but at every shift: a frame that
        explains the views may lie some cells from the one that was inferred."""
        return compared(self._turned, self.model, representation, reference)

    def initial_state(self, n: int) -> RefinedState:
        """See `SceneEncoder`."""
        size, device = self.image_size, self.model.device
        return RefinedState(
            self.model.nothing_seen(n),
            torch.zeros(n, VIEWS_KEPT, 3, size, size, dtype=torch.uint8, device=device),
            torch.zeros(n, VIEWS_KEPT, ENCODING_SIZE, dtype=torch.float32, device=device),
            torch.zeros(n, dtype=torch.int64, device=device),
            nothing_known(self.model, n),
        )

    @torch.inference_mode()
    def update(
        self, state: RefinedState, views: Views, mask: NDArray[np.bool_] | None = None
    ) -> RefinedState:
        """See `SceneEncoder`."""
        device = self.model.device
        aggregate: Any = self._bare.update(state.aggregate, views, mask)
        taken = np.arange(len(views)) if mask is None else np.flatnonzero(mask)
        rows = torch.from_numpy(taken).to(device)
        images = torch.from_numpy(views.images[taken]).movedim(-1, -3).to(device)
        viewpoints = torch.from_numpy(views.viewpoints.encode()[taken]).to(device)
        state = replace(state.with_view(images, viewpoints, rows), aggregate=aggregate)

        def checked(some: Tensor) -> tuple[Tensor, Estimate]:
            return as_expected(self.model, state.estimate.select(some), state.context(some, 1))

        parts = in_parts(rows)
        answers = each_part(checked, parts, device)
        surprising = [some[~expected] for some, (expected, _) in zip(parts, answers, strict=True)]
        known = [estimates for _, estimates in answers]
        return self._explained(
            state.with_estimates(parts, known), torch.cat([rows[:0], *surprising])
        )

    def _explained(self, state: RefinedState, rows: Tensor) -> RefinedState:
        """The views of some rows explained again, those of as many views together: how many frames
        are tried depends on the number of views."""
        kept = state.count[rows].clamp(max=VIEWS_KEPT)
        parts = [
            (some, views)
            for views in range(1, VIEWS_KEPT + 1)
            for some in in_parts(rows[kept == views])
        ]

        def explained(part: tuple[Tensor, int]) -> Estimate:
            some, views = part
            return explained_again(
                self.model,
                state.context(some, views),
                state.aggregate.select(some),
                state.estimate.select(some),
                self._bare.precision,
            )

        estimates = each_part(explained, parts, self.model.device)
        return state.with_estimates([some for some, _ in parts], estimates)

    @torch.inference_mode()
    def reset(self, state: RefinedState, mask: NDArray[np.bool_]) -> RefinedState:
        """See `SceneEncoder`."""
        forgotten = torch.from_numpy(np.asarray(mask, dtype=bool)).to(self.model.device)

        def kept(part: Tensor) -> Tensor:
            return part.masked_fill(forgotten.view(-1, *[1] * (part.ndim - 1)), 0)

        return state.made_of([kept(part) for part in state.tensors])

    @torch.inference_mode()
    def representation(self, state: RefinedState) -> NDArray[np.float32]:
        """float32 (n, 4 * S ** 3) in [0, 1]: opacity, and colour times opacity, of each cell."""
        content = state.estimate.content
        opacity = -torch.expm1(-content[:, :1])
        both = torch.cat([opacity, opacity * content[:, 1:]], dim=1)
        out: NDArray[np.float32] = both.flatten(1).cpu().numpy()
        return out

    @torch.inference_mode()
    def select(self, state: RefinedState, rows: NDArray[np.int64]) -> RefinedState:
        """See `SceneImaginer`."""
        return state.select(torch.from_numpy(rows).to(self.model.device))

    @torch.inference_mode()
    def predict_view(self, state: RefinedState, viewpoints: Viewpoints) -> NDArray[np.uint8]:
        """See `SceneImaginer`; the likeliest scene, drawn. It leaves nothing to chance."""
        encoded = torch.from_numpy(viewpoints.encode()).to(self.model.device)
        images = []
        for rows in self._bare.portions(len(encoded), DRAWN_PER_THREAD):
            part = torch.arange(rows.start, rows.stop, device=encoded.device)
            scene = state.estimate.select(part).scene()
            images.append(to_uint8(self.model.draw_images(scene, encoded[rows])))
        out: NDArray[np.uint8] = torch.cat(images).cpu().numpy()
        return out

    @torch.inference_mode()
    def information_gain_from(
        self,
        state: RefinedState,
        query: NDArray[np.float32],
        seen: NDArray[np.float32],
        is_seen: NDArray[np.bool_],
        candidates: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """See `StateInformedEncoder` and `CanonicalGQN.information_gain`; cells that were found are
        certain, hidden ones as likely as `hidden_cells` says."""
        where = [torch.from_numpy(part) for part in (query, seen, is_seen, candidates)]
        gains = []
        for rows in self._bare.portions(len(query), LOOKED_AHEAD_PER_THREAD):
            part = torch.arange(rows.start, rows.stop, device=self.model.device)
            known = state.estimate.select(part)
            scene = CellScene(known.found.frame, known.found.brightness, known.content)
            asked = (part_of[rows].to(self.model.device) for part_of in where)
            gains.append(self.model.information_about(scene, *asked))
        out: NDArray[np.float32] = torch.cat(gains).float().cpu().numpy()
        return out

    def state_arrays(self, state: RefinedState) -> tuple[NDArray[Any], ...]:
        """See `ResumableEncoder`."""
        return tuple(part.cpu().numpy().copy() for part in state.tensors)

    def state_from_arrays(self, arrays: tuple[NDArray[Any], ...]) -> RefinedState:
        """See `ResumableEncoder`."""
        pattern = self.initial_state(len(arrays[0]) if arrays else 0)
        received = [(array.shape, str(array.dtype)) for array in arrays]
        expected = [(tuple(p.shape), str(p.cpu().numpy().dtype)) for p in pattern.tensors]
        if received != expected:
            raise UserError(f"the encoder's state is {received}, expected {expected}")
        device = self.model.device
        return pattern.made_of([torch.from_numpy(array).to(device) for array in arrays])

    def identity(self) -> str:
        """The SHA-256 of the weights, and that what they infer is refined."""
        return f"{self._bare.identity()} refined"


def load_refined(device: str = "auto", seed: int = 0) -> RefinedEncoder:
    """The encoder with the shipped weights; `seed` has no effect."""
    return RefinedEncoder(load_voxel_grid(device))
