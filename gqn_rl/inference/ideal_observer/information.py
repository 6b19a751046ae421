"""Expected information: what a view from elsewhere would tell.

A view of a candidate leaves nothing to chance but the colours of cubes not seen before. So
candidates fall into groups that look alike from there, and a view tells which group it is, and
those colours. The information that it is expected to give (Lindley, 1956) about the whole scene is
the entropy of what will be seen, which is why looking where the prediction is least certain is best
(Shewry and Wynn, 1987). About anything less, a shape or another view, it is the entropy of that,
less what is expected to remain of it within the groups, and the colours that matter to it.

References:
    Lindley, On a measure of the information provided by an experiment, Annals of Mathematical
    Statistics 27:986, 1956.
    Shewry and Wynn, Maximum entropy sampling, Journal of Applied Statistics 14:165, 1987.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gqn_rl.geometry.viewpoint import FIELD_OF_VIEW, Viewpoints
from gqn_rl.inference.ideal_observer.candidates import FACES, Candidates
from gqn_rl.inference.ideal_observer.colours import TOLERANCE, Explanation, colour_entropy
from gqn_rl.inference.ideal_observer.ray_casting import segment, shared_rays

SAME_COLOUR = 2 * TOLERANCE + 1
"""Bases whose channels differ by no more may be of one cube, of which different faces were seen."""


@dataclass(frozen=True)
class Subject:
    """What is asked about.

    >>> shape = Subject(np.array([7, 7, 3]), np.zeros((3, 5), bool))  # of three candidates
    >>> len(np.unique(shape.value))
    2

    Attributes:
        value: int64 (C,), what each candidate says about it.
        colours: bool (C, P), cubes whose colours belong to it.
    """

    value: NDArray[np.int64]
    colours: NDArray[np.bool_]


def expected_information(
    candidates: Candidates,
    explanation: Explanation,
    probability: NDArray[np.float64],
    subject: Subject,
    viewpoints: Viewpoints,
    image_size: int,
    field_of_view: float = FIELD_OF_VIEW,
) -> NDArray[np.float64]:
    """Expected reduction of the entropy of the subject by one view from each of N poses.

    Args:
        explanation: the colours of the candidates' cubes as far as they are known.
        probability: (C,), of the candidates.
        field_of_view: in radians.

    Returns:
        float64 (N,), bits.
    """
    value = np.unique(subject.value, return_inverse=True)[1]
    before = _entropy(np.bincount(value, probability))
    unknown = subject.colours & ~explanation.is_known
    told = np.zeros(len(viewpoints))
    if before == 0 and not unknown.any():
        return told
    for number in range(len(viewpoints)):
        group, visible = appearances(
            candidates, explanation, viewpoints[number : number + 1], image_size, field_of_view
        )
        # H(value | group) = H(value, group) - H(group)
        joint = _entropy(np.bincount(group * len(candidates) + value, probability))
        told[number] = before - joint + _entropy(np.bincount(group, probability))
        told[number] += colour_entropy() * (probability @ (unknown & visible).sum(axis=1))
    return told.clip(min=0.0)


def appearances(
    candidates: Candidates,
    explanation: Explanation,
    viewpoint: Viewpoints,
    image_size: int,
    field_of_view: float = FIELD_OF_VIEW,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """How candidates look from one pose.

    Returns:
        The number of the group of candidates that look alike, int64 (C,), and which cubes are
        to be seen, bool (C, P).
    """
    rays = shared_rays(candidates, viewpoint, image_size, field_of_view=field_of_view)
    cube, face = segment(candidates, rays)
    names = _cube_names(explanation)
    seen = cube[:, None] == np.arange(names.shape[1])[:, None]  # (C, P, R)
    visible = seen.any(axis=2)
    # Cubes not seen before have new colours, all different: what tells them apart is where each is
    # first met, row by row.
    first = np.where(visible, seen.argmax(axis=2), cube.shape[1])
    order = np.where(names < 0, first, cube.shape[1]).argsort(axis=1).argsort(axis=1)
    label = np.where(names < 0, order, names.shape[1] + names)
    shown = np.take_along_axis(label, cube.clip(min=0).astype(np.int64), axis=1)
    # Faces are told apart by their brightness alone: those turned from the light look the same.
    levels, level = np.unique(np.round(candidates.shades(), 3), return_inverse=True)
    bright = np.take_along_axis(level.reshape(-1, len(FACES)), face.astype(np.int64), axis=1)
    signature = np.where(cube >= 0, 1 + len(levels) * shown + bright, 0).astype(np.int32)
    codes = np.array([hash(row.tobytes()) for row in signature])
    return np.unique(codes, return_inverse=True)[1].reshape(-1), visible


def _cube_names(explanation: Explanation) -> NDArray[np.int64]:
    """A name for each cube that candidates with the same colour of it share, int64 (C, P).

    Cubes that have not been seen have the name -1.
    """
    known = explanation.is_known
    names = np.full(known.shape, -1)
    colours, index = np.unique(explanation.bases()[known], axis=0, return_inverse=True)
    # Candidates that show a cube's faces in other places know its colour to another precision.
    found = np.full(len(colours), -1)
    for number in range(len(colours)):
        if found[number] < 0:
            alike = np.abs(colours - colours[number]).max(axis=1) <= SAME_COLOUR
            found[alike & (found < 0)] = number
    names[known] = found[index.reshape(-1)]
    return names


def _entropy(weights: NDArray[Any]) -> float:
    weights = weights[weights > 0]
    return float(-(weights * np.log2(weights)).sum())
