"""Frames moved until the edges of cells lie where edges were seen.

Opaque cells give outlines no gradient. Drawn with soft edges they have one, and the frame, four
numbers, is moved by damped Gauss-Newton steps with differences in place of derivatives.

References:
    Levenberg, A Method for the Solution of Certain Non-Linear Problems in Least Squares, Quarterly
    of Applied Mathematics 2:164, 1944.
    Liu et al., Soft Rasterizer, ICCV 2019 (soft edges so that outlines have gradients).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gqn_rl.inference.refinement.opaque import (
    OpaqueScene,
    Rays,
    colours_that_fit,
    draw_softly,
    misfit,
)

DIFFERENCE = (0.02, 0.04, 0.04, 0.04)
"""Radians and cube edges, of the soft edges' width at most."""
FIRST_DAMPING = 1e-2
LARGEST_STEP = 0.25
LEAST_STIFFNESS = 1e-4


def align(scene: OpaqueScene, rays: Rays, softness: Sequence[float]) -> OpaqueScene:
    """Frames that fit better, one step for each softness, in cube edges."""
    n = len(scene.filled)
    damping = torch.full((n,), FIRST_DAMPING, device=rays.weight.device)
    for soft in softness:
        scene = colours_that_fit(scene, rays)
        step, before = _step(scene, rays, soft, damping)
        after = misfit(draw_softly(scene.moved(step), rays, soft), rays)
        better = after < before
        scene = scene.moved(step * better[:, None])
        damping = torch.where(better, damping * 0.3, damping * 10.0)
    return scene


def _step(
    scene: OpaqueScene, rays: Rays, softness: float, damping: Tensor
) -> tuple[Tensor, Tensor]:
    """The damped Gauss-Newton step (N, 4), and the misfit (N,) before it."""
    n = len(scene.filled)
    size = torch.tensor(DIFFERENCE, device=damping.device) * min(1.0, softness / 0.3)
    steps = torch.cat([torch.zeros_like(size)[None], torch.diag(size)])
    drawn = draw_softly(scene.repeat(5).moved(steps.repeat(n, 1)), rays.repeat(5), softness)
    weight = rays.weight.sqrt()[..., None]
    drawn = drawn.view(n, 5, *drawn.shape[1:])
    left = ((rays.colours - drawn[:, 0]) * weight).flatten(1)
    change = ((drawn[:, 1:] - drawn[:, :1]) * weight[:, None]).flatten(2) / size[:, None]
    normal = change @ change.mT
    normal = normal + torch.diag_embed(
        damping[:, None] * normal.diagonal(dim1=1, dim2=2) + LEAST_STIFFNESS
    )
    step = torch.linalg.solve(normal, (change @ left[..., None])[..., 0])
    return step.clamp(-LARGEST_STEP, LARGEST_STEP), misfit(drawn[:, 0], rays)
