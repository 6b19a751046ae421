"""Information gain: what a view from elsewhere would tell about a view that cannot be taken.

What counts are cells that are filled, as far as is known, that the view in question would see, and
that no camera so far has seen. A new view shows them if light from them reaches its camera.

References:
    Isler, Sabzevari, Delmerico and Scaramuzza, An Information Gain Formulation for Active
    Volumetric 3D Reconstruction, ICRA 2016 (what is in a cell weighted by its visibility; the
    same for the best next view of a whole object).
    Delmerico, Isler, Sabzevari and Scaramuzza, A comparison of volumetric information gain metrics
    for active 3D object reconstruction, Autonomous Robots 42, 2018.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gqn_rl.geometry.rays import camera_axes
from gqn_rl.gqn.canonical.generator import CellScene
from gqn_rl.gqn.canonical.traversal import traverse

LEAST_LENGTH = 1e-3
"""Rays that spend less than this many cube edges in a cell together say nothing about it."""
UNIT = 0.3
"""Cubes; about the spread of the gain over moves, so that the numbers are of the order of one."""


def information_gain(scene: CellScene, visible: Tensor, seen: Tensor, shown: Tensor) -> Tensor:
    """What each of M views would tell, and what is left to be told; float32 (N, M + 1).

    The sum over all cells of p * a * max(0, b - s), in `UNIT`: p is the chance that the cell is
    filled, a how visible it is from where it matters, b from the new camera, s from the best
    camera so far. With the chances in place of their entropies, which are common in
    reconstruction, the many cells that are almost surely empty weigh less. For what is left b is 1:
    all would be seen.

    Args:
        visible: `visibility` (N, cells) from where it matters.
        seen: the same from the best of the cameras so far.
        shown: the same (N, M, cells) from each of the new cameras.
    """
    everything = torch.cat([shown, torch.ones_like(seen)[:, None]], dim=1)
    news = (everything - seen[:, None]).clamp(min=0.0)
    filled = -torch.expm1(-scene.content[:, 0])
    return torch.einsum("ns,nms->nm", filled * visible, news) / UNIT


def visibility(scene: CellScene, viewpoints: Tensor, directions: Tensor, size: int) -> Tensor:
    """How much of the light from each cell would reach each of V cameras, in [0, 1].

    The mean over the rays that cross the cell, weighted by how long they stay in it; 0 for a cell
    that no ray crosses.

    Args:
        viewpoints: float32 (N, V, 7), see `Viewpoints.encode`.
        directions: float32 (R, 3) of the rays along the camera's axes.
        size: cells of an axis, S.

    Returns:
        float32 (N, V, S ** 3).
    """
    n, views = viewpoints.shape[:2]
    turned = torch.einsum("ri,nvij->nvrj", directions, camera_axes(viewpoints))
    rays = F.normalize(turned, dim=-1).flatten(1, 2)
    origins = viewpoints[:, :, None, :3].expand(-1, -1, len(directions), -1).flatten(1, 2)
    crossed = traverse(scene.frame.to_frame(origins), scene.frame.turn(rays), size)
    density = scene.content[:, 0].gather(1, crossed.cell.flatten(1)).view_as(crossed.length)
    optical = density * crossed.length
    reaching = (-(optical.cumsum(-1) - optical)).exp() * crossed.length
    # The cells of one camera after those of another.
    first = size**3 * torch.arange(views, device=viewpoints.device)
    place = (crossed.cell.view(n, views, -1) + first[:, None]).flatten(1)
    nothing = torch.zeros(n, views * size**3, dtype=torch.float32, device=viewpoints.device)
    light = nothing.scatter_add(1, place, reaching.flatten(1))
    length = nothing.scatter_add(1, place, crossed.length.flatten(1))
    return (light / length.clamp(min=LEAST_LENGTH)).view(n, views, -1)
