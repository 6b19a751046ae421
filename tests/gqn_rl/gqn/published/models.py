"""A tiny published GQN and noise for images, which its tests share."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import torch
from torch import Tensor

from gqn_rl.geometry.view import Views
from gqn_rl.geometry.viewpoint import Viewpoints
from gqn_rl.gqn.draws import Draws
from gqn_rl.gqn.families import build
from gqn_rl.gqn.objective import Sampling, SceneTerms
from gqn_rl.gqn.published.config import PRESETS
from gqn_rl.gqn.published.published_gqn import PublishedGQN

TINY = PRESETS["published-tiny"]
SIZE = 32
VARIANTS = list(product(("tower", "pyramid", "pool"), (False, True), ("sum", "mean")))
IS_QUERY = torch.tensor([[False, False, True, True], [True, False, False, False]])


def make(seed: int = 0, **changes: object) -> PublishedGQN:
    model = build(replace(TINY, **({"image_size": SIZE} | changes)), seed)  # type: ignore[arg-type]
    assert isinstance(model, PublishedGQN)
    return model


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def views(scenes: int = 2, count: int = 4, size: int = SIZE, seed: int = 0) -> Views:
    """Noise for images, and plausible poses; scene after scene."""
    rng = np.random.default_rng(seed)
    n = scenes * count
    images = rng.integers(0, 256, (n, size, size, 3), dtype=np.uint8)
    angles = rng.uniform(-1.5, 1.5, (2, n))
    return Views(images, Viewpoints(rng.normal(0, 2, (n, 3)), *angles))


def tensors(scenes: int = 2, count: int = 4, size: int = SIZE) -> tuple[Tensor, Tensor]:
    """Images uint8 (B, V, S, S, 3) and poses (B, V, 7)."""
    drawn = views(scenes, count, size)
    images = torch.from_numpy(drawn.images).view(scenes, count, size, size, 3)
    return images, torch.from_numpy(drawn.viewpoints.encode()).view(scenes, count, 7)


def bound(
    model: PublishedGQN,
    images: Tensor,
    poses: Tensor,
    sampling: Sampling = Sampling(),  # noqa: B008
    seed: int = 0,
) -> SceneTerms:
    draws = Draws(seeded(seed), len(images))
    return model.bound(images, poses, IS_QUERY, draws=draws, sampling=sampling)
