"""Scenes, drawn by the ray caster, as refinement describes them."""

from __future__ import annotations

import numpy as np
import torch

from gqn_rl.data.synthetic import SceneDistribution, render_views
from gqn_rl.geometry.rays import pixel_directions
from gqn_rl.geometry.view import Context, to_float
from gqn_rl.gqn.canonical.frame import Frame
from gqn_rl.inference.refinement.opaque import OpaqueScene
from gqn_rl.inference.refinement.sightings import Sightings, sight
from gqn_rl.rendering import make_renderer
from gqn_rl.rendering.base import AMBIENT, DIFFUSE, unit_light
from gqn_rl.scenes.scene import SceneBatch


def random_scenes(
    count: int, seed: int, orientation: str = "free", position: str = "centred"
) -> SceneBatch:
    """Scenes of seven cubes of test shapes."""
    free = {"grid": 0.0, "free": 1.0}[orientation]
    distribution = SceneDistribution(shapes="test", free_fraction=free, position=position)
    return distribution.sample(np.random.default_rng(seed), count)


def seen_from(scenes: SceneBatch, num_views: int, seed: int) -> Context:
    """The scenes from as many random viewpoints each."""
    rng = np.random.default_rng(seed)
    views = render_views(make_renderer("raycast"), scenes, num_views, rng)
    return Context(to_float(torch.from_numpy(views.images)), torch.from_numpy(views.viewpoints))


def sighted_from(scenes: SceneBatch, num_views: int, seed: int) -> Sightings:
    return sight(seen_from(scenes, num_views, seed), pixel_directions(64))


def brightness(frame: Frame) -> torch.Tensor:
    """What the renderers give to the faces of cells in a frame, (N, 6)."""
    axes = frame.axes()
    normals = torch.stack([axes, -axes], dim=2).flatten(1, 2)
    light = torch.from_numpy(unit_light()).float()
    return AMBIENT + DIFFUSE * (normals @ light).clamp(min=0.0)


def true_scene(scenes: SceneBatch) -> OpaqueScene:
    """The scenes themselves."""
    frame = Frame.unpack(torch.from_numpy(scenes.grid_poses()))
    centres = frame.to_frame(torch.from_numpy(scenes.cube_centres()).float())
    return OpaqueScene(
        frame,
        brightness(frame),
        (centres - 0.5).round(),
        torch.from_numpy(scenes.colour),
        torch.ones(scenes.mask.shape, dtype=torch.bool),
    )
