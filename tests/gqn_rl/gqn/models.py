"""Small models and views that the tests of the GQN share."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gqn_rl.data.synthetic import SceneDistribution, SceneViews, render_views
from gqn_rl.geometry.view import to_float
from gqn_rl.gqn.families import FAMILIES, PRESETS, build, preset
from gqn_rl.gqn.model import GenerativeQueryNetwork
from gqn_rl.rendering import make_renderer
from gqn_rl.training.group import ALONE, Group
from gqn_rl.training.recipe import Recipe
from gqn_rl.training.trainer import Trainer

TINY = {
    family: next(name for name in entry.presets if "tiny" in name)
    for family, entry in FAMILIES.items()
}
"""A preset of every family that is quick enough for a battery of tests."""
QUICK_PRESETS = sorted({*TINY.values(), "small"} & set(PRESETS))


def make_model(name: str = "tiny", seed: int = 0) -> GenerativeQueryNetwork:
    """A model of a preset with random weights, the same ones for the same seed."""
    return build(preset(name), seed)


def random_views(num_scenes: int = 3, num_views: int = 4, seed: int = 0) -> SceneViews:
    """Scenes of seven cubes drawn by the ray caster, half of them in free orientation."""
    rng = np.random.default_rng(seed)
    scenes = SceneDistribution(free_fraction=0.5).sample(rng, num_scenes)
    return render_views(make_renderer("raycast"), scenes, num_views, rng)


def as_tensors(views: SceneViews) -> tuple[Tensor, Tensor]:
    """Images float (B, V, 3, H, W) and viewpoints float (B, V, 7)."""
    return to_float(torch.from_numpy(views.images)), torch.from_numpy(views.viewpoints)


def make_trainer(
    seed: int = 0,
    precision: str = "fp32",
    name: str = "tiny",
    group: Group = ALONE,
    **changes: object,
) -> Trainer:
    """A trainer of a small model; `changes` to a recipe of seconds."""
    numbers: dict[str, object] = {
        "iterations": 100,
        "batch_size": 3,
        "num_views": 4,
        "num_rays": 64,
        "learning_rate": 5e-3,
        "warmup": 5,
        "seed": seed,
    }
    recipe = Recipe(**(numbers | changes))  # type: ignore[arg-type]
    return Trainer(make_model(name, seed), recipe, precision, group)
