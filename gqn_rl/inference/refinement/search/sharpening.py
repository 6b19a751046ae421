"""The last digits of a fit: colours, brightness, and the frame to a fraction of a pixel."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from gqn_rl.inference.refinement.opaque import (
    OpaqueScene,
    Rays,
    brightness_that_fits,
    colours_that_fit,
)
from gqn_rl.inference.refinement.search.alignment import align
from gqn_rl.inference.refinement.sightings import Sightings

WIDEST, NARROWEST = 0.3, 0.01
"""Softness of edges from the first to the last step, in cube edges; a pixel is a tenth."""
STEPS_A_ROUND = 2
EDGE = 0.02
"""Difference between neighbours that makes an edge."""
UNCLEAR = -1.0
"""What differs from every colour."""


def sharpen(scene: OpaqueScene, edges: Rays, faces: Rays, steps: int) -> OpaqueScene:
    """Scenes whose frames, colours and brightness fit as well as `steps` steps make them.

    Args:
        edges: pixels beside edges, which say where the frame is.
        faces: pixels of the object, which say what colours are.
    """
    factor = (NARROWEST / WIDEST) ** (1 / max(1, steps - 1))
    softness = [WIDEST * factor**step for step in range(steps)]
    for start in range(0, steps, STEPS_A_ROUND):
        scene = align(scene, edges, softness[start : start + STEPS_A_ROUND])
        for _ in range(2):
            scene = brightness_that_fits(colours_that_fit(scene, faces), faces)
    return colours_that_fit(scene, faces)


def beside_edges(sightings: Sightings) -> Tensor:
    """Pixels that differ from a neighbour or have one that is not clear, bool (N, M, P)."""
    n, m, p = sightings.shown.shape
    size = sightings.image_size
    image = sightings.colours.view(n * m, size, size, 3)
    image = image.masked_fill(~sightings.clear.view(n * m, size, size, 1), UNCLEAR)
    down = (image[:, 1:] - image[:, :-1]).abs().amax(-1) > EDGE
    right = (image[:, :, 1:] - image[:, :, :-1]).abs().amax(-1) > EDGE
    either = F.pad(down, (0, 0, 0, 1)) | F.pad(down, (0, 0, 1, 0))
    either |= F.pad(right, (0, 1)) | F.pad(right, (1, 0))
    return either.view(n, m, p)
