"""Answers of the GQN's inference: each picture explained alone, the two explanations compared.

Nothing is trained for the task. What the network infers from a picture is refined until it explains
the picture (`gqn_rl.inference.refinement`); the cells found are laid on each other, turned and
shifted, once as they are and once reflected, and the hand in which more of them agree is the
answer. Where as many agree, it is the hand in which the others hide, as they do in the pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from gqn_rl.geometry.rotations import yaw_matrices
from gqn_rl.geometry.view import Context, to_float
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.gqn.canonical.canonical_gqn import CanonicalGQN
from gqn_rl.gqn.canonical.frame import Frame
from gqn_rl.inference.matching import Cells, Fit, best_fits
from gqn_rl.inference.refinement.alternatives import Alternatives
from gqn_rl.inference.refinement.refinement import look
from gqn_rl.inference.refinement.search.explanation import Effort, explain
from gqn_rl.rendering.base import NEAREST
from gqn_rl.rendering.raycast import RaycastRenderer
from gqn_rl.scene_threads import each_part
from gqn_rl.scenes.scene import SceneBatch

EFFORT = Effort({1: (1, 24, 64)}, {1: 2})
"""Frames that are drawn in each stage of a search: hardly any near the one that the network infers,
which for ten cubes, of which it has seen none, is rarely right."""
STEPS = 20
TOGETHER = 16
DOUBT = 0.3
"""Cells that must agree more for an explanation that is e times less probable."""
UNDECIDED = 0.5
"""Cells by which one hand must be better, or else what hides is looked at."""
CONFLICT = 4
"""Pixels in which a cell shows that ought to hide, for which a hand loses a cell."""


class Explained(NamedTuple):
    """One explanation of a picture.

    Attributes:
        cells: of its grid.
        log_probability: among the explanations of this picture.
        yaw, offset: float, and float (3,), of the grid in the world, see `Frame`.
    """

    cells: Cells
    log_probability: float
    yaw: float
    offset: NDArray[np.floating]

    def scene(self) -> SceneBatch:
        """What was found, as one scene."""
        found = self.with_more(np.empty((0, 3), np.int64))
        colour = np.asarray(self.cells.colour, np.float32)[None].clip(0.0, 1.0)
        return replace(found, colour=colour)

    def white(self) -> Explained:
        """The same with colours that say nothing."""
        white = np.ones_like(self.cells.colour)
        return self._replace(cells=self.cells._replace(colour=white))

    def with_more(self, place: NDArray[np.int64]) -> SceneBatch:
        """Its cells, and then those at some places (K, 3), as one scene."""
        places = np.concatenate([self.cells.place, place])
        cubes = (places + 0.5 + self.offset)[None]
        rotation = yaw_matrices(np.array([self.yaw]))
        return SceneBatch(
            cubes, np.ones(cubes.shape[:2], bool), rotation, np.ones(cubes.shape, np.float32)
        )


@torch.no_grad()
def explanations(
    model: CanonicalGQN,
    images: NDArray[np.uint8],
    poses: Viewpoints,
    done: Callable[[int], None],
    clear: NDArray[np.bool_] | None = None,
) -> list[list[Explained]]:
    """What may be seen in each of n pictures, the most probable first.

    Args:
        images: uint8 (n, H, W, 3).
        done: told how many more are explained, by several threads.
        clear: bool (n, H, W), pixels that have the colour of what they show; None for all.
    """
    encoded = torch.from_numpy(poses.encode())

    def some(part: slice) -> list[list[Explained]]:
        seen = to_float(torch.from_numpy(images[part]))[:, None].to(model.device)
        context = Context(seen, encoded[part, None].to(model.device))
        inferred = Frame.unpack(model.represent(context.images, context.viewpoints).float())
        known = None
        if clear is not None:
            known = torch.from_numpy(clear[part]).flatten(1)[:, None].to(model.device)
        found = explain(look(model, context, clear=known), inferred, STEPS, EFFORT)
        done(len(seen))
        return explained(found)

    parts = [slice(start, start + TOGETHER) for start in range(0, len(images), TOGETHER)]
    return list(chain.from_iterable(each_part(some, parts, model.device)))


def explained(alternatives: Alternatives) -> list[list[Explained]]:
    """The explanations of each scene."""
    scene = alternatives.scene
    corner, colour, filled = (part.cpu().numpy() for part in scene[2:5])
    frames = scene.frame.pack().cpu().numpy().astype(np.float64)

    def one(k: int, weight: float) -> Explained:
        place = np.rint(corner[k][filled[k]]).astype(np.int64)
        cells = Cells(place, colour[k][filled[k]])
        return Explained(cells, float(np.log(weight)), float(frames[k, 0]), frames[k, 1:])

    rows = zip(alternatives.choices.tolist(), alternatives.weight.tolist(), strict=True)
    return [
        [one(k, w) for k, w in zip(choices, weights, strict=True) if w > 0]
        for choices, weights in rows
    ]


class Comparison:
    """Says of two explained pictures from one pose whether they show mirror images.

    Args:
        renderer: of segmented pictures, of the size of those that were explained.
    """

    def __init__(self, renderer: RaycastRenderer) -> None:
        self._renderer = renderer

    def mirrored(
        self, one: list[Explained], other: list[Explained], pose: Viewpoints
    ) -> tuple[bool, float]:
        """The answer, and by how many cells it is the better one; a tie is called the same."""
        scores = self._scores(one, other, None)
        if abs(scores[1] - scores[0]) < UNDECIDED:
            scores = self._scores(one, other, pose)
        return bool(scores[1] > scores[0]), float(abs(scores[1] - scores[0]))

    def _scores(
        self, one: list[Explained], other: list[Explained], pose: Viewpoints | None
    ) -> NDArray[np.float64]:
        """For each hand the cells that agree at best, less what shows that ought to hide."""
        best = np.full(2, -np.inf)
        for mine in one:
            for theirs in other:
                doubt = DOUBT * (mine.log_probability + theirs.log_probability)
                there = best_fits(mine.cells, theirs.cells)
                score = np.array([fit.score for fit in there]) + doubt
                if pose is not None:
                    back = best_fits(theirs.cells, mine.cells)
                    for hand in (0, 1):
                        shown = self._shown(mine, theirs, there[hand], pose)
                        shown += self._shown(theirs, mine, back[hand], pose)
                        score[hand] -= shown / CONFLICT
                best = np.maximum(best, score)
        return best

    def _shown(self, mine: Explained, theirs: Explained, fit: Fit, pose: Viewpoints) -> int:
        """Pixels of their picture in which my cells would show that are none of theirs."""
        laid = fit.laid(mine.cells.place)
        known = {tuple(place) for place in theirs.cells.place.tolist()}
        more = laid[[tuple(place) not in known for place in laid.tolist()]]
        if not len(more):
            return 0
        scene = theirs.with_more(more)
        if np.linalg.norm(scene.cube_centres()[0] - pose.position, axis=1).min() < NEAREST:
            return self._renderer.identity.image_size**2  # nothing else would be seen
        _, cube = self._renderer.render_with_segmentation(scene, pose)
        return int((cube >= len(theirs.cells.place)).sum())
