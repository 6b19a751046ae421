"""Belief about scenes that are in part seen: what explains the views, and chances for the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gqn_rl.gqn.canonical.frame import Frame
from gqn_rl.gqn.canonical.generator import CellScene
from gqn_rl.gqn.scene_posterior import ScenePosterior
from gqn_rl.inference.refinement.alternatives import Alternatives
from gqn_rl.inference.refinement.hidden import hidden_cells, unknown_colours
from gqn_rl.inference.refinement.opaque import OpaqueScene

if TYPE_CHECKING:
    from gqn_rl.gqn.canonical.canonical_gqn import CanonicalGQN

DENSITY = 1e4
"""Of a filled cell, per cube edge: a ray that grazes it sees it."""


class RefinedPosterior(ScenePosterior):
    """What is known of N scenes after refinement.

    A sample is one of the explanations of the views, drawn with its probability, which keeps the
    cells that are seen. Those that no view shows are filled with the chances of `hidden_cells`.
    Their colours are drawn too: nothing that was seen tells of them.

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
        explained: cells that are seen, in frames that explain the views: E alternatives.
        unseen: bool (E, cells ** 3), cells of which the views say nothing, of each alternative.
        bare: float32 (N, F), the representation of the context; `r`: float32 (E, F), the same in
            the frames of the alternatives.
        refined: bool (N,), false where nothing explains the views better than the bare network
            does, which then is what is sampled.
        error: float32 (N,), RMSE in [0, 1] of what explains the views, over their pixels on and
            near the object: about 0.01 for a good fit; views that contradict each other leave 0.1
            and more.
    """

    def __init__(
        self,
        model: CanonicalGQN,
        explained: Alternatives,
        unseen: Tensor,
        bare: Tensor,
        r: Tensor,
        refined: Tensor,
    ) -> None:
        self._model = model
        self.explained = explained
        self.unseen = unseen
        self.bare = bare
        self.r = r
        self.refined = refined

    @property
    def error(self) -> Tensor:
        return self.explained.error

    def sample(self, generator: torch.Generator | None = None) -> CellScene:
        model, pick = self._model, self.refined
        n = len(self.bare)
        noise = model.noise(n, generator)
        chance = torch.rand(n, 2, generator=generator, dtype=torch.float32, device=model.device)
        which = self.explained.draw(chance[:, 0])
        found = self.explained.scene.select(which)
        imagined = model.imagine(self.r[which], noise)
        size = model.config.frame_cells
        sets = hidden_cells(found, imagined.content, self.unseen[which], size)
        hidden = sets.draw(chance[:, 1])
        shape = (n, 2, size**3)
        colours = unknown_colours(torch.rand(shape, generator=generator, device=model.device))
        content = contents(found, DENSITY * hidden, colours, size)
        if bool(pick.all()):
            return CellScene(found.frame, found.brightness, content)
        plain = model.imagine(self.bare, noise)
        return CellScene(
            Frame.unpack(torch.where(pick[:, None], found.frame.pack(), plain.frame.pack())),
            torch.where(pick[:, None], found.brightness, plain.brightness),
            torch.where(pick[:, None, None], content, plain.content),
        )


def contents(found: OpaqueScene, density: Tensor, colour: Tensor, cells: int) -> Tensor:
    """Contents (N, 4, cells ** 3): the cells found, and elsewhere what is hidden.

    Args:
        density: float32 (N, cells ** 3), of cells that are not found.
        colour: float32 (N, 3, cells ** 3), of the same.
    """
    content = torch.cat([density[:, None], colour], dim=1)
    inside = torch.cat([torch.full_like(found.colour[..., :1], DENSITY), found.colour], dim=2)
    place = found.places(cells)[:, None].expand(-1, 4, -1)
    # Cells that are not filled write to a place beyond the grid.
    content = torch.cat([content, content[..., :1]], dim=2).scatter(2, place, inside.mT)
    return content[..., :-1]
