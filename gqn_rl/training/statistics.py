"""Mean and spread of the representation, stored with the weights."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from gqn_rl.data.shard_file import read_headers
from gqn_rl.data.shards import ShardBatches
from gqn_rl.data.synthetic import SceneDistribution, SceneViews, render_views
from gqn_rl.evaluation.metrics import representations
from gqn_rl.gqn.model import GenerativeQueryNetwork
from gqn_rl.rendering import Renderer

SCENES_PER_COUNT = 256
MAX_VIEWS = 6
MIN_SCALE = 1e-3
"""Numbers that hardly vary stay small instead of being blown up to unit spread."""


def set_statistics(model: GenerativeQueryNetwork, views: Iterable[SceneViews]) -> None:
    """Set the model's `representation_mean` and `representation_scale`.

    Args:
        views: training scenes, all of whose views are encoded; from as many different numbers of
            views as an agent meets.
    """
    parts = [representations(model, part) for part in views]
    r = np.concatenate(parts).astype(np.float64)
    model.representation_mean.copy_(torch.from_numpy(r.mean(axis=0)))
    model.representation_scale.copy_(torch.from_numpy(np.maximum(r.std(axis=0), MIN_SCALE)))


def rendered_examples(
    renderer: Renderer, distribution: SceneDistribution, *, seed: int
) -> Iterable[SceneViews]:
    """Scenes for `set_statistics`, seen from 1 to 6 views as an agent meets them."""
    rng = np.random.default_rng([seed, 1])
    for count in range(1, MAX_VIEWS + 1):
        yield render_views(renderer, distribution.sample(rng, SCENES_PER_COUNT), count, rng)


def stored_examples(folder: Path, *, seed: int) -> Iterable[SceneViews]:
    """The same for data on disk: as many scenes, or all that there are, and views of them.

    Which ones depends on the seed alone, not on how a training was shared out.
    """
    shards = read_headers(folder)
    scenes = sum(shard.num_scenes for shard in shards)
    batches = ShardBatches(
        folder,
        None,
        batch_size=min(SCENES_PER_COUNT, scenes),
        num_views=min(MAX_VIEWS, shards[0].description.num_views),
        num_batches=MAX_VIEWS,
        seed=seed,
    )
    for count in range(1, batches.num_views + 1):
        views = batches[count - 1]
        yield SceneViews(views.images[:, :count], views.viewpoints[:, :count])
