"""What a network would imagine that knew the scenes."""

from __future__ import annotations

import torch
from torch import Tensor

from gqn_rl.gqn.canonical.frame import Frame
from gqn_rl.scenes.scene import SceneBatch

CELLS = 8


def true_cells(scenes: SceneBatch) -> Tensor:
    """The volumes of an encoder that knows the scenes, float32 (N, 4, S, S, S)."""
    frame = Frame.unpack(torch.from_numpy(scenes.grid_poses()))
    centres = frame.to_frame(torch.from_numpy(scenes.cube_centres()).float())
    index = (centres + CELLS / 2).floor().long()
    volumes = torch.zeros(len(scenes), 4, CELLS, CELLS, CELLS)
    for row, cubes in enumerate(index):
        x, y, z = cubes.unbind(1)
        volumes[row, 0, x, y, z] = 1.0
        volumes[row, 1:, x, y, z] = torch.from_numpy(scenes.colour[row]).T
    return volumes
