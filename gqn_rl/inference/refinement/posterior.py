"""Belief about scenes that are in part seen: what was found, and chances for the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gqn_rl.gqn.canonical.frame import Frame
from gqn_rl.gqn.canonical.generator import CellScene
from gqn_rl.gqn.scene_posterior import ScenePosterior
from gqn_rl.inference.refinement.opaque import OpaqueScene

if TYPE_CHECKING:
    from gqn_rl.gqn.canonical.canonical_gqn import CanonicalGQN

DENSITY = 1e4
"""Of a filled cell, per cube edge: a ray that grazes it sees it."""
CHANCE_GAIN, CHANCE_BIAS = 1.2, -1.6
"""From the opacity of cells that no view shows to the chance that they are filled, a logistic
regression over scenes of training shapes seen once; `base` takes too many for filled."""


class RefinedPosterior(ScenePosterior):
    """What is known of N scenes after refinement.

    Cells that are seen are the same in all samples. Those that no view shows are filled with the
    chance that the network gives them.

    >>> import numpy as np
    >>> from gqn_rl import GenerativeQueryNetwork
    >>> from gqn_rl.data.synthetic import SceneDistribution, render_views
    >>> from gqn_rl.geometry.view import Context, to_float
    >>> from gqn_rl.rendering import make_renderer
    >>> rng = np.random.default_rng(0)
    >>> scenes = SceneDistribution(shapes="test").sample(rng, 2)
    >>> views = render_views(make_renderer("raycast"), scenes, 3, rng)
    >>> images, poses = to_float(torch.from_numpy(views.images)), torch.from_numpy(views.viewpoints)
    >>> posterior = GenerativeQueryNetwork.from_pretrained("base").infer(Context(images, poses))
    >>> posterior.refined.tolist(), bool((posterior.error < 0.05).all())
    ([True, True], True)

    Args:
        model: of which `bare` and `r` are representations.

    Attributes:
        found: cells that are seen, in frames that explain the views.
        unseen: bool (N, cells ** 3), cells of which the views say nothing.
        bare: float32 (N, F), the representation of the context; `r`: the same in the frame found.
        refined: bool (N,), false where nothing explains the views better than the bare network
            does, which then is what is sampled.
        error: float32 (N,), RMSE in [0, 1] of what explains the views, over their pixels on and
            near the object: about 0.01 for a good fit; views that contradict each other leave 0.1
            and more.
    """

    def __init__(
        self,
        model: CanonicalGQN,
        found: OpaqueScene,
        unseen: Tensor,
        bare: Tensor,
        r: Tensor,
        refined: Tensor,
        error: Tensor,
    ) -> None:
        self._model = model
        self.found = found
        self.unseen = unseen
        self.bare = bare
        self.r = r
        self.refined = refined
        self.error = error

    def sample(self, generator: torch.Generator | None = None) -> CellScene:
        model, found, pick = self._model, self.found, self.refined
        noise = model.noise(len(self.r), generator)
        shape, number = self.unseen.shape, torch.float32
        chance = torch.rand(shape, generator=generator, dtype=number, device=model.device)
        imagined = model.imagine(self.r, noise)
        content = self._filled(imagined.content, chance)
        if bool(pick.all()):
            return CellScene(found.frame, found.brightness, content)
        plain = model.imagine(self.bare, noise)
        return CellScene(
            Frame.unpack(torch.where(pick[:, None], found.frame.pack(), plain.frame.pack())),
            torch.where(pick[:, None], found.brightness, plain.brightness),
            torch.where(pick[:, None, None], content, plain.content),
        )

    def _filled(self, imagined: Tensor, chance: Tensor) -> Tensor:
        """Contents (N, 4, cells ** 3): the cells found, and of those unseen some.

        Args:
            imagined: contents, opaque where the network takes a cell for filled.
            chance: uniform in [0, 1), (N, cells ** 3).
        """
        opacity = -torch.expm1(-imagined[:, 0])
        filled = torch.sigmoid(CHANCE_GAIN * torch.logit(opacity, eps=1e-4) + CHANCE_BIAS)
        density = DENSITY * ((chance < filled) & self.unseen)
        content = torch.cat([density[:, None], imagined[:, 1:]], dim=1)
        found = self.found
        inside = torch.cat([torch.full_like(found.colour[..., :1], DENSITY), found.colour], dim=2)
        place = found.places(self._model.config.frame_cells)[:, None].expand(-1, 4, -1)
        # Cells that are not filled write to a place beyond the grid.
        content = torch.cat([content, content[..., :1]], dim=2).scatter(2, place, inside.mT)
        return content[..., :-1]
