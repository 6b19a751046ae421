"""The canonical voxel grid as a representation: the cells of the object in its own frame.

The representation r of the canonical family says where the frame lies and, in numbers of its own,
what fills it. This encoder hands on what the GQN imagines there, cell by cell, as the generator
draws it. Where the object stands and by how much it is turned, up to quarter turns, is gone; two
objects can be compared by turning one of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gqn_rl.devices import autocast, choose_device
from gqn_rl.encoders.gqn_encoder import ENCODED_PER_THREAD, GQNEncoder
from gqn_rl.errors import UserError
from gqn_rl.geometry.turned_volumes import TurnedVolumes
from gqn_rl.gqn.canonical.canonical_gqn import CanonicalGQN
from gqn_rl.gqn.canonical.config import CanonicalConfig
from gqn_rl.gqn.checkpoint import load_checkpoint, pretrained_path
from gqn_rl.gqn.view_aggregate import ViewAggregate

WEIGHTS = "base"
"""The shipped weights of the canonical family."""


class VoxelGridEncoder(GQNEncoder):
    """A `GQNEncoder` that represents by `CanonicalGQN.voxel_grid`, flat; a `ComparingEncoder`."""

    model: CanonicalGQN

    def __init__(
        self,
        model: CanonicalGQN,
        renderer: dict[str, Any] | None = None,
        weights_hash: str = "",
    ) -> None:
        super().__init__(model, renderer, weights_hash)
        self._turned = TurnedVolumes(model.config.frame_cells)

    @property
    def representation_size(self) -> int:
        return int(np.prod(self.model.voxel_grid_shape))

    @property
    def voxel_grid_shape(self) -> tuple[int, int, int, int]:
        """(4, S, S, S), which the representation holds flat."""
        return self.model.voxel_grid_shape

    @property
    def comparison_size(self) -> int:
        """See `ComparingEncoder`."""
        return self._turned.size

    @torch.inference_mode()
    def representation(self, state: ViewAggregate) -> NDArray[np.float32]:
        """float32 (n, 4 * S ** 3) in [0, 1], not standardised."""
        model: Any = self.model  # the state is an aggregate of its family
        with autocast(model.device, self.precision):
            each = [
                model.voxel_grid(model.representation(state.select(rows)))
                for rows in self.portions(len(state.parts[0]), ENCODED_PER_THREAD)
            ]
        out: NDArray[np.float32] = torch.cat(each).flatten(1).float().cpu().numpy()
        return out

    @torch.inference_mode()
    def compare(
        self, representation: NDArray[np.float32], reference: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """See `ComparingEncoder`; float32 (n, 6) of `TurnedVolumes.compare`."""
        return compared(self._turned, self.model, representation, reference)


@torch.inference_mode()
def compared(
    turned: TurnedVolumes,
    model: CanonicalGQN,
    representation: NDArray[np.float32],
    reference: NDArray[np.float32],
) -> NDArray[np.float32]:
    """float32 (n, 6), what `TurnedVolumes.compare` says of two representations (n, F)."""

    def volumes(flat: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(flat).to(model.device).view(-1, *model.voxel_grid_shape)

    out: NDArray[np.float32] = (
        turned.compare(volumes(representation), volumes(reference)).cpu().numpy()
    )
    return out


def load_voxel_grid(device: str = "auto", seed: int = 0) -> VoxelGridEncoder:
    """The encoder with the shipped weights; `seed` has no effect."""
    return cell_encoder(pretrained_path(WEIGHTS), device)


def cell_encoder(path: Path, device: str = "auto") -> VoxelGridEncoder:
    """The encoder from a checkpoint of the canonical family.

    Raises:
        UserError: for weights of another family.
    """
    model, sidecar = load_checkpoint(path, choose_device(device))
    if not isinstance(model, CanonicalGQN):
        raise UserError(
            f"{path} is of the family {model.family!r}, expected {CanonicalConfig.family!r}: "
            "others have no cells in a frame of the object"
        )
    return VoxelGridEncoder(model, sidecar["renderer"], sidecar["sha256"])
