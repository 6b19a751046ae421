"""Comparison of two pictures in the picture plane: what the first shows is turned in imagination.

An explanation of the first picture is turned about the line of sight, drawn and compared with the
second picture, until it fits as well as it can: once as it is, and reflected in either of the
vertical planes of its grid. The hand that fits better is the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from experiments.rotation.protocol import turned_about_sight
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.rendering import Renderer
from gqn_rl.scenes.scene import SceneBatch

HANDS = np.array([[1.0, 1.0, 1.0], [-1.0, 1.0, 1.0], [1.0, -1.0, 1.0]])
"""Factors of an object's own axes: as it is, and reflected in either of its vertical planes."""
COARSE = 10.0
"""Degrees between the turns that are drawn first, small."""
SHRUNK = 2
"""By which their pictures are smaller."""
KEPT = 3
"""Turns of each hand that are followed further."""
FINEST = 0.3
"""Degrees of the last step: it moves no pixel of an object by a fifth of one."""


class PlaneFit(NamedTuple):
    """How well what is imagined fits a picture, at the best turn.

    Attributes:
        error: float64 (2,), mean squared difference of the pictures as the same object and as its
            mirror image, of 255 ** 2.
        angle: float64 (2,), degrees, anticlockwise.
    """

    error: NDArray[np.float64]
    angle: NDArray[np.float64]

    @property
    def is_mirrored(self) -> bool:
        """Whether the mirror image fits better."""
        return bool(self.error[1] < self.error[0])


class PlaneComparison:
    """Turns scenes about the line of sight until they fit a picture.

    Args:
        full: renderer of pictures as they are compared.
        small: of pictures `SHRUNK` times smaller.
        plain: makes of the second picture what the small renderer draws; by default as it is.
    """

    def __init__(
        self,
        full: Renderer,
        small: Renderer,
        plain: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] | None = None,
    ) -> None:
        self._full, self._small, self._plain = full, small, plain

    def fit(self, scenes: SceneBatch, image: NDArray[np.uint8], pose: Viewpoints) -> PlaneFit:
        """The best fit of any of E explanations of the first picture to the second one.

        Args:
            scenes: E explanations.
            image: uint8 (H, W, 3), the second picture.
            pose: of the one camera.
        """
        hands = _reflected(scenes)
        turns = np.arange(0.0, 360.0, COARSE)
        plain = image if self._plain is None else self._plain(image)
        small = plain[::SHRUNK, ::SHRUNK]
        rows = np.repeat(np.arange(len(hands)), len(turns))
        errors = self._errors(self._small, hands, rows, np.tile(turns, len(hands)), small, pose)
        order = errors.reshape(len(hands), -1).argsort(axis=1)[:, :KEPT]
        rows, angle = np.repeat(np.arange(len(hands)), KEPT), turns[order].ravel()
        best, step = self._errors(self._full, hands, rows, angle, image, pose), COARSE / 2
        while step > FINEST / 2:
            for change in (-step, step):
                there = self._errors(self._full, hands, rows, angle + change, image, pose)
                angle = np.where(there < best, angle + change, angle)
                best = np.minimum(there, best)
            step /= 2
        mirrored = rows >= len(scenes)
        first, second = (np.where(mirrored == hand, best, np.inf).argmin() for hand in (0, 1))
        places = np.array([first, second])
        return PlaneFit(best[places], angle[places] % 360.0)

    @staticmethod
    def _errors(
        renderer: Renderer,
        scenes: SceneBatch,
        rows: NDArray[np.int64],
        angle: NDArray[np.float64],
        image: NDArray[np.uint8],
        pose: Viewpoints,
    ) -> NDArray[np.float64]:
        """Of scenes at some rows, turned by angles."""
        chosen, poses = scenes[rows], pose[np.zeros(len(rows), np.int64)]
        turned = turned_about_sight(chosen.rotation, poses, angle)
        drawn = renderer.render(replace(chosen, rotation=turned), poses)
        differences = drawn.astype(np.float32) - image
        return np.asarray(np.square(differences).mean(axis=(1, 2, 3)), dtype=np.float64)


def _reflected(scenes: SceneBatch) -> SceneBatch:
    """E scenes as they are, then the E of each reflection, (3 E)."""
    return SceneBatch.concatenate([replace(scenes, cubes=scenes.cubes * hand) for hand in HANDS])
