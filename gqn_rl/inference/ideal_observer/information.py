"""What a view from elsewhere is expected to tell.

A view of a candidate leaves nothing to chance but the colours of cubes not seen before, and those
say nothing about where cubes are. So candidates fall into groups that look alike from there, and a
view tells which group it is: the information that it is expected to give (Lindley, 1956) about the
candidates is the entropy of the groups, which is why looking where the prediction is least certain
is best (Shewry and Wynn, 1987). About anything else that the candidates say, it is the entropy of
that, less what is expected to remain of it within the groups.

References:
    Lindley, On a measure of the information provided by an experiment, Annals of Mathematical
    Statistics 27:986, 1956.
    Shewry and Wynn, Maximum entropy sampling, Journal of Applied Statistics 14:165, 1987.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.inference.ideal_observer.candidates import FACES, Candidates
from gqn_rl.inference.ideal_observer.colours import TOLERANCE, Explanation
from gqn_rl.inference.ideal_observer.ray_casting import segment
from gqn_rl.inference.ideal_observer.sightings import shared_rays


def expected_information(
    candidates: Candidates,
    explanation: Explanation,
    probability: NDArray[np.float64],
    subject: NDArray[np.int64],
    viewpoints: Viewpoints,
    image_size: int,
) -> NDArray[np.float64]:
    """Expected reduction of the entropy of `subject` by one view from each of N poses.

    Args:
        probability: (C,), of the candidates.
        subject: (C,), what each candidate says about the question: the candidate itself, its
            shape, the answer it means.

    Returns:
        float64 (N,), bits.
    """
    if len(candidates) < 2:
        return np.zeros(len(viewpoints))
    names = cube_names(explanation)
    _, subject = np.unique(subject, return_inverse=True)
    before = _entropy(np.bincount(subject, probability))
    told = np.zeros(len(viewpoints))
    for number in range(len(viewpoints)):
        rays = shared_rays(candidates, viewpoints[number : number + 1], image_size)
        group = looks_alike(names, *segment(candidates, rays))
        within = group * len(candidates) + subject
        # H(subject | group) = H(subject, group) - H(group)
        joint = _entropy(np.bincount(within, probability))
        told[number] = before - (joint - _entropy(np.bincount(group, probability)))
    return told.clip(min=0.0)


def cube_names(explanation: Explanation) -> NDArray[np.int64]:
    """A name for each cube that candidates with the same colour of it share, int64 (C, P).

    Cubes that have not been seen have the name -1.
    """
    bases = np.where(explanation.is_known[..., None], explanation.bases(), -1.0)
    # Candidates that explain the same pixels have the same bases; others may be a little off.
    rough = np.round(bases / (2 * TOLERANCE + 1)).astype(np.int64)
    _, names = np.unique(rough.reshape(-1, 3), axis=0, return_inverse=True)
    return np.where(explanation.is_known, names.reshape(rough.shape[:2]), -1)


def looks_alike(
    names: NDArray[np.int64], cube: NDArray[np.int8], face: NDArray[np.int8]
) -> NDArray[np.int64]:
    """Groups of candidates that cannot be told apart by a view.

    Args:
        names: int64 (C, P), see `cube_names`.
        cube, face: int8 (C, R), see `segment`.

    Returns:
        int64 (C,), the number of each candidate's group.
    """
    count, num_cubes = names.shape
    label = np.where(names >= 0, names + num_cubes, -1)
    # Colours not seen before differ from each other: those cubes are told apart by where they
    # are first met, row by row.
    first = np.stack([np.argmax(cube == p, axis=1) for p in range(num_cubes)], axis=1)
    first[~np.stack([(cube == p).any(axis=1) for p in range(num_cubes)], axis=1)] = cube.shape[1]
    order = np.where(names >= 0, cube.shape[1] + 1, first).argsort(axis=1).argsort(axis=1)
    label = np.where(names >= 0, label, order)
    shown = np.take_along_axis(label, cube.clip(min=0).astype(np.int64), axis=1)
    signature = np.where(cube >= 0, 1 + len(FACES) * shown + face, 0).astype(np.int16)
    codes = [row.tobytes() for row in signature]
    return np.unique(codes, return_inverse=True)[1].reshape(count)


def _entropy(weights: NDArray[np.float64]) -> float:
    weights = weights[weights > 0]
    return float(-(weights * np.log2(weights)).sum())
