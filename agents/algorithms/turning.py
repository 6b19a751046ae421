"""Random turns of what was seen, for the supervised part: what an object is stays the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor

from gqn_rl.errors import UserError, unknown_name
from gqn_rl.geometry.rotations import GRID_ROTATIONS
from gqn_rl.geometry.turned_volumes import sources


class RandomTurns:
    """Turns volumes of cells into one of the 24 orientations of the grid, drawn for every row.

    Only for observations whose cells lie in the frame of the object, as those of
    `gqn_rl.encoders.voxel_grid_encoder` do, and for questions whose answer does not depend on how
    the object stands.

    Args:
        volumes: key of the observation to the shape (C, S, S, S) of what it holds flat.
        space: of the observations.

    Raises:
        UserError: for a key that is not there, or a shape that does not fit it.
    """

    def __init__(self, volumes: Mapping[str, Sequence[int]], space: spaces.Dict) -> None:
        self._shapes: dict[str, tuple[int, int]] = {}
        self._sources: dict[str, Tensor] = {}
        for key, shape in volumes.items():
            if key not in space.spaces:
                raise unknown_name("observation to be turned", key, space.spaces)
            received = space[key].shape
            if len(shape) != 4 or len({*shape[1:]}) != 1 or received != (int(np.prod(shape)),):
                raise UserError(
                    f"{key!r} is to be turned as cells of shape {list(shape)}, expected channels "
                    f"and three equal sides that make up its shape {received}"
                )
            self._shapes[key] = (int(shape[0]), int(shape[1]) ** 3)
            self._sources[key] = torch.from_numpy(sources(int(shape[1]), GRID_ROTATIONS))

    def __call__(self, batch: dict[str, Tensor], rng: np.random.Generator) -> dict[str, Tensor]:
        """The batch (B, ...) with its volumes turned, all of a row alike."""
        if not self._shapes:
            return batch
        size = len(next(iter(batch.values())))
        turn = torch.from_numpy(rng.integers(len(GRID_ROTATIONS), size=size))
        turned = dict(batch)
        for key, (channels, cells) in self._shapes.items():
            source = self._sources[key][turn].to(batch[key].device)[:, None]
            volume = batch[key].view(size, channels, cells)
            turned[key] = volume.gather(2, source.expand(-1, channels, -1)).flatten(1)
        return turned
