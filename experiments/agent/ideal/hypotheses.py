"""What may be shown beside a reference of mental rotation: it or its mirror image, turned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gqn_rl.geometry.rotations import MIRROR, VERTICAL_TURNS
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.inference.ideal_observer import Candidates, Posterior
from gqn_rl.inference.ideal_observer.ray_casting import SilhouetteTable
from gqn_rl.inference.ideal_observer.search.yaw_search import search_yaw
from gqn_rl.scenes.shape_catalogue import shape_catalogue

REFERENCES = 8
"""Most candidates for the reference that are kept, the likeliest."""


def turned_and_mirrored(reference: Posterior, angles: NDArray[np.float64]) -> Candidates:
    """What is shown beside a reference: it or its mirror image, turned by one of the angles.

    Args:
        angles: (A,), degrees.
    """
    both = both_hands(reference)
    return joined([both.turned(both.yaw + turn, both.log_prior) for turn in np.deg2rad(angles)])


def turned_anyhow(
    reference: Posterior, image: NDArray[np.uint8], viewpoint: Viewpoints
) -> Candidates:
    """The same, turned by any angle at which it explains an image (H, W, 3) from one pose."""
    both = both_hands(reference)
    turned = [
        replace(both, cubes=both.cubes @ turn.T, yaw=np.zeros(len(both)))
        for turn in VERTICAL_TURNS.astype(np.float64)
    ]
    candidates = joined(turned)
    return search_yaw(candidates, SilhouetteTable(candidates.cubes), image, viewpoint)


def both_hands(reference: Posterior) -> Candidates:
    """What the reference may be, the likeliest, and the mirror images in x = 0 of all of that."""
    likeliest = np.argsort(-reference.probability)[:REFERENCES]
    one = reference.candidates[likeliest]
    one = one.turned(one.yaw, np.log(reference.probability[likeliest]))
    mirrored = shape_catalogue(one.cubes.shape[1]).mirror[one.shape]
    return joined([one, Candidates(one.cubes * MIRROR, -one.yaw, one.log_prior, mirrored)])


def joined(parts: Sequence[Candidates]) -> Candidates:
    """The candidates of all parts, one after the other."""
    return Candidates(
        *(np.concatenate([getattr(p, name) for p in parts]) for name in vars(parts[0]))
    )
